// Four threads do everything at once to the same queues, natively and with isolates as workers; in
// the end each job has been answered exactly once, and has run at most once, exactly as often as
// its answer says.
//
//   job_stress_test [filter] [--seed N]; HEDDLE_STRESS_SECONDS=60 for longer
#include <cmath>
#include <cstdlib>

#include "test/job_workers.h"

namespace heddle::test {
namespace {

double stressSeconds() {
  const char* const given = std::getenv("HEDDLE_STRESS_SECONDS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 1.0 : std::atof(given);                // NOLINT(cert-err34-c)
}

// What is known of a job: a test's, indexed by a number that it carries.
struct Ledger {
  static constexpr uint32_t kMost = 4'000'000;
  std::vector<std::atomic<uint8_t>> runs = std::vector<std::atomic<uint8_t>>(kMost);
  std::atomic<uint32_t> next{0};

  std::atomic<int> now{0};
  std::atomic<int> most{0};

  void enter(uint32_t index) {
    runs[index].fetch_add(1);
    const int count = now.fetch_add(1) + 1;
    int before = most.load();
    while (before < count && !most.compare_exchange_weak(before, count)) {
    }
  }
  void leave() { now.fetch_sub(1); }
};

Ledger* ledger = nullptr;

void spend(uint32_t index) {
  // Mostly nothing, sometimes a little, rarely long enough for others to steal.
  if (index % 64 == 0) {
    const int64_t end = sys::monotonicNs() + (index % 1024 == 0 ? kMs : 20'000);
    while (sys::monotonicNs() < end) {
    }
  }
}

void runNative(job::NativeCall& call) {
  uint32_t index = 0;
  std::memcpy(&index, call.input(), sizeof index);
  ledger->enter(index);
  spend(index);
  call.setNumber(index);
  ledger->leave();
}

const WorkerBody runPlayed = [](Run& run) {
  uint32_t index = 0;
  std::memcpy(&index, run.bytes.data(), sizeof index);
  ledger->enter(index);
  spend(index);
  run.result = run.bytes;
  ledger->leave();
};

// One of the threads that submit and disturb.
class Hand {
 public:
  Hand(uint32_t queue, uint32_t target, bool native, uint64_t seed)
      : queue_(queue), target_(target), native_(native), random_(seed) {}

  void work(int64_t untilNs) {
    auto world = std::make_unique<JobWorld>();
    while (sys::monotonicNs() < untilNs) {
      const uint32_t count = random_.below(40);
      for (uint32_t i = 0; i < count && ledger->next < Ledger::kMost - 1000; i++) add(world.get());
      disturb(world.get());
      if (random_.below(4) != 0) world->pass();
      if (world->submitted() > world->done.size() + 3000) world->turn(1);
      take(world.get());
      world->log.clear();
      if (random_.below(300) == 0) world = another(std::move(world));
    }
    job::findQueue(queue_)->configure({.paused = 0});
    CHECK(world->finishAll());
    take(world.get());
    CHECK_EQ(answered_ + lost_, submitted_ + world->submitted());
  }

  uint64_t answered_ = 0;
  uint64_t values_ = 0;
  uint64_t refused_ = 0;

 private:
  // A loop that ends with jobs under way: they run, or not, and nobody is told.
  std::unique_ptr<JobWorld> another(std::unique_ptr<JobWorld> world) {
    submitted_ += world->submitted();
    lost_ += indexes_.size();
    indexes_.clear();
    taken_ = 0;
    world.reset();
    return std::make_unique<JobWorld>();
  }

  void add(JobWorld* world) {
    const uint32_t index = ledger->next.fetch_add(1);
    Order order{.queue = queue_, .target = target_};
    if (random_.below(3) == 0) {
      if (world->desk().reserve(queue_) == 0) {
        if (random_.below(10) == 0) {
          CHECK_EQ(world->desk().unreserve(queue_), 0);
          return;
        }
        order.flags |= JobFlag::RESERVED;
      } else {
        refused_++;
        return;
      }
    }
    if (random_.below(50) == 0) order.priority = static_cast<int32_t>(random_.below(3)) - 1;
    if (random_.below(50) == 0) order.subqueue = random_.below(4);
    if (random_.below(100) == 0) order.deadline = world->nowMs() + random_.below(2);
    if (random_.below(100) == 0) order.runLimit = 1e7;
    std::string bytes(sizeof index, '\0');
    std::memcpy(bytes.data(), &index, sizeof index);
    const uint32_t handle = world->submit(order, native_ ? bytes : argumentOf(runPlayed, bytes));
    indexes_[handle] = index;
    if (random_.below(20) == 0) {
      world->out(Out::JOB_REMOVE, handle - random_.below(std::min(handle, 100u)), random_.below(2));
    }
  }

  void disturb(JobWorld* world) {
    const QueueRef queue = job::findQueue(queue_);
    switch (random_.below(30)) {
      case 0:
        queue->configure({.desired = 1 + random_.below(4)});
        break;
      case 1:
        queue->configure({.lifo = static_cast<int>(random_.below(2))});
        break;
      case 2:
        queue->configure({.paused = 1});
        break;
      case 3:
      case 4:
        queue->configure({.paused = 0});
        break;
      case 5:
        queue->configure({.floor = random_.below(3), .maxBacklog = random_.below(2) * 500});
        break;
      case 6: {
        double stats[job::kJobStats];
        queue->stats(stats);
        // Those that were begun under a larger desired may still run; workers that die are slow.
        CHECK(stats[JobStat::INFLIGHT] <= 8);
        break;
      }
      case 7: {
        job::JobInfos infos;
        CHECK_EQ(queue->jobs(&infos), 0);
        break;
      }
      case 8:
        if (random_.below(20) == 0) queue->dropWaiting(random_.below(2) == 0);
        break;
      case 9:
        static_cast<void>(world->desk().setDeadline(1 + random_.below(1000), INFINITY));
        break;
      default:
        break;
    }
  }

  // Each answer against what was run.
  void take(JobWorld* world) {
    for (; taken_ < world->answers.size(); taken_++) {
      const uint32_t handle = world->answers[taken_];
      const Done& done = world->done[handle];
      const uint32_t index = indexes_.at(handle);
      const int runs = ledger->runs[index].load();
      answered_++;
      if (done.outcome == JobOutcome::VALUE) {
        values_++;
        if (runs != 1) CHECK_EQ(runs, 1);
        uint32_t echoed = ~index;
        if (native_) {
          echoed = static_cast<uint32_t>(done.number());
        } else if (done.bytes.size() == sizeof echoed) {
          std::memcpy(&echoed, done.bytes.data(), sizeof echoed);
        }
        if (echoed != index) CHECK_EQ(echoed, index);
      } else {
        const bool died = done.outcome == JobOutcome::WORKER_DIED;
        if (runs > (died ? 1 : 0)) CHECK_EQ(runs, 0);
        if (!died && done.outcome != JobOutcome::REMOVED && done.outcome != JobOutcome::TIMED_OUT &&
            done.outcome != JobOutcome::SHUTDOWN) {
          CHECK_EQ(done.outcome, JobOutcome::REMOVED);
        }
      }
      world->done[handle].bytes.clear();
      indexes_.erase(handle);
    }
  }

  const uint32_t queue_;
  const uint32_t target_;
  const bool native_;
  check::Random random_;
  std::map<uint32_t, uint32_t> indexes_;
  size_t taken_ = 0;
  uint64_t submitted_ = 0;  // by loops that have ended
  uint64_t lost_ = 0;       // of these, without an answer
};

void stress(HostWorld* host, uint32_t number, uint32_t target, bool native,
            const std::function<void()>& meanwhile) {
  const int64_t end = sys::monotonicNs() + static_cast<int64_t>(stressSeconds() * 1e9);
  std::vector<std::unique_ptr<Hand>> hands;
  for (uint64_t i = 0; i < 4; i++) {
    hands.push_back(std::make_unique<Hand>(number, target, native, check::seed() * 16 + i));
  }
  std::atomic<int> working{4};
  std::vector<std::thread> threads;
  for (const auto& hand : hands) {
    threads.emplace_back([&hand, &working, end] {
      hand->work(end);
      working--;
    });
  }
  // The last fifth of the time all of this goes on in a queue that drains.
  const int64_t drainNs = end - static_cast<int64_t>(stressSeconds() * 0.2e9);
  bool drains = false;
  while (working > 0) {
    host->turn(2);
    meanwhile();
    if (drains || sys::monotonicNs() < drainNs) continue;
    drains = true;
    CHECK_EQ(host->desk().drain(number, 1), 0);
  }
  CHECK(host->until([host] { return !host->drained.empty(); }));
  for (std::thread& thread : threads) thread.join();
  uint64_t answered = 0;
  uint64_t values = 0;
  for (const auto& hand : hands) {
    answered += hand->answered_;
    values += hand->values_;
  }
  std::printf("  %llu jobs answered, %llu ran\n", static_cast<unsigned long long>(answered),
              static_cast<unsigned long long>(values));
  CHECK(values > 0);
  CHECK_EQ(host->stat(number, JobStat::BACKLOG), 0.0);
  CHECK_EQ(host->stat(number, JobStat::INFLIGHT), 0.0);
  CHECK(ledger->most <= 4);
  bool twice = false;
  for (uint32_t i = 0; i < ledger->next; i++) twice = twice || ledger->runs[i] > 1;
  CHECK(!twice);
  host->end(number);
}

CASE("JQ-02 JQ-07 JQ-17 random add, try-add, remove, resize, pause, lifo-switch: native threads") {
  const auto mine = std::make_unique<Ledger>();
  ledger = mine.get();
  CHECK_EQ(job::registerFunction("test:stress", runNative), 0);
  const auto target = static_cast<uint32_t>(job::targetNumber(job::kNativeModule, "test:stress"));
  HostWorld host;
  const uint32_t number = host.queue({.desired = 2, .maxBacklog = 500});
  stress(&host, number, target, true, [] {});
}

CASE("JQ-02 JQ-07 JQ-17 the same with isolates as workers") {
  const auto mine = std::make_unique<Ledger>();
  ledger = mine.get();
  const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  HostWorld host;
  const uint32_t number = host.workers(2);
  stress(&host, number, target, false, [&] { host.bury(); });
}

CASE("TP-20 the same, and workers die in the middle") {
  const auto mine = std::make_unique<Ledger>();
  ledger = mine.get();
  const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  HostWorld host;
  const uint32_t number = host.workers(2);
  check::Random random(check::seed());
  int killed = 0;
  stress(&host, number, target, false, [&] {
    host.bury();
    if (host.players.empty() || random.below(10) != 0) return;
    host.players[random.below(static_cast<uint32_t>(host.players.size()))]->kill();
    killed++;
  });
  CHECK(killed > 0);
}

}  // namespace
}  // namespace heddle::test
