// What it costs to read records as a coroutine (`readUntil`, `readFrame` of aco::Event), beside a
// state machine written for the purpose: nanoseconds of processor time for each record, of the
// thread that reads, with the loop's passes and the system calls. What writes is not measured.
//
// Both copy nothing but what they must: a coroutine is given each record in a buffer of its own,
// the state machine looks at it where it was received.
#include <sched.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "aco/aco.h"
#include "contestants.h"
#include "loop/loop.h"
#include "sys/clock.h"
#include "sys/socket.h"

namespace {

using namespace heddle;  // NOLINT: a program, not a library

struct Case {
  const char* name;
  bool framed;  // else lines
  size_t connections;
  size_t bodyBytes;  // a line's end and a frame's header are extra
  size_t recordsATime;
  size_t pieces;  // each burst comes in so many
};

constexpr Case kTasks[] = {
    {"lines-alone", false, 64, 31, 1, 1}, {"lines-burst", false, 64, 31, 64, 1},
    {"lines-split", false, 64, 31, 1, 2}, {"lines-many", false, 1000, 31, 1, 1},
    {"frames-alone", true, 64, 64, 1, 1}, {"frames-burst", true, 64, 64, 64, 1},
    {"frames-split", true, 64, 64, 1, 2}, {"frames-large", true, 16, 16'384, 4, 1},
};
constexpr const char* kCases[] = {"lines-alone",  "lines-burst",  "lines-split",  "lines-many",
                                  "frames-alone", "frames-burst", "frames-split", "frames-large"};
constexpr size_t kHeaderBytes = 4;
constexpr size_t kMostBytes = 16'384;
constexpr size_t kRecords = 400'000;
constexpr size_t kLeastRounds = 40;

void check(bool sound) {
  if (!sound) std::abort();
}

// What the reader has seen.
struct Tally {
  size_t records = 0;
  size_t bytes = 0;

  // Looks at a record as little as one can.
  void take(const uint8_t* bytesOf, size_t size) {
    records++;
    bytes += size;
    check(size == 0 || bytesOf[0] == 'r');
  }
};

// --- a loop without JavaScript

class World {
 public:
  World()
      : loop_({inbox_, kInboxWords, recv_, sizeof recv_, outbox_, kOutboxWords, send_, sizeof send_,
               control_, clock_},
              {}) {
    check(loop_.open() == 0);
  }
  loop::Loop& loop() { return loop_; }
  void pass() {
    loop_.collect(0);
    loop_.apply();
  }

 private:
  static constexpr uint32_t kInboxWords = 1 << 12;
  static constexpr uint32_t kOutboxWords = 64;

  int32_t inbox_[kInboxWords];
  int32_t outbox_[kOutboxWords];
  uint8_t recv_[4096];
  uint8_t send_[64];
  int32_t control_[loop::kControlWords] = {};
  double clock_[loop::kClockCells] = {};
  loop::Loop loop_;
};

// --- the coroutine

struct Reading {
  Tally* tally;
  bool framed;
  int fd;
};

void readAsCoroutine(void* argument) {
  const auto& reading = *static_cast<const Reading*>(argument);
  const size_t room = reading.framed ? kMostBytes : 128;
  const auto buffer = std::make_unique<uint8_t[]>(room);
  aco::Event* event = nullptr;
  check(aco::Event::adopt(reading.fd, &event) == 0);
  while (true) {
    const int64_t size = reading.framed ? event->readFrame(buffer.get(), room)
                                        : event->readUntil(buffer.get(), room, "\n", 1);
    if (size < 0) break;
    reading.tally->take(buffer.get(), static_cast<size_t>(size));
  }
  event->close();
  event->free();
  aco::exit();
}

// --- the state machine

class Machine final : public loop::Guest {
 public:
  static constexpr uint64_t kTag = 6;

  Machine(loop::Loop& loop, Tally* tally, bool framed) : tally_(tally), framed_(framed) {
    loop.attach(this, 1u << kTag);
  }

  void add(loop::Loop& loop, int fd) {
    const uint64_t data = kTag << 32 | connections_.size();
    connections_.push_back({fd, {}});
    check(loop.poller().add(fd, sys::kRead, data) == 0);
  }

  void ready(uint64_t data, uint32_t) override {
    Connection& c = connections_[static_cast<uint32_t>(data)];
    // What was left of a record comes first.
    const size_t kept = c.partial.size();
    std::copy(c.partial.begin(), c.partial.end(), scratch_.get());
    const int64_t n = sys::recvSome(c.fd, scratch_.get() + kept, kScratchBytes - kept);
    if (n <= 0) return;
    const size_t size = kept + static_cast<size_t>(n);
    const size_t taken = framed_ ? frames(scratch_.get(), size) : lines(scratch_.get(), size, kept);
    c.partial.assign(scratch_.get() + taken, scratch_.get() + size);
  }
  void timers(int64_t) override {}
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override { return false; }

 private:
  static constexpr size_t kScratchBytes = 65'536;

  struct Connection {
    int fd;
    std::vector<uint8_t> partial;
  };

  size_t lines(const uint8_t* bytes, size_t size, size_t seen) {
    size_t at = 0;
    while (const void* end =
               std::memchr(bytes + std::max(at, seen), '\n', size - std::max(at, seen))) {
      const auto next = static_cast<size_t>(static_cast<const uint8_t*>(end) - bytes) + 1;
      tally_->take(bytes + at, next - at);
      at = next;
    }
    return at;
  }
  size_t frames(const uint8_t* bytes, size_t size) {
    size_t at = 0;
    while (size - at >= kHeaderBytes) {
      uint32_t body;
      std::memcpy(&body, bytes + at, sizeof body);
      body = __builtin_bswap32(body);
      if (size - at - kHeaderBytes < body) break;
      tally_->take(bytes + at + kHeaderBytes, body);
      at += kHeaderBytes + body;
    }
    return at;
  }

  Tally* const tally_;
  const bool framed_;
  std::vector<Connection> connections_;
  const std::unique_ptr<uint8_t[]> scratch_ = std::make_unique<uint8_t[]>(kScratchBytes);
};

// --- measuring

std::string burstOf(const Case& task) {
  std::string record(task.bodyBytes, 'r');
  if (task.framed) {
    const uint32_t size = __builtin_bswap32(static_cast<uint32_t>(task.bodyBytes));
    record.insert(0, reinterpret_cast<const char*>(&size), kHeaderBytes);
  } else {
    record += '\n';
  }
  std::string burst;
  for (size_t i = 0; i < task.recordsATime; i++) burst += record;
  return burst;
}

// A piece to every connection, and passes until `records` are read: the time of these.
double deliver(World& world, const Tally& tally, const std::vector<int>& writers,
               std::string_view piece, size_t records) {
  for (const int fd : writers) {
    check(sys::writeSome(fd, piece.data(), piece.size()) == static_cast<int64_t>(piece.size()));
  }
  const double start = bench::cpuNs();
  world.pass();
  while (tally.records < records) world.pass();
  return bench::cpuNs() - start;
}

double measure(const Case& task, bool coroutines) {
  const auto world = std::make_unique<World>();
  Tally tally;
  Machine machine(world->loop(), &tally, task.framed);
  std::vector<Reading> readings(task.connections);
  std::vector<int> writers;
  for (Reading& reading : readings) {
    int pair[2];
    check(sys::pair(pair) == 0);
    writers.push_back(pair[1]);
    reading = {&tally, task.framed, pair[0]};
    if (coroutines) {
      check(aco::start(world->loop(), readAsCoroutine, &reading) > 0);
    } else {
      machine.add(world->loop(), pair[0]);
    }
  }
  const std::string burst = burstOf(task);
  const size_t ofRound = task.connections * task.recordsATime;
  const size_t rounds = std::max(kLeastRounds, kRecords / ofRound);
  const size_t pieceBytes = burst.size() / task.pieces;
  double spent = 0;
  for (size_t round = 0; round <= rounds; round++) {
    const size_t before = tally.records;
    double ofThis = 0;
    for (size_t i = 0; i < task.pieces; i++) {
      const bool last = i + 1 == task.pieces;
      const std::string_view left = std::string_view(burst).substr(i * pieceBytes);
      ofThis += deliver(*world, tally, writers, last ? left : left.substr(0, pieceBytes),
                        last ? before + ofRound : 0);
    }
    if (round > 0) spent += ofThis;  // the first warms up
  }
  const size_t bytes = (task.bodyBytes + (task.framed ? 0 : 1)) * tally.records;
  check(tally.bytes == bytes && tally.records == (rounds + 1) * ofRound);
  world->loop().close();
  return spent / static_cast<double>(rounds * ofRound);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    const bench::Contestant contestants[] = {{"heddle", true}, {"state-machine", true}};
    bench::printNames(kCases, contestants);
    return 0;
  }
  const int task = bench::indexOf(kCases, argv[1]);
  const bool coroutines = std::strcmp(argv[2], "heddle") == 0;
  if (task < 0 || (!coroutines && std::strcmp(argv[2], "state-machine") != 0)) return 2;
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(0, &core);
  sched_setaffinity(0, sizeof core, &core);
  bench::printFigures({{"ns", measure(kTasks[task], coroutines)}});
  return 0;
}
