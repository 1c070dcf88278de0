#pragma once

// Plays the isolate behind a loop that has a thread of its own: owns the port's memory, takes
// batches, hands their records to a handler, hands over what the handler wants, and sleeps in the
// alarm's multiplexer. The loop has the net layer and a desk as guests.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "job/desk.h"
#include "loop/dedicated.h"
#include "net/block_errand.h"
#include "test/loopback.h"

namespace heddle::test {

class DedicatedWorld {
 public:
  explicit DedicatedWorld(const PortSizes& sizes = {}, bool startsAtOnce = true)
      : sizes_(sizes), block_(std::make_unique<PortBlock>(sizes)) {
    sys::ignoreBrokenPipe();
    memory_ = block_->memory();
    loop_ = loop::Loops::makePtr(cells_.portMemory(memory_), Loopback::originNow());
    if (loop_ == nullptr || loop_->open() < 0) std::abort();
    net_ = net::Nets::makePtr(loop_.get());
    if (net_ == nullptr) std::abort();
    loop_->attach(net_.get(), net::Net::kTags);
    desk_ = job::Desks::makePtr(loop_.get());
    if (desk_ == nullptr || desk_->open() < 0) std::abort();
    loop_->attach(desk_.get(), 0);
    loop_->takeRecords(desk_.get(), job::Desk::kRecordGroup);
    dedicated_ = loop::Dedicateds::makePtr(loop_.get(), &cells_, memory_, end, this);
    if (dedicated_ == nullptr || dedicated_->open("test/0") < 0) std::abort();
    if (startsAtOnce) dedicated_->start();
  }
  ~DedicatedWorld() { close(); }
  DedicatedWorld(const DedicatedWorld&) = delete;
  DedicatedWorld& operator=(const DedicatedWorld&) = delete;

  // Everything has come back then.
  void close() {
    if (dedicated_ == nullptr) return;
    dedicated_->close();
    CHECK(loop_ == nullptr);
    dedicated_.reset();
  }

  loop::Dedicated& dedicated() { return *dedicated_; }
  loop::Loop& loop() { return *loop_; }  // in a visit
  net::Net& net() { return *net_; }      // in a visit
  const loop::PortMemory& memory() const { return memory_; }

  std::vector<Record> log;
  bool keepsLog = true;
  std::function<void(const Record&)> handler;
  size_t batches = 0;

  // Dispatches what there is; whether there was something.
  bool tick() {
    dedicated_->hush();
    const uint32_t words = dedicated_->take();
    if (words == 0) return false;
    batches++;
    dispatch(words);
    dedicated_->dispatched();
    block_->scramble();
    return true;
  }
  // As Engine and Embedded do it.
  void turn(int64_t mostMs = 20) {
    if (tick()) return;
    dedicated_->turnEnds();
    dedicated_->refresh();
    dedicated_->awaitAlarm();
    if (dedicated_->hasMore()) return;
    dedicated_->alarm().sleep(mostMs * 1'000'000);
  }
  bool until(const std::function<bool()>& done, int64_t patienceMs = 60'000) {
    const int64_t end = sys::monotonicNs() + patienceMs * 1'000'000;
    while (!done()) {
      if (sys::monotonicNs() > end) return false;
      turn();
    }
    return true;
  }

  template <class... Args>
  void out(int32_t kind, Args... args) {
    constexpr uint32_t kWords = 1 + sizeof...(args);
    int32_t* const control = memory_.control;
    if (static_cast<uint32_t>(control[Control::OUT_WORDS]) + kWords > memory_.outboxWords) {
      dedicated_->handOver();
    }
    const int32_t words[kWords] = {loop::recordHead(kind, kWords), static_cast<int32_t>(args)...};
    std::memcpy(memory_.outbox + control[Control::OUT_WORDS], words, sizeof words);
    control[Control::OUT_WORDS] += static_cast<int32_t>(kWords);
  }
  void addTimer(uint32_t handle, double deadlineMs) {
    int32_t bits[2];
    std::memcpy(bits, &deadlineMs, sizeof bits);
    out(Out::TIMER_ADD, handle, bits[0], bits[1]);
  }
  // With room for the longest record behind it, so that both are handed over together.
  int32_t put(std::string_view bytes) {
    int32_t* const control = memory_.control;
    const auto used = static_cast<uint32_t>(control[Control::SEND_BYTES]);
    const auto words = static_cast<uint32_t>(control[Control::OUT_WORDS]);
    if (used + bytes.size() > memory_.sendBytes || words + 32 > memory_.outboxWords) {
      dedicated_->handOver();
    }
    const int32_t offset = control[Control::SEND_BYTES];
    std::memcpy(memory_.send + offset, bytes.data(), bytes.size());
    control[Control::SEND_BYTES] += static_cast<int32_t>(bytes.size());
    return offset;
  }
  void write(uint32_t connection, std::string_view bytes) {
    const int32_t offset = put(bytes);
    out(Out::WRITE, connection, offset, bytes.size());
  }
  int writeBlock(uint32_t connection, std::string_view bytes, int32_t seq = -1) {
    return net::handBlockOver(*dedicated_, net_.get(), {connection, seq},
                              reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  // As they are told while the loop goes on.
  int32_t passes() const {
    dedicated_->count();
    return memory_.control[Control::PASSES];
  }
  double nowMs() const { return static_cast<double>(sys::monotonicNs() - originNs_) / 1e6; }

  // A connection over a pair of sockets; its handle and the far end.
  std::pair<uint32_t, Client> adopt() {
    int fds[2];
    if (sys::pair(fds) < 0) std::abort();
    const net::Settings settings;
    const int64_t handle = dedicated_->visit([&] { return net_->adopt(fds[0], settings); });
    if (handle < 0) std::abort();
    return {static_cast<uint32_t>(handle), Client(fds[1])};
  }

  std::string slab(int32_t offset, int32_t length) const {
    return std::string(reinterpret_cast<const char*>(memory_.recv) + offset,
                       static_cast<size_t>(length));
  }

 private:
  static void end(void* self) {
    auto* const world = static_cast<DedicatedWorld*>(self);
    world->loop_->close();
    world->net_->closeAll();
    world->net_.reset();
    world->desk_.reset();
    world->loop_.reset();
  }
  void dispatch(uint32_t words) {
    for (uint32_t at = 0; at < words;) {
      const int32_t* const record = memory_.inbox + at;
      const uint32_t count = static_cast<uint32_t>(record[0]) >> 8;
      if (count == 0 || count > words - at) {
        std::printf("a torn record in the inbox\n");
        std::abort();
      }
      Record copy;
      copy.kind = record[0] & 0xff;
      copy.words.assign(record, record + count);
      if (copy.kind == In::DATA) copy.bytes = slab(record[2], record[3]);
      if (copy.kind == In::POST) copy.bytes = slab(record[1], record[2]);
      if (keepsLog) log.push_back(copy);
      if (handler) handler(copy);
      at += count;
    }
  }

  const PortSizes sizes_;
  std::unique_ptr<PortBlock> block_;
  loop::PortMemory memory_;
  const int64_t originNs_ = sys::monotonicNs();
  loop::DedicatedCells cells_;
  loop::Loops::Ptr loop_;
  net::Nets::Ptr net_;
  job::Desks::Ptr desk_;
  loop::Dedicateds::Ptr dedicated_;
};

}  // namespace heddle::test
