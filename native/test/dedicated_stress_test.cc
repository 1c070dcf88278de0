// Several isolates, each with one loop on a thread of its own after the other, do everything at
// once and at random, while memory fails now and then and loops end in the middle: what arrives,
// arrives in order and once, and nothing is left.
//
//   dedicated_stress_test [filter] [--seed N]; HEDDLE_STRESS_SECONDS=60 for longer
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "test/dedicated_fixture.h"
#include "test/failing.h"
#include "test/job_fixture.h"

namespace heddle::test {
namespace {

constexpr int kPlayers = 3;
constexpr size_t kLongest = 300'000;
constexpr uint64_t kMostUnderWay = 1u << 20;

double stressSeconds() {
  const char* const given = std::getenv("HEDDLE_STRESS_SECONDS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 2.0 : std::atof(given);                // NOLINT(cert-err34-c)
}

// A stream whose bytes are known: of each the place decides.
class Stream {
 public:
  static std::string_view from(uint64_t place, size_t size) {
    return std::string_view(all()).substr(place % kPeriod, size);
  }
  // What is to be written next, that much of it.
  std::string_view next(size_t size) const { return from(written_, size); }
  void wrote(size_t size) { written_ += size; }
  void arrived(std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kLongest))) {
      const std::string_view part = bytes.substr(0, kLongest);
      CHECK(part == from(read_, part.size()));
      read_ += part.size();
    }
  }
  uint64_t underWay() const { return written_ - read_; }

 private:
  static constexpr uint64_t kPeriod = 251;
  static const std::string& all() {
    static const std::string bytes = [] {
      std::string made(kPeriod + kLongest, 0);
      for (size_t i = 0; i < made.size(); i++) made[i] = static_cast<char>(i % kPeriod);
      return made;
    }();
    return bytes;
  }
  uint64_t written_ = 0;
  uint64_t read_ = 0;
};

// What the players have in common.
struct Stage {
  uint32_t queue = 0;
  uint32_t target = 0;
  // Making a loop is not what is to fail: shared by who does, alone of who lets memory fail.
  std::shared_mutex making;
  std::atomic<uint32_t> loops[kPlayers] = {};  // their numbers
  std::atomic<int32_t> posted[kPlayers] = {};  // letters, by who sends them
  std::atomic<uint64_t> worlds{0};
  std::atomic<uint64_t> failures{0};

  // What the rounds are for has happened: on a slow machine that takes longer than its seconds.
  bool hasSeenAll() const { return worlds.load() > kPlayers && failures.load() > 0; }
};

// A connection, both ends of which this isolate plays.
struct Line {
  uint32_t handle;
  Client far;
  bool echoes;  // what comes is sent back; else each end has its own stream
  bool isPaused = false;
  bool isClosed = false;
  Stream out{};  // of an echo: from the far end and back to it
  Stream in{};

  void farSends(size_t size) {
    Stream& stream = echoes ? out : in;
    if (stream.underWay() > kMostUnderWay) return;
    const std::string_view bytes = stream.next(size);
    const int64_t n = sys::sendSome(far.fd, bytes.data(), bytes.size());
    if (n > 0) stream.wrote(static_cast<size_t>(n));
  }
  void farReads() {
    far.read();
    out.arrived(far.in);
    far.in.clear();
  }
  bool isDone() const { return isClosed || (out.underWay() == 0 && in.underWay() == 0); }
};

// One world of one isolate, from its making to its end.
class Life {
 public:
  Life(Stage* stage, int self, uint64_t seed) : stage_(stage), self_(self), random_(seed) {
    const std::shared_lock<std::shared_mutex> held(stage_->making);
    world_ = std::make_unique<DedicatedWorld>(PortSizes{}, random_.below(4) != 0);
    world_->keepsLog = false;
    world_->handler = [this](const Record& record) { dispatched(record); };
    stage_->loops[self].store(
        world_->dedicated().visit([this] { return world_->loop().loopId(); }));
    for (uint32_t i = random_.below(4); i > 0; i--) {
      auto [handle, far] = world_->adopt();
      lines_.push_back({handle, std::move(far), random_.below(3) == 0});
    }
    openAsked();
    stage_->worlds.fetch_add(1);
  }

  void live() {
    for (uint32_t turns = random_.below(60); turns > 0; turns--) {
      for (uint32_t acts = random_.below(6); acts > 0; acts--) act();
      if (random_.below(3) != 0) world_->turn(random_.below(3));
    }
    if (random_.below(2) == 0) settle();
    closeAsked();
    world_->close();
  }

 private:
  static constexpr uint32_t kAskedHandle = 1'000'000;

