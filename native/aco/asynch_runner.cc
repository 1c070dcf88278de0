#include "aco/asynch_runner.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "base/immortal.h"
#include "mem/epoch.h"
#include "sys/clock.h"
#include "sys/thread.h"

namespace heddle::aco {
namespace {

constexpr uint32_t kDefaultThreads = 8;
constexpr uint32_t kDefaultBacklog = 1024;

class PlainRunner final : public AsynchRunner {
 public:
  int submit(AsynchJob* job) override;
  bool withdraw(AsynchJob* job) override;
  void await(AsynchJob* job) override;
  void acquire() override;
  void release() override;

  int setLimits(uint32_t threads, uint32_t backlog);
  AsynchUsage usage();

 private:
  using Stage = AsynchJob::Stage;

  static void* threadMain(void* self);
  void serve();
  void run(AsynchJob* job, std::unique_lock<std::mutex>& guard);
  [[nodiscard]] int startThread();
  void push(AsynchJob* job);
  AsynchJob* pop();

  std::mutex life_;  // held while it begins or ends; taken before lock_
  uint32_t users_ = 0;

  std::mutex lock_;  // everything below
  std::condition_variable work_;
  std::condition_variable done_;
  AsynchJob* first_ = nullptr;
  AsynchJob* last_ = nullptr;
  uint32_t queued_ = 0;
  uint32_t running_ = 0;
  uint32_t threadCount_ = 0;
  uint32_t maxThreads_ = kDefaultThreads;
  uint32_t backlog_ = kDefaultBacklog;
  bool stopping_ = false;
  sys::Thread threads_[kMaxAsynchThreads];
};

int PlainRunner::submit(AsynchJob* job) {
  if (job->queue != nullptr && std::strcmp(job->queue, "default") != 0) return -ENOENT;
  const std::lock_guard<std::mutex> guard(lock_);
  if (job->tryOnly && queued_ >= backlog_) return -EAGAIN;
  // Those that are queued have been promised an idle thread each.
  if (threadCount_ < maxThreads_ && threadCount_ - running_ <= queued_) {
    const int started = startThread();
    if (started < 0 && threadCount_ == 0) return started;
  }
  push(job);
  work_.notify_one();
  return 0;
}

int PlainRunner::startThread() {
  const int started = threads_[threadCount_].start(threadMain, this);
  if (started == 0) threadCount_++;
  return started;
}

void PlainRunner::push(AsynchJob* job) {
  job->next = nullptr;
  job->stage = Stage::kQueued;
  (last_ == nullptr ? first_ : last_->next) = job;
  last_ = job;
  queued_++;
}

AsynchJob* PlainRunner::pop() {
  AsynchJob* const job = first_;
  first_ = job->next;
  if (first_ == nullptr) last_ = nullptr;
  queued_--;
  return job;
}

bool PlainRunner::withdraw(AsynchJob* job) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (job->stage != Stage::kQueued) return false;
  AsynchJob* before = nullptr;
  for (AsynchJob* at = first_; at != job; at = at->next) before = at;
  (before == nullptr ? first_ : before->next) = job->next;
  if (last_ == job) last_ = before;
  queued_--;
  job->stage = Stage::kIdle;
  return true;
}

void PlainRunner::await(AsynchJob* job) {
  std::unique_lock<std::mutex> guard(lock_);
  done_.wait(guard, [job] { return job->stage == Stage::kDone; });
}

void PlainRunner::acquire() {
  const std::lock_guard<std::mutex> guard(life_);
  users_++;
}

void PlainRunner::release() {
  const std::lock_guard<std::mutex> guard(life_);
  if (--users_ > 0) return;
  std::unique_lock<std::mutex> inner(lock_);
  stopping_ = true;
  work_.notify_all();
  const uint32_t count = threadCount_;
  inner.unlock();
  for (uint32_t i = 0; i < count; i++) threads_[i].join();
  inner.lock();
  threadCount_ = 0;
  stopping_ = false;
}

void* PlainRunner::threadMain(void* self) {
  // Without memory for it the functions that need epochs say so.
  const bool attached = mem::epochAttachThread() == 0;
  static_cast<PlainRunner*>(self)->serve();
  if (attached) mem::epochDetachThread();
  return nullptr;
}

void PlainRunner::serve() {
  std::unique_lock<std::mutex> guard(lock_);
  while (true) {
    work_.wait(guard, [this] { return first_ != nullptr || stopping_; });
    if (first_ == nullptr) return;
    run(pop(), guard);
  }
}

void PlainRunner::run(AsynchJob* job, std::unique_lock<std::mutex>& guard) {
  job->stage = Stage::kRunning;
  running_++;
  guard.unlock();
  if (job->deadlineNs != 0 && sys::monotonicNs() > job->deadlineNs) {
    job->status = -ETIME;
  } else {
    job->work(job);
  }
  guard.lock();
  running_--;
  job->stage = Stage::kDone;
  done_.notify_all();
  guard.unlock();
  job->done(job);
  guard.lock();
}

int PlainRunner::setLimits(uint32_t threads, uint32_t backlog) {
  if (threads == 0 || threads > kMaxAsynchThreads) return -EINVAL;
  const std::lock_guard<std::mutex> guard(lock_);
  maxThreads_ = threads;
  backlog_ = backlog;
  return 0;
}

AsynchUsage PlainRunner::usage() {
  const std::lock_guard<std::mutex> guard(lock_);
  return {threadCount_, running_, queued_};
}

// Process-wide by nature: threads are the machine's, not a loop's.
PlainRunner& plainRunner() {
  static base::Immortal<PlainRunner> instance;
  return *instance;
}

// Set before the first call, read by loops' threads, which are started later.
constinit AsynchRunner* chosen = nullptr;

}  // namespace

AsynchRunner& asynchRunner() { return chosen == nullptr ? plainRunner() : *chosen; }

void setAsynchRunner(AsynchRunner* runner) { chosen = runner; }

int setAsynchLimits(uint32_t threads, uint32_t backlog) {
  return plainRunner().setLimits(threads, backlog);
}

AsynchUsage asynchUsage() { return plainRunner().usage(); }

}  // namespace heddle::aco
