// Four threads do everything at once to the same queues, natively and with isolates as workers:
// jobs with deadlines, run time-outs, every cancel mode, cleanups, large arguments, of one worker
// only, that wait for promises and that others depend on. In the end each has been answered exactly
// once, and has run, and been cleaned up after, exactly as often as its answer says.
//
//   job_stress_test [filter] [--seed N]; HEDDLE_STRESS_SECONDS=60 for longer
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <deque>

#include "test/job_workers.h"

namespace heddle::test {
namespace {

double stressSeconds() {
  const char* const given = std::getenv("HEDDLE_STRESS_SECONDS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 1.0 : std::atof(given);                // NOLINT(cert-err34-c)
}

// What a job carries.
struct Label {
  uint32_t index;
  uint32_t queue;
  uint32_t traits;
};
enum Trait : uint32_t {
  kPhased = 1,
  kTerminates = 2,
  kLarge = 4,
  kPends = 8,     // waits for a promise
  kParent = 16,   // adds dependents
  kPatient = 32,  // goes on until it is asked to stop, for a moment at most
  kCompletes = 64,
};
constexpr size_t kLargeBytes = 20'000;

std::string bytesOf(const Label& label) {
  std::string bytes(reinterpret_cast<const char*>(&label), sizeof label);
  if ((label.traits & kLarge) != 0) bytes.resize(kLargeBytes, static_cast<char>(label.index));
  return bytes;
}

// False: they are not what was sent.
bool readLabel(const char* bytes, size_t size, Label* into) {
  if (size < sizeof *into) return false;
  std::memcpy(into, bytes, sizeof *into);
  if ((into->traits & kLarge) == 0) return size == sizeof *into;
  return size == kLargeBytes && bytes[size - 1] == static_cast<char>(into->index);
}

constexpr uint8_t kUnanswered = 255;
struct Entry {
  std::atomic<uint8_t> runs{0};
  std::atomic<uint8_t> cleanups{0};
  // By the thread that submits it, which is its own until all is over.
  uint8_t outcome = kUnanswered;
  uint32_t traits = 0;
  // In the order of all ends of runs and all answers; 0: not yet.
  std::atomic<uint32_t> ended{0};
  uint32_t answered = 0;
  std::atomic<uint32_t> parent{0};  // its index and 1
};

// Of a test, by the number that a job carries.
struct Ledger {
  static constexpr uint32_t kMost = 1'000'000;
  std::vector<Entry> entries = std::vector<Entry>(kMost);
  std::atomic<uint32_t> next{0};
  std::atomic<uint32_t> events{0};
  std::atomic<uint32_t> workers{0};  // that were asked for

  std::atomic<int> now{0};
  std::atomic<int> most{0};

  bool isFull() const { return next > kMost - 10'000; }
  void enter(uint32_t index) {
    entries[index].runs.fetch_add(1);
    const int count = now.fetch_add(1) + 1;
    int before = most.load();
    while (before < count && !most.compare_exchange_weak(before, count)) {
    }
  }
  void leave(uint32_t index) {
    now.fetch_sub(1);
    entries[index].ended = ++events;
  }
};

Ledger* ledger = nullptr;

// Mostly nothing, sometimes a little, rarely long enough for others to steal.
template <class Stops>
void spend(const Label& label, Stops&& stops) {
  const bool patient = (label.traits & kPatient) != 0;
  if (!patient && label.index % 64 != 0) return;
  const int64_t longNs = patient ? 2 * kMs : kMs;
  const int64_t end = sys::monotonicNs() + (patient || label.index % 1024 == 0 ? longNs : 20'000);
  while (sys::monotonicNs() < end && !(patient && stops())) {
  }
}

void runNative(job::NativeCall& call) {
  Label label{};
  if (!readLabel(reinterpret_cast<const char*>(call.input()), call.size(), &label)) {
    return call.fail(-EBADMSG);
  }
  ledger->enter(label.index);
  spend(label, [&call] { return call.stopping(); });
  if ((label.traits & kLarge) != 0) std::memset(call.reserve(kLargeBytes), 'r', kLargeBytes);
  call.setNumber(label.index);
  ledger->leave(label.index);
}

void cleanNative(job::NativeCall& call) {
  Label label{};
  if (readLabel(reinterpret_cast<const char*>(call.input()), call.size(), &label)) {
    ledger->entries[label.index].cleanups++;
  }
}

extern const WorkerBody runPlayed;

// Two, to the same queue; one of them is completed when its end is heard of.
void addDependents(Run* run, const Label& parent) {
  for (const uint32_t flags : {0u, uint32_t{JobFlag::COMPLETES}}) {
    if (ledger->isFull()) return;
    const Label label{ledger->next++, parent.queue, 0};
    ledger->entries[label.index].parent = parent.index + 1;
    Order order{.queue = parent.queue, .flags = flags, .parent = static_cast<int32_t>(run->slot)};
    order.target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
    run->player.world().submit(order, argumentOf(runPlayed, bytesOf(label)));
  }
}

const WorkerBody runPlayed = [](Run& run) {
  Label label{};
  if (!readLabel(run.bytes.data(), run.bytes.size(), &label)) {
    run.outcome = JobOutcome::ERROR;
    return;
  }
  if ((run.flags & JobFlag::SKIP_WORK) == 0) {
    ledger->enter(label.index);
    spend(label, [&run] { return run.player.isSignalled(run.slot); });
    if ((label.traits & kParent) != 0) addDependents(&run, label);
    ledger->leave(label.index);
    run.result = run.bytes;
    run.pends = (label.traits & kPends) != 0;
    if (run.pends) run.player.settle(run.slot);  // at its next turn
  }
  if ((run.flags & JobFlag::PHASED) != 0) ledger->entries[label.index].cleanups++;
};

// One of the threads that submit and disturb.
class Hand {
 public:
  Hand(uint32_t queue, uint32_t target, uint32_t cleanup, uint64_t seed)
      : queue_(queue), target_(target), cleanup_(cleanup), random_(seed) {}

  void work(int64_t untilNs) {
    auto world = std::make_unique<JobWorld>();
    while (sys::monotonicNs() < untilNs) {
      const uint32_t count = random_.below(40);
      for (uint32_t i = 0; i < count && !ledger->isFull(); i++) add(world.get());
      disturb(world.get());
      if (random_.below(4) != 0) world->pass();
      if (world->submitted() > world->answered() + 3000) world->turn(1);
      take(world.get());
      world->log.clear();
      if (random_.below(300) == 0) world = another(std::move(world));
    }
    const QueueRef queue = job::findQueue(queue_);
    queue->configure({.paused = 0});
    // Whoever hears that it is drained has heard of all that it has submitted.
    CHECK_EQ(world->desk().drain(queue_, 1), 0);
    CHECK(world->until([&] { return !world->drained.empty(); }));
    CHECK(world->allDone());
    take(world.get());
    CHECK_EQ(answered_ + lost_, submitted_ + world->submitted());
  }

  uint64_t answered_ = 0;
  uint64_t values_ = 0;
  uint64_t refused_ = 0;

 private:
  bool native() const { return cleanup_ != 0; }

  // A loop that ends with jobs under way: they run, or not, and nobody is told.
  std::unique_ptr<JobWorld> another(std::unique_ptr<JobWorld> world) {
    submitted_ += world->submitted();
    lost_ += indexes_.size();
    indexes_.clear();
    recent_.clear();
    toComplete_.clear();
    taken_ = 0;
    world.reset();
    return std::make_unique<JobWorld>();
  }

  void add(JobWorld* world) {
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
    Label label{ledger->next++, queue_, 0};
    if (random_.below(50) == 0) order.priority = static_cast<int32_t>(random_.below(3)) - 1;
    if (random_.below(50) == 0) order.subqueue = random_.below(4);
    limit(world->nowMs(), &order, &label);
    if (random_.below(60) == 0) label.traits |= kLarge;
    if (!native()) bindOrWait(&order, &label);
    ledger->entries[label.index].traits = label.traits;
    const std::string bytes = bytesOf(label);
    const uint32_t handle = world->submit(order, native() ? bytes : argumentOf(runPlayed, bytes));
    indexes_[handle] = label.index;
    recent_.push_back(handle);
    if (recent_.size() > 100) recent_.pop_front();
    if (random_.below(20) == 0) world->out(Out::JOB_REMOVE, anyRecent(), random_.below(2));
  }

  void limit(double nowMs, Order* order, Label* label) {
    if (random_.below(12) == 0) {
      order->flags |= JobFlag::PHASED;
      order->cleanup = cleanup_;
      label->traits |= kPhased;
    }
    if (random_.below(8) == 0) order->flags |= JobFlag::CANCEL_SIGNAL;
    if (random_.below(native() ? 8 : 1000) == 0) {
      order->flags = (order->flags & ~uint32_t{JobFlag::CANCEL_SIGNAL}) | JobFlag::CANCEL_TERMINATE;
      label->traits |= kTerminates | kPatient;
      order->runLimit = 0.5;
    }
    if (random_.below(50) == 0) order->deadline = nowMs + random_.below(3);
    if (random_.below(100) == 0) order->runLimit = 1e7;
    if (random_.below(100) == 0) {
      order->runLimit = 0.2 + 0.2 * random_.below(5);
      label->traits |= kPatient;
    }
    if (random_.below(20) == 0) order->flags |= JobFlag::DROPPABLE;
    if (random_.below(10) == 0) {
      order->flags |= JobFlag::COMPLETES;
      label->traits |= kCompletes;
    }
  }

  void bindOrWait(Order* order, Label* label) {
    switch (random_.below(150)) {
      case 0:
      case 1:
        // Of those that were started last.
        order->flags |= JobFlag::BOUND;
        order->worker = std::max(1u, ledger->workers.load() - random_.below(3));
        return;
      case 2:
        label->traits |= kPends;
        return;
      case 3:
      case 4:
        label->traits |= kParent;
        return;
      default:
        return;
    }
  }

  uint32_t anyRecent() { return recent_[random_.below(static_cast<uint32_t>(recent_.size()))]; }

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
        if (recent_.empty()) break;
        static_cast<void>(world->desk().setDeadline(anyRecent(), INFINITY));
        break;
      default:
        break;
    }
  }

  // Each answer; what was run is looked at when all is over.
  void take(JobWorld* world) {
    for (; taken_ < world->answers.size(); taken_++) {
      const uint32_t handle = world->answers[taken_];
      const Done& done = world->done[handle];
      const uint32_t index = indexes_.at(handle);
      Entry& entry = ledger->entries[index];
      if (entry.outcome != kUnanswered) CHECK_EQ(entry.outcome, kUnanswered);
      entry.outcome = static_cast<uint8_t>(done.outcome);
      entry.answered = ++ledger->events;
      answered_++;
      if (done.outcome == JobOutcome::VALUE) {
        values_++;
        if (!isRight(done, index, entry.traits)) CHECK_EQ(index, ~index);
      }
      indexes_.erase(handle);
      world->done.erase(handle);
      if ((entry.traits & kCompletes) != 0) toComplete_.push_back(handle);
    }
    // Some of them later, when others have their places.
    while (!toComplete_.empty() && random_.below(4) != 0) {
      world->out(Out::JOB_COMPLETED, toComplete_.front());
      toComplete_.pop_front();
    }
  }

  bool isRight(const Done& done, uint32_t index, uint32_t traits) const {
    if (native()) {
      const size_t size = (traits & kLarge) == 0 ? 8 : 8 + kLargeBytes;
      return done.number() == index && done.bytes.size() == size;
    }
    if ((traits & kPends) != 0) return done.bytes == "settled";
    Label label{};
    return readLabel(done.bytes.data(), done.bytes.size(), &label) && label.index == index;
  }

  const uint32_t queue_;
  const uint32_t target_;
  const uint32_t cleanup_;  // of a native queue; 0: the others have the flag only
  check::Random random_;
  std::map<uint32_t, uint32_t> indexes_;
  std::deque<uint32_t> recent_;
  std::deque<uint32_t> toComplete_;
  size_t taken_ = 0;
  uint64_t submitted_ = 0;  // by loops that have ended
  uint64_t lost_ = 0;       // of these, without an answer
};

// What an answer says of the runs and cleanups that there were.
bool isTrue(const Entry& entry, bool native) {
  const int runs = entry.runs;
  const int cleanups = entry.cleanups;
  const bool phased = (entry.traits & kPhased) != 0;
  const int owed = phased ? 1 : 0;
  // Where the thread has ended in the middle, or behind its cleanup, there may be another one; none
  // where no thread was left when all that waited was dropped.
  const bool mayBeAnother = !native && cleanups <= 2 * owed;
  switch (entry.outcome) {
    case JobOutcome::VALUE:
      return runs == 1 && cleanups == owed;
    case JobOutcome::TIMED_OUT:
      return runs == 0 && (cleanups == owed || (!native && cleanups == 0));
    case JobOutcome::RUN_TIMED_OUT:
      return runs == 1 && (cleanups == owed || mayBeAnother);
    case JobOutcome::REMOVED:
      if (runs == 0) return cleanups == 0;
      return runs == 1 && !native && (entry.traits & kTerminates) != 0 && mayBeAnother;
    case JobOutcome::WORKER_DIED:
      return !native && runs <= 1 && mayBeAnother;
    case JobOutcome::SHUTDOWN:
    case JobOutcome::WEDGED:
      return runs == 0 && cleanups == 0;
    case kUnanswered:  // its loop has ended, or it is another job's
      return runs <= 1 && cleanups <= 2 * owed;
    default:
      return false;
  }
}

void checkLedger(bool native) {
  uint64_t counts[16] = {};
  uint32_t wrong = 0;
  uint32_t early = 0;
  for (uint32_t i = 0; i < ledger->next; i++) {
    const Entry& entry = ledger->entries[i];
    counts[entry.outcome == kUnanswered ? 15 : entry.outcome]++;
    if (!isTrue(entry, native) && ++wrong < 10) {
      std::printf("  job %u ended %d, ran %d times, was cleaned up %d times, traits %u\n", i,
                  entry.outcome, entry.runs.load(), entry.cleanups.load(), entry.traits);
    }
    const uint32_t parent = entry.parent;
    if (parent == 0 || entry.runs == 0) continue;
    const Entry& above = ledger->entries[parent - 1];
    if (above.outcome == JobOutcome::VALUE && above.answered < entry.ended) early++;
  }
  CHECK_EQ(wrong, 0u);
  CHECK_EQ(early, 0u);
  for (int i = 0; i < 16; i++) {
    if (counts[i] > 0) std::printf("  %d: %llu", i, static_cast<unsigned long long>(counts[i]));
  }
  std::printf("\n");
}

struct Stress {
  uint32_t number = 0;
  uint32_t target = 0;
  uint32_t cleanup = 0;  // of a native queue
  std::function<void()> meanwhile = [] {};

  void run(HostWorld* host, uint64_t seed, double seconds) const {
    const int64_t end = sys::monotonicNs() + static_cast<int64_t>(seconds * 1e9);
    std::vector<std::unique_ptr<Hand>> hands;
    for (uint64_t i = 0; i < 4; i++) {
      hands.push_back(std::make_unique<Hand>(number, target, cleanup, seed * 16 + i));
    }
    std::atomic<int> working{4};
    std::vector<std::thread> threads;
    for (const auto& hand : hands) {
      threads.emplace_back([&hand, &working, end] {
        hand->work(end);
        working--;
      });
    }
    // At the end all of this goes on in a queue that drains.
    const int64_t drainNs = end - static_cast<int64_t>(seconds * 0.1e9);
    bool drains = false;
    while (working > 0) {
      host->turn(2);
      host->log.clear();
      ledger->workers = static_cast<uint32_t>(host->asked);
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
    std::printf("  %llu jobs answered, %llu ran:", static_cast<unsigned long long>(answered),
                static_cast<unsigned long long>(values));
    CHECK(values > 0);
    CHECK_EQ(host->stat(number, JobStat::BACKLOG), 0.0);
    CHECK_EQ(host->stat(number, JobStat::INFLIGHT), 0.0);
    CHECK(ledger->most <= 4);
    host->end(number);
    // Their threads are over as well.
    for (const auto& player : host->players) player->end();
    checkLedger(cleanup != 0);
  }
};

// Rounds of a few seconds, each with a queue of its own. `begin(host, stress)` makes it.
template <class Begin>
void rounds(Begin&& begin) {
  constexpr double kRound = 5;
  const double all = stressSeconds();
  uint64_t round = 0;
  for (double left = all; left > 0 && check::state().failures == 0; left -= kRound) {
    const auto mine = std::make_unique<Ledger>();
    ledger = mine.get();
    HostWorld host;
    host.completing = true;
    Stress stress;
    begin(&host, &stress);
    stress.run(&host, check::seed() + 1000 * round++, std::min(left, kRound));
  }
}

CASE("JQ-02 JQ-07 JQ-17 random use of everything, and resizing, pausing: native threads") {
  CHECK_EQ(job::registerFunction("test:stress", runNative), 0);
  CHECK_EQ(job::registerFunction("test:clean", cleanNative), 0);
  rounds([](HostWorld* host, Stress* stress) {
    const auto named = [](const char* name) {
      return static_cast<uint32_t>(job::targetNumber(job::kNativeModule, name));
    };
    stress->target = named("test:stress");
    stress->cleanup = named("test:clean");
    stress->number = host->queue({.desired = 2, .maxBacklog = 500});
  });
}

void beginPlayed(HostWorld* host, Stress* stress) {
  stress->target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  stress->number = host->workers(2);
  stress->meanwhile = [host] { host->bury(); };
}

CASE("AS-06 AS-09 JQ-02 the same with isolates as workers") { rounds(beginPlayed); }

CASE("TP-20 the same, and workers die in the middle") {
  check::Random random(check::seed());
  int killed = 0;
  rounds([&](HostWorld* host, Stress* stress) {
    beginPlayed(host, stress);
    stress->meanwhile = [&random, &killed, host] {
      host->bury();
      if (host->players.empty() || random.below(10) != 0) return;
      host->players[random.below(static_cast<uint32_t>(host->players.size()))]->kill();
      killed++;
    };
  });
  CHECK(killed > 0);
}

}  // namespace
}  // namespace heddle::test