  Line* anyLine() {
    return lines_.empty() ? nullptr : &lines_[random_.below(static_cast<uint32_t>(lines_.size()))];
  }
  Line* lineOf(uint32_t handle) {
    for (Line& line : lines_) {
      if (line.handle == handle) return &line;
    }
    return nullptr;
  }

  void act() {
    switch (random_.below(14)) {
      case 0:
        return addTimers();
      case 1:
        return write(random_.below(2000));
      case 2:
        return writeBlock(16'384 + random_.below(kLongest - 16'384));
      case 3:
        return whileMemoryFails();
      case 4:
        return peers();
      case 5:
        return addJobs();
      case 6:
        return post();
      case 7:
        return world_->dedicated().handOver();
      case 8:
        return world_->dedicated().flush();
      case 9:
        CHECK(world_->dedicated().visit([this] { return world_->net().connections(); }) <=
              lines_.size());
        return;
      case 10:
        CHECK(world_->dedicated().call([this] { return world_->loop().watches(); }) == 1);
        return;
      case 11:
        return world_->dedicated().wake();
      case 12:
        return random_.below(2) == 0 ? world_->dedicated().stop() : world_->dedicated().start();
      default:
        return askOrWithdraw();
    }
  }

  void addTimers() {
    for (uint32_t i = random_.below(20); i > 0; i--) {
      const uint32_t handle = ++timers_;
      const double due = world_->nowMs() + random_.below(3);
      due_[handle] = due;
      world_->addTimer(handle, due);
    }
  }
  void write(size_t size) {
    Line* const line = anyLine();
    if (line == nullptr || line->echoes || line->out.underWay() > kMostUnderWay) return;
    world_->write(line->handle, line->out.next(size));
    line->out.wrote(size);
  }
  void writeBlock(size_t size) {
    Line* const line = anyLine();
    if (line == nullptr || line->echoes || line->out.underWay() > kMostUnderWay) return;
    const int result = world_->writeBlock(line->handle, line->out.next(size));
    CHECK(result == 0 || result == -ENOMEM || result == -EPIPE || result == -EBADF);
    line->out.wrote(size);
  }
  void whileMemoryFails() {
    const std::unique_lock<std::shared_mutex> held(stage_->making, std::try_to_lock);
    if (!held.owns_lock()) return;
    Failing failing(random_.below(4), 1 + random_.below(6));
    failing.arm();
    write(random_.below(2000));
    writeBlock(16'384 + random_.below(100'000));
    if (random_.below(2) == 0) world_->turn(0);
    if (failing.disarm()) stage_->failures.fetch_add(1);
  }
  void peers() {
    for (Line& line : lines_) {
      if (line.isPaused && random_.below(2) == 0) {
        line.isPaused = false;
        world_->out(Out::RESUME, line.handle);
      }
      line.farSends(random_.below(20'000));
      line.farReads();
    }
  }
  void addJobs() {
    for (uint32_t i = random_.below(20); i > 0; i--) {
      const int32_t offset = world_->put("x");
      jobs_.insert(++lastJob_);
      world_->out(Out::JOB_ADD, stage_->queue, lastJob_, stage_->target, 0, offset, 1);
    }
  }
  void post() {
    const uint32_t to = stage_->loops[random_.below(kPlayers)].load();
    if (to == 0) return;
    const int posted = loop::Mailbox::post(
        loop::makeLetter(to, In::TRIGGER, self_ + 1, stage_->posted[self_].fetch_add(1)));
    CHECK(posted == 0 || posted == -ENOENT || posted == -ENOBUFS || posted == -ENOMEM);
  }

  // --- a descriptor of which bytes are asked for
  void openAsked() {
    CHECK_EQ(world_->dedicated().visit(
                 [this] { return world_->loop().fdAdd(kAskedHandle, askedPair_.a, loop::kAsked); }),
             0);
  }
  void closeAsked() {
    CHECK_EQ(world_->dedicated().visit(
                 [this] { return world_->loop().fdRemove(kAskedHandle, askedPair_.a); }),
             0);
  }
  void askOrWithdraw() {
    if (askedStream_.underWay() < 10'000) {
      const std::string_view bytes = askedStream_.next(1 + random_.below(300));
      const int64_t n = sys::sendSome(askedPair_.b, bytes.data(), bytes.size());
      if (n > 0) askedStream_.wrote(static_cast<size_t>(n));
    }
    if (!isAsking_) {
      isAsking_ = true;
      return world_->out(Out::FD_READ, kAskedHandle, 200);
    }
    isAsking_ = false;
    world_->out(Out::FD_READ, kAskedHandle, 0);
    uint8_t bytes[200];
    const int64_t got = world_->dedicated().takeAhead(kAskedHandle, bytes, sizeof bytes);
    CHECK(got > 0 || got == -ENOENT);
    if (got > 0) askedStream_.arrived(viewOf(bytes, got));
  }
  static std::string_view viewOf(const uint8_t* bytes, int64_t size) {
    return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)};
  }

  // --- what comes
  void dispatched(const Record& record) {
    switch (record.kind) {
      case In::TIMER:
        CHECK_EQ(due_.count(record.handle()), size_t{1});
        due_.erase(record.handle());
        return;
      case In::TRIGGER: {
        int32_t& last = heard_.try_emplace(record.handle(), -1).first->second;
        CHECK(record.at(2) > last);
        last = record.at(2);
        return;
      }
      case In::JOB_DONE:
        CHECK_EQ(jobs_.erase(record.handle()), size_t{1});
        return;
      case In::FD_DATA:
        if (record.handle() == 0) return;  // taken ahead
        CHECK(isAsking_);
        isAsking_ = false;
        CHECK(record.at(3) > 0);
        return askedStream_.arrived(world_->slab(record.at(2), record.at(3)));
      case In::DATA:
        return data(record);
      case In::CLOSE: {
        Line* const line = lineOf(record.handle());
        REQUIRE(line != nullptr && !line->isClosed);
        CHECK_EQ(record.at(2), ENOMEM);
        line->isClosed = true;
        return;
      }
      default:
        return;
    }
  }
  void data(const Record& record) {
    Line* const line = lineOf(record.handle());
    REQUIRE(line != nullptr);
    CHECK(!line->isPaused);
    CHECK(!line->isClosed);
    if (line->echoes) {
      world_->out(Out::WRITE_RECEIVED, line->handle, record.at(2), record.at(3));
    } else {
      line->in.arrived(record.bytes);
    }
    if (random_.below(8) != 0) return;
    line->isPaused = true;
    world_->out(Out::PAUSE, line->handle);
  }

  // Everything that is under way comes to its end.
  void settle() {
    world_->dedicated().start();
    CHECK(world_->until([this] {
      bool done = due_.empty() && jobs_.empty();
      for (Line& line : lines_) {
        if (line.isPaused) world_->out(Out::RESUME, line.handle);
        line.isPaused = false;
        line.farReads();
        done = done && line.isDone();
      }
      return done;
    }));
  }

  Stage* const stage_;
  const int self_;
  check::Random random_;
  std::unique_ptr<DedicatedWorld> world_;
  std::vector<Line> lines_;
  uint32_t timers_ = 0;
  std::map<uint32_t, double> due_;
  uint32_t lastJob_ = 0;
  std::set<uint32_t> jobs_;
  std::map<uint32_t, int32_t> heard_;
  const check::UnixPair askedPair_;
  bool isAsking_ = false;
  Stream askedStream_;
};

