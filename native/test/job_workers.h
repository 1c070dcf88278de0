#pragma once

// Plays worker threads of a queue and the host that makes them: each has a loop and claims of its
// own, runs what it claims, and drops what was taken back, as lib/jobq/worker.ts does.

#include <memory>
#include <utility>

#include "test/job_fixture.h"

namespace heddle::test {

class Player;

// What a job of a worker queue does. The test owns it and outlives the job.
struct Run {
  Player& player;
  uint32_t slot;
  uint32_t flags;
  std::string bytes;
  int32_t outcome = JobOutcome::VALUE;
  std::string result = "";
  bool pends = false;  // a promise: the test settles it
  bool dies = false;   // the thread ends here
};
using WorkerBody = std::function<void(Run&)>;

// As bytes: which body, and then what is for it.
inline std::string argumentOf(const WorkerBody& body, const std::string& rest = "") {
  const WorkerBody* const address = &body;
  return std::string(reinterpret_cast<const char*>(&address), sizeof address) + rest;
}

class Player {
 public:
  // `completes`: what it submits itself, as soon as it hears of the end.
  Player(uint32_t queue, uint32_t number, bool completes)
      : queue_(queue), number_(number), completes_(completes), thread_([this] { play(); }) {}
  ~Player() { end(); }

  uint32_t number() const { return number_; }
  // The thread is stopped as soon as it looks; jobs that run never return.
  void kill() { killed_ = true; }
  // Records that have come are not begun until it is let on.
  void hold(bool on) { held_ = on; }
  void end() {
    if (thread_.joinable()) thread_.join();
  }
  bool isOver() const { return over_; }
  // Any thread: the promise of the job in the slot is settled.
  void settle(uint32_t slot) {
    const std::lock_guard<std::mutex> guard(lock_);
    settled_.push_back(slot);
  }
  // On its own thread, within a job.
  JobWorld& world() { return *world_; }
  bool isSignalled(uint32_t slot) {
    return __atomic_load_n(claims_ + slot, __ATOMIC_SEQ_CST) == Claim::SIGNALLED;
  }

  std::atomic<int> signals{0};
  std::atomic<int> ran{0};
  std::atomic<bool> left{false};

 private:
  void play() {
    JobWorld world;
    world_ = &world;
    world.handler = [this](const Record& record) { hear(record); };
    const int serves = world.desk().serve(queue_, number_, claims_);
    while (serves == 0 && !left && !killed_) {
      world.turn(1);
      settleAll();
      runKept();
      world.log.clear();
    }
    world.loop().close();
    over_ = true;
  }

  void hear(const Record& record) {
    switch (record.kind) {
      case In::JOB_LEAVE:
        left = true;
        return;
      case In::JOB_SIGNAL:
        signals++;
        return;
      case In::JOB_DONE:
        if (completes_) world_->out(Out::JOB_COMPLETED, record.handle());
        return;
      case In::JOB_RUN:
        // Its bytes are only there now.
        kept_.push_back({record, isBlock(record) ? "" : world_->view(record, 5)});
        return runKept();
      default:
        return;
    }
  }

  static bool isBlock(const Record& record) {
    return (static_cast<uint32_t>(record.at(4)) & JobFlag::BLOCK) != 0;
  }

