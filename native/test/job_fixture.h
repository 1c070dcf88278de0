#pragma once

// A loop with a desk, and what JavaScript would do around it: submits by records, notes how jobs
// ended, and as a worker claims and runs what comes.

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "job/desk.h"
#include "job/function.h"
#include "job/registry.h"
#include "job/target.h"
#include "job/worker.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {

using job::Claim;
using job::Desk;
using job::JobFlag;
using job::JobOutcome;
using job::JobQueueKind;
using job::JobStat;
using job::Queue;
using job::QueueRef;
using job::QueueSpec;

constexpr int64_t kMs = 1'000'000;

// Holds functions on other threads until the test lets them go, one by one or all.
class Barrier {
 public:
  void pass() {
    std::unique_lock<std::mutex> guard(lock_);
    arrivals_++;
    changed_.notify_all();
    const int ticket = arrivals_;
    changed_.wait(guard, [&] { return open_ || let_ >= ticket; });
  }
  void open() {
    const std::lock_guard<std::mutex> guard(lock_);
    open_ = true;
    changed_.notify_all();
  }
  // So many in all, in the order of their arrival.
  void let(int count) {
    const std::lock_guard<std::mutex> guard(lock_);
    let_ = count;
    changed_.notify_all();
  }
  void awaitArrivals(int count) {
    std::unique_lock<std::mutex> guard(lock_);
    changed_.wait(guard, [&] { return arrivals_ >= count; });
  }
  int arrivals() {
    const std::lock_guard<std::mutex> guard(lock_);
    return arrivals_;
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  int arrivals_ = 0;
  int let_ = 0;
  bool open_ = false;
};

// What jobs of a test do on their threads; the test owns it and outlives them.
using Body = std::function<void(job::NativeCall&)>;

inline void callBody(job::NativeCall& call) {
  Body* body = nullptr;
  std::memcpy(&body, call.input(), sizeof body);
  (*body)(call);
}

inline uint32_t bodyTarget() {
  static const int registered = job::registerFunction("test:body", callBody);
  if (registered < 0) std::abort();
  return static_cast<uint32_t>(job::targetNumber(job::kNativeModule, "test:body"));
}

inline std::string addressOf(const Body& body) {
  const Body* const address = &body;
  return std::string(reinterpret_cast<const char*>(&address), sizeof address);
}

struct Order {
  uint32_t queue = 0;
  uint32_t target = 0;
  uint32_t flags = 0;
  uint32_t cleanup = 0;
  uint32_t worker = 0;
  int32_t priority = 0;
  int32_t parent = -1;
  uint64_t subqueue = 0;
  double deadline = INFINITY;
  double runLimit = 0;
};

struct Done {
  int32_t outcome;
  uint32_t flags;
  std::string bytes;
  double number() const {
    double value = NAN;
    if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
};

class JobWorld : public Loopback {
 public:
  JobWorld() : desk_(job::Desks::makePtr(&loop())) {
    if (desk_ == nullptr || desk_->open() < 0) std::abort();
    loop().attach(desk_.get(), 0);
    loop().takeRecords(desk_.get(), Desk::kRecordGroup);
  }
  ~JobWorld() override { loop().close(); }

  Desk& desk() { return *desk_; }

  // Of one thread with no name of anybody's.
  uint32_t queue(QueueSpec spec = {}) {
    const std::string name = spec.name.empty() ? "test" : std::string(spec.name);
    spec.name = name;
    const int64_t made = job::createQueue(spec, desk_.get());
    if (made < 0) std::abort();
    return static_cast<uint32_t>(made);
  }
  // Drained and destroyed: nothing of it may be left.
  void end(uint32_t number) {
    const size_t before = drained.size();
    CHECK_EQ(desk_->drain(number, 77), 0);
    CHECK(until([&] { return drained.size() > before; }));
    CHECK_EQ(job::destroyQueue(number), 0);
    CHECK(!job::findQueue(number));
  }

