#pragma once

// Plays JavaScript and the world around one loop: owns the memory of a port, runs passes, hands the
// records of each to a handler, writes what the handler wants to the outbox, and holds the clients'
// ends of connections.
//
// The memory is allocated exactly as large as it is said to be, and what a pass left in the inbox
// and in the slabs is overwritten when the pass is over: a reader beyond the end, or after the end,
// is found out.

#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loop/loop.h"
#include "net/net.h"
#include "sys/clock.h"
#include "sys/socket.h"
#include "test/check.h"
#include "test/sockets.h"

namespace heddle::test {

using loop::Clock;
using loop::CloseReason;
using loop::Control;
using loop::In;
using loop::Out;
using loop::Phase;

struct PortSizes {
  uint32_t inboxWords = 1 << 14;
  uint32_t outboxWords = 1 << 14;
  uint32_t recvBytes = 1 << 18;
  uint32_t sendBytes = 1 << 18;
};

class PortBlock {
 public:
  explicit PortBlock(const PortSizes& sizes)
      : sizes_(sizes),
        inbox_(new int32_t[sizes.inboxWords]),
        outbox_(new int32_t[sizes.outboxWords]),
        recv_(new uint8_t[sizes.recvBytes]),
        send_(new uint8_t[sizes.sendBytes]),
        control_(new int32_t[loop::kControlWords]()),
        clock_(new double[loop::kClockCells]()) {
    scramble();
  }

  loop::PortMemory memory() const {
    return {inbox_.get(),   sizes_.inboxWords,  recv_.get(), sizes_.recvBytes,
            outbox_.get(),  sizes_.outboxWords, send_.get(), sizes_.sendBytes,
            control_.get(), clock_.get()};
  }

  // Nobody may look at what a finished pass left behind.
  void scramble() const {
    std::memset(inbox_.get(), 0xee, sizes_.inboxWords * sizeof(int32_t));
    std::memset(recv_.get(), 0xee, sizes_.recvBytes);
  }

 private:
  PortSizes sizes_;
  std::unique_ptr<int32_t[]> inbox_;
  std::unique_ptr<int32_t[]> outbox_;
  std::unique_ptr<uint8_t[]> recv_;
  std::unique_ptr<uint8_t[]> send_;
  std::unique_ptr<int32_t[]> control_;
  std::unique_ptr<double[]> clock_;
};

// A record of the inbox, copied.
struct Record {
  int32_t kind = 0;
  std::vector<int32_t> words;  // from word 0
  std::string bytes;           // of POST, DATA, FD_DATA, HTTP_BODY; the head of HTTP_REQUEST

  int32_t at(size_t word) const { return words.at(word); }
  uint32_t handle() const { return static_cast<uint32_t>(words.at(1)); }
};

inline int openDescriptors() {
  DIR* const dir = opendir("/proc/self/fd");
  if (dir == nullptr) return -1;
  int count = 0;
  while (readdir(dir) != nullptr) count++;
  closedir(dir);
  return count;
}

// The far end of a connection.
struct Client {
  check::Fd fd;
  std::string in;
  bool ended = false;
  int error = 0;

  explicit Client(int fdIn) : fd(fdIn) {}
  Client(Client&& other) noexcept
      : fd(other.fd.release()), in(std::move(other.in)), ended(other.ended), error(other.error) {}

  // Takes what has arrived.
  void read() {
    char bytes[65536];
    while (!ended && error == 0 && fd >= 0) {
      const int64_t n = sys::readSome(fd, bytes, sizeof bytes);
      if (n == -EAGAIN) return;
      if (n < 0) error = static_cast<int>(-n);
      if (n == 0) ended = true;
      if (n > 0) in.append(bytes, static_cast<size_t>(n));
    }
  }
  // How much of it the system took.
  size_t write(std::string_view bytes) {
    const int64_t n = sys::writeSome(fd, bytes.data(), bytes.size());
    return n < 0 ? 0 : static_cast<size_t>(n);
  }
  bool gone() const { return ended || error != 0; }
  void finish() { sys::shutdownWrite(fd); }
  void reset() {
    sys::setLinger(fd, 0);
    fd.reset();
  }
  void close() { fd.reset(); }
};

class Loopback {
 public:
  explicit Loopback(const PortSizes& sizes = {}, const loop::LoopOptions& options = originNow())
      : block_(sizes), loop_(loop::Loops::makePtr(block_.memory(), options)) {
    sys::ignoreBrokenPipe();
    if (loop_ == nullptr || loop_->open() < 0) std::abort();
    net_ = net::Nets::makePtr(loop_.get());
    if (net_ == nullptr) std::abort();
    loop_->attach(net_.get(), net::Net::kTags);
    descriptors_ = openDescriptors();
  }
  virtual ~Loopback() = default;