void play() {
  JobWorld jobs;
  Stage stage;
  job::QueueSpec spec;
  spec.desired = 2;
  stage.queue = jobs.queue(spec);
  stage.target = static_cast<uint32_t>(job::targetNumber(job::kNativeModule, "heddle:nothing"));
  const int descriptors = openDescriptors();
  const int64_t end = sys::monotonicNs() + static_cast<int64_t>(stressSeconds() * 1e9);
  const int64_t patience = end + 60'000'000'000;
  std::vector<std::thread> players;
  for (int player = 0; player < kPlayers; player++) {
    players.emplace_back([player, end, patience, &stage] {
      check::Random random(check::seed() + static_cast<uint64_t>(player));
      for (int64_t now = sys::monotonicNs(); now < end || !stage.hasSeenAll();
           now = sys::monotonicNs()) {
        if (now > patience) break;
        Life(&stage, player, random.next()).live();
      }
      stage.loops[player].store(0);
    });
  }
  for (std::thread& player : players) player.join();
  std::printf("  %llu loops, memory failed %llu times\n",
              static_cast<unsigned long long>(stage.worlds.load()),
              static_cast<unsigned long long>(stage.failures.load()));
  CHECK(stage.worlds.load() > kPlayers);
  CHECK(stage.failures.load() > 0);
  jobs.end(stage.queue);
  // Adopted ones are closed on other threads, soon.
  while (openDescriptors() > descriptors) sys::yieldThread();
}

CASE("PO-01 MT-18 dedicated loops: all at once, without memory at times, and ended in the middle") {
  play();
  CHECK(!mem::printLiveBuiltins(stdout));
}

}  // namespace
}  // namespace heddle::test