  // As lib/jobq/parcel.ts: what is too large for the slab goes as a block.
  uint32_t submit(Order order, const std::string& bytes) {
    const uint32_t handle = next();
    uint32_t offset = 0;
    if (bytes.size() > Desk::kBlockBytes) {
      const int64_t block =
          desk_->block(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      if (block < 0) std::abort();
      offset = static_cast<uint32_t>(block);
      order.flags |= JobFlag::BLOCK;
    } else {
      offset = put(bytes);
    }
    if (isPlain(order)) {
      out(Out::JOB_ADD, order.queue, handle, order.target, order.flags, offset, bytes.size());
      return handle;
    }
    int32_t times[4];
    std::memcpy(times, &order.deadline, 8);
    std::memcpy(times + 2, &order.runLimit, 8);
    out(Out::JOB_ADD_WITH, order.queue, handle, order.target, order.flags, offset, bytes.size(),
        order.cleanup, order.worker, order.priority, order.parent,
        static_cast<uint32_t>(order.subqueue), static_cast<uint32_t>(order.subqueue >> 32),
        times[0], times[1], times[2], times[3]);
    return handle;
  }
  uint32_t submit(uint32_t queueNumber, const Body& body) {
    return submit({.queue = queueNumber, .target = bodyTarget()}, addressOf(body));
  }
  uint32_t submit(Order order, const Body& body) {
    order.target = bodyTarget();
    return submit(order, addressOf(body));
  }
  bool isDone(uint32_t handle) const { return done.count(handle) > 0; }
  // Until it is; how it ended.
  int32_t outcomeOf(uint32_t handle) {
    CHECK(until([&] { return isDone(handle); }));
    return isDone(handle) ? done[handle].outcome : -1;
  }
  bool allDone() const { return answered_ == submitted_; }
  bool finishAll() {
    return until([this] { return allDone(); });
  }
  double stat(uint32_t number, JobStat::Place place) {
    double stats[job::kJobStats] = {};
    const QueueRef found = job::findQueue(number);
    if (!found) return -1;
    found->stats(stats);
    return stats[place];
  }
  uint64_t submitted() const { return submitted_; }
  uint64_t answered() const { return answered_; }
  // Of the record that is being dispatched: the bytes that its word `at` and the next tell of.
  std::string view(const Record& record, size_t at) const {
    return slab(record.at(at), record.at(at + 1));
  }

  std::map<uint32_t, Done> done;
  std::vector<uint32_t> answers;  // in their order
  std::vector<uint32_t> drained;
  std::vector<std::pair<uint32_t, int32_t>> wishes;  // worker, what
  uint32_t wishQueue = 0;

 protected:
  void dispatched(const Record& record) override {
    switch (record.kind) {
      case In::JOB_DONE:
        close(record.handle());
        CHECK_EQ(done.count(record.handle()), size_t{0});
        done[record.handle()] = {record.at(2), static_cast<uint32_t>(record.at(3)),
                                 bytesOf(record, 3)};
        answers.push_back(record.handle());
        break;
      case In::JOBQ_DRAINED:
        drained.push_back(record.handle());
        break;
      case In::JOBQ_WORKER:
        wishQueue = record.handle();
        wishes.emplace_back(static_cast<uint32_t>(record.at(2)), record.at(3));
        break;
      default:
        break;
    }
    Loopback::dispatched(record);
  }
  // `at`: its flags; offset and length follow.
  std::string bytesOf(const Record& record, size_t at) {
    if ((static_cast<uint32_t>(record.at(at)) & JobFlag::BLOCK) == 0) {
      return slab(record.at(at + 1), record.at(at + 2));
    }
    const job::Payload block = desk_->takeBlock(static_cast<uint32_t>(record.at(at + 1)));
    return std::string(reinterpret_cast<const char*>(block.data()), block.size());
  }

 private:
  static bool isPlain(const Order& order) {
    return order.cleanup == 0 && order.worker == 0 && order.priority == 0 && order.parent < 0 &&
           order.subqueue == 0 && order.deadline == INFINITY && order.runLimit == 0;
  }
  // As lib/jobq/handles.ts: an index comes again as soon as its job is answered, the latest first,
  // with the next generation. What is known of the job that had the same handle 256 generations ago
  // is forgotten then.
  uint32_t next() {
    submitted_++;
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(generations_.size()));
      generations_.push_back(0);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    const uint32_t handle = index | uint32_t{generations_[index]} << kGenerationShift;
    done.erase(handle);
    return handle;
  }
  // Handles that a test has made up itself are its own.
  void close(uint32_t handle) {
    const uint32_t index = handle & loop::kHandleIndexMask;
    if (index >= generations_.size() || generations_[index] != handle >> kGenerationShift) return;
    answered_++;
    generations_[index]++;
    free_.push_back(index);
  }
  static constexpr uint32_t kGenerationShift = 24;

  job::Desks::Ptr desk_;
  uint64_t submitted_ = 0;
  uint64_t answered_ = 0;
  std::vector<uint8_t> generations_;  // by index
  std::vector<uint32_t> free_;        // indexes
};

}  // namespace heddle::test