  bool change(uint32_t slot, int32_t from, int32_t to) {
    return __atomic_compare_exchange_n(claims_ + slot, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
  }

  // In milliseconds of its loop, rounded up.
  void noteBegin(const Record& record, uint32_t slot) {
    if ((static_cast<uint32_t>(record.at(4)) & JobFlag::LIMITED) == 0) return;
    const int64_t ns = sys::monotonicNs() - world_->loop().originNs();
    const auto ms = static_cast<uint32_t>((ns + 999'999) / 1'000'000);
    __atomic_store_n(claims_ + job::kBegins + slot, static_cast<int32_t>(ms), __ATOMIC_RELAXED);
  }

  void runKept() {
    while (!kept_.empty() && pending_ == 0 && !killed_ && !held_) {
      const auto [record, bytes] = kept_.front();
      kept_.erase(kept_.begin());
      const auto slot = static_cast<uint32_t>(record.at(1));
      noteBegin(record, slot);
      if (!change(slot, Claim::GIVEN, Claim::RUNNING)) {
        CHECK_EQ(__atomic_load_n(claims_ + slot, __ATOMIC_SEQ_CST), int32_t{Claim::TAKEN_BACK});
        __atomic_store_n(claims_ + slot, Claim::FREE, __ATOMIC_SEQ_CST);
        continue;
      }
      run(record, bytes);
    }
  }

  void run(const Record& record, std::string bytes) {
    const auto flags = static_cast<uint32_t>(record.at(4));
    if ((flags & JobFlag::BLOCK) != 0) {
      const job::Payload block = world_->desk().takeBlock(static_cast<uint32_t>(record.at(5)));
      bytes.assign(reinterpret_cast<const char*>(block.data()), block.size());
      CHECK_EQ(bytes.size(), static_cast<size_t>(record.at(6)));
    }
    const WorkerBody* body = nullptr;
    std::memcpy(&body, bytes.data(), sizeof body);
    Run run{*this, static_cast<uint32_t>(record.at(1)), flags, bytes.substr(sizeof body)};
    ran++;
    (*body)(run);
    if (run.dies) {
      killed_ = true;
    } else if (run.pends) {
      pending_++;
      world_->out(Out::JOB_IDLE, 0);
    } else {
      answer(run.slot, run.outcome, run.result);
    }
  }

  void answer(uint32_t slot, int32_t outcome, const std::string& result) {
    if (result.size() > Desk::kBlockBytes) {
      const int64_t block =
          world_->desk().block(reinterpret_cast<const uint8_t*>(result.data()), result.size());
      CHECK(block > 0);
      return world_->out(Out::JOB_RESULT, slot, outcome, JobFlag::BLOCK, block, result.size());
    }
    const uint32_t offset = world_->put(result);
    world_->out(Out::JOB_RESULT, slot, outcome, 0, offset, result.size());
  }

  void settleAll() {
    std::vector<uint32_t> settled;
    {
      const std::lock_guard<std::mutex> guard(lock_);
      settled.swap(settled_);
    }
    for (const uint32_t slot : settled) {
      pending_--;
      answer(slot, JobOutcome::VALUE, "settled");
      if (pending_ == 0) world_->out(Out::JOB_IDLE, 1);
    }
  }

  const uint32_t queue_;
  const uint32_t number_;
  const bool completes_;
  int32_t claims_[job::kClaimCells] = {};
  JobWorld* world_ = nullptr;
  std::vector<std::pair<Record, std::string>> kept_;
  int pending_ = 0;
  std::atomic<bool> killed_{false};
  std::atomic<bool> held_{false};
  std::atomic<bool> over_{false};
  std::mutex lock_;
  std::vector<uint32_t> settled_;
  std::thread thread_;
};

// The host of worker queues, and the submitter.
class HostWorld : public JobWorld {
 public:
  ~HostWorld() override {
    loop().close();
    for (const auto& player : players) player->kill();
  }

  uint32_t workers(uint32_t desired, QueueSpec spec = {}) {
    spec.kind = JobQueueKind::WORKER;
    spec.desired = desired;
    return queue(spec);
  }
  uint32_t run(Order order, const WorkerBody& body, const std::string& rest = "") {
    static const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
    order.target = target;
    return submit(order, argumentOf(body, rest));
  }
  uint32_t run(uint32_t number, const WorkerBody& body, const std::string& rest = "") {
    return run(Order{.queue = number}, body, rest);
  }
  // By its number; nullptr: it was not asked for.
  Player* player(uint32_t number) {
    for (const auto& player : players) {
      if (player->number() == number) return player.get();
    }
    return nullptr;
  }

  // Threads that have ended are forgotten.
  void bury() {
    for (size_t i = 0; i < players.size();) {
      if (players[i]->isOver()) {
        players.erase(players.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        i++;
      }
    }
  }

  bool starts = true;       // else the host cannot make threads
  bool completing = false;  // its threads complete what they submit
  bool spares = false;      // those that are to be ended wait for the test to do it
  int asked = 0;
  std::vector<std::unique_ptr<Player>> players;

 protected:
  void dispatched(const Record& record) override {
    if (record.kind == In::JOBQ_WORKER) grant(record);
    JobWorld::dispatched(record);
  }

 private:
  void grant(const Record& record) {
    const auto worker = static_cast<uint32_t>(record.at(2));
    if (record.at(3) == job::JobWorkerWish::TERMINATE) {
      REQUIRE(player(worker) != nullptr);
      if (!spares) player(worker)->kill();
      return;
    }
    asked++;
    if (!starts) {
      CHECK_EQ(desk().workerEnded(record.handle(), worker), 0);
      return;
    }
    players.push_back(std::make_unique<Player>(record.handle(), worker, completing));
  }
};

}  // namespace heddle::test