  static loop::LoopOptions originNow() {
    loop::LoopOptions options;
    options.originNs = sys::monotonicNs();
    return options;
  }

  loop::Loop& loop() { return *loop_; }
  net::Net& net() { return *net_; }
  int32_t control(Control::Cell cell) const { return block_.memory().control[cell]; }
  double clock(Clock::Cell cell) const { return block_.memory().clock[cell]; }
  void trace(bool on) { block_.memory().control[Control::TRACE] = on ? 1 : 0; }
  const loop::PortMemory memory() const { return block_.memory(); }

  std::vector<Record> log;                     // everything that was dispatched
  std::function<void(const Record&)> handler;  // what JS does about a record

  // One turn of an engine: what was asked for between turns, a pass, its callbacks, what they asked
  // for.
  void pass(int64_t timeoutMs = 0) {
    flush();
    const uint32_t words = loop_->collect(timeoutMs * 1'000'000);
    dispatch(words);
    loop_->apply();
    block_.scramble();
  }
  // As an engine does it: sleeps as long as the loop says, at most `mostMs`.
  void turn(int64_t mostMs = 20) {
    flush();
    pass(std::min<int64_t>(loop_->sleepNs() / 1'000'000 + (loop_->sleepNs() > 0 ? 1 : 0), mostMs));
  }
  void flush() {
    if (control(Control::OUT_WORDS) > 0) loop_->apply();
  }
  // False when it did not come true within the time, which no healthy run needs.
  bool until(const std::function<bool()>& done, int64_t patienceMs = 60'000) {
    const int64_t end = sys::monotonicNs() + patienceMs * 1'000'000;
    while (!done()) {
      if (sys::monotonicNs() > end) return false;
      turn();
    }
    return true;
  }
  // Turns until nothing happens any more by itself.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      const size_t before = log.size();
      pass();
      const bool still = log.size() == before && !loop_->hasWork() && loop_->lastReady() == 0;
      quiet = still ? quiet + 1 : 0;
    }
  }
  void rest(int64_t ms) {
    const int64_t end = sys::monotonicNs() + ms * 1'000'000;
    while (sys::monotonicNs() < end) turn(5);
  }

  // --- outbox
  template <class... Args>
  void out(int32_t kind, Args... args) {
    const loop::PortMemory& memory = block_.memory();
    constexpr uint32_t kWords = 1 + sizeof...(args);
    if (static_cast<uint32_t>(control(Control::OUT_WORDS)) + kWords > memory.outboxWords) flush();
    int32_t* const at = memory.outbox + control(Control::OUT_WORDS);
    const int32_t words[kWords] = {loop::recordHead(kind, kWords), static_cast<int32_t>(args)...};
    std::memcpy(at, words, sizeof words);
    memory.control[Control::OUT_WORDS] += static_cast<int32_t>(kWords);
  }
  template <class... Args>
  void outDouble(int32_t kind, double value, Args... args) {
    int32_t bits[2];
    std::memcpy(bits, &value, sizeof bits);
    out(kind, args..., bits[0], bits[1]);
  }
  // Room for the longest record and these bytes, so that both are applied together.
  uint32_t put(std::string_view bytes) {
    const loop::PortMemory& memory = block_.memory();
    if (bytes.size() > memory.sendBytes) std::abort();
    const auto used = static_cast<uint32_t>(control(Control::SEND_BYTES));
    const auto words = static_cast<uint32_t>(control(Control::OUT_WORDS));
    if (used + bytes.size() > memory.sendBytes || words + 16 > memory.outboxWords) flush();
    const int32_t offset = control(Control::SEND_BYTES);
    if (!bytes.empty()) std::memcpy(memory.send + offset, bytes.data(), bytes.size());
    memory.control[Control::SEND_BYTES] += static_cast<int32_t>(bytes.size());
    return static_cast<uint32_t>(offset);
  }
  void write(uint32_t connection, std::string_view bytes) {
    const uint32_t offset = put(bytes);
    out(Out::WRITE, connection, offset, bytes.size());
  }
  void addTimer(uint32_t handle, double deadlineMs) {
    outDouble(Out::TIMER_ADD, deadlineMs, handle);
  }
  double nowMs() { return loop_->toMs(sys::monotonicNs()); }

  // --- the world
  uint32_t listen(const net::ListenSpec& given) {
    net::ListenSpec spec = given;
    if (spec.address.len == 0) spec.address = check::loopback();
    const int64_t handle = net_->listen(spec);
    if (handle < 0) std::abort();
    return static_cast<uint32_t>(handle);
  }
  Client connectTo(uint32_t listener) {
    bool inProgress = false;
    const int fd = sys::connectStream(net_->listener(listener)->bound, &inProgress);
    if (fd < 0) std::abort();
    return Client(fd);
  }
  // A connection over a pair of Unix sockets; its handle and the far end.
  struct Adopted {
    uint32_t handle;
    Client client;
  };
  Adopted adopt(const net::Settings& settings, int sendBuffer = 0) {
    int fds[2];
    if (sys::pair(fds) < 0) std::abort();
    if (sendBuffer > 0) setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &sendBuffer, sizeof sendBuffer);
    const int64_t handle = net_->adopt(fds[0], settings);
    if (handle < 0) std::abort();
    return {static_cast<uint32_t>(handle), Client(fds[1])};
  }

  // --- what was dispatched
  size_t count(int32_t kind) const {
    size_t n = 0;
    for (const Record& record : log) n += record.kind == kind ? 1 : 0;
    return n;
  }
  const Record* last(int32_t kind) const {
    for (size_t i = log.size(); i > 0; i--) {
      if (log[i - 1].kind == kind) return &log[i - 1];
    }
    return nullptr;
  }
  std::string received(uint32_t connection) const {
    std::string all;
    for (const Record& record : log) {
      if (record.kind == In::DATA && record.handle() == connection) all += record.bytes;
    }
    return all;
  }

  // Everything came back: no connection, no bytes, no descriptor. Clients are closed by now.
  void checkEmpty(size_t listenersLeft = 0) {
    const bool empty = until([this] { return net_->connections() == 0; });
    CHECK(empty);
    settle();
    CHECK_EQ(net_->connections(), size_t{0});
    CHECK_EQ(net_->bufferedBytes(), size_t{0});
    CHECK_EQ(control(Control::CONNECTIONS), 0);
    CHECK_EQ(net_->listeners(), listenersLeft);
    CHECK_EQ(openDescriptors(), descriptors_ + static_cast<int>(listenersLeft));
  }
  // The usual ends of a test: the client leaves, the listener closes, nothing is left.
  void finish(Client* client) {
    client->close();
    checkEmpty();
  }
  void finish(uint32_t listener) {
    CHECK_EQ(net_->closeListener(listener), 0);
    checkEmpty();
  }
  void finish(Client* client, uint32_t listener) {
    client->close();
    finish(listener);
  }
  // Takes descriptors that the test holds itself out of the account.
  void rebaseDescriptors() { descriptors_ = openDescriptors(); }

 private:
  Record copy(const int32_t* words, uint32_t count) const {
    Record record;
    record.kind = words[0] & 0xff;
    record.words.assign(words, words + count);
    switch (record.kind) {
      case In::POST:
        record.bytes = slab(words[1], words[2]);
        break;
      case In::DATA:
        record.bytes = slab(words[2], words[3]);
        break;
      case In::FD_DATA:
        record.bytes = slab(words[2], std::max(words[3], 0));
        break;
      case In::HTTP_BODY:
        record.bytes = slab(words[3], words[4]);
        break;
      case In::HTTP_REQUEST:
        record.bytes = slab(words[4], words[5]);
        break;
      default:
        break;
    }
    return record;
  }

 protected:
  std::string slab(int32_t offset, int32_t length) const {
    const loop::PortMemory& memory = block_.memory();
    const auto from = static_cast<uint32_t>(offset);
    const auto size = static_cast<uint32_t>(length);
    if (from > memory.recvBytes || size > memory.recvBytes - from) {
      std::printf("a record points out of the receive slab\n");
      std::abort();
    }
    return std::string(reinterpret_cast<const char*>(memory.recv) + from, size);
  }
  virtual void dispatched(const Record& record) {
    if (handler) handler(record);
  }

 private:
  void dispatch(uint32_t words) {
    const loop::PortMemory& memory = block_.memory();
    if (words > memory.inboxWords) std::abort();
    for (uint32_t at = 0; at < words;) {
      const uint32_t count = static_cast<uint32_t>(memory.inbox[at]) >> 8;
      if (count == 0 || count > words - at) {
        std::printf("a torn record in the inbox\n");
        std::abort();
      }
      log.push_back(copy(memory.inbox + at, count));
      dispatched(Record(log.back()));
      at += count;
    }
  }

  PortBlock block_;
  loop::Loops::Ptr loop_;
  net::Nets::Ptr net_;  // goes first
  int descriptors_ = 0;
};

}  // namespace heddle::test
