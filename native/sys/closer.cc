#include "sys/closer.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/immortal.h"
#include "sys/socket.h"
#include "sys/supply.h"

namespace heddle::sys {
namespace {

struct Job {
  int fd;
  CloseDone done;
  void* ctx;
  uint64_t request;
  Job* next;
};

// A helper that has left stays kLeft until somebody joins it: only then is none of its code running
// any more, which matters when the library is unloaded.
enum class HelperState { kNone, kRunning, kLeft };

struct Helper {
  pthread_t thread{};
  HelperState state = HelperState::kNone;
};

class Closer {
 public:
  void acquire();
  void release();
  int submit(Job* job);
  void setConcurrency(int concurrency);
  void setIdle(std::chrono::milliseconds idle);
  CloserStats stats();

 private:
  static void* enter(void* helper);
  void run(Helper* self);
  bool waitForWork(std::unique_lock<std::mutex>* held);
  Job* takeJob();
  int startHelper();
  int createThread(Helper* helper);
  void joinAll();

  // Held for the whole of acquire and release, so that nobody acquires while the last release still
  // joins. Taken before lock_, never by a helper.
  std::mutex lifecycle_;

  std::mutex lock_;  // everything below
  std::condition_variable work_;
  int references_ = 0;
  int concurrency_ = 10;
  std::chrono::milliseconds idleTime_{5000};
  int threads_ = 0;
  int idle_ = 0;
  size_t queued_ = 0;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  Helper helpers_[kCloserMaxConcurrency];
};

// Never destroyed: a process may exit while a close is still blocked.
Closer& closer() {
  static base::Immortal<Closer> instance;
  return *instance;
}

void Closer::acquire() {
  std::lock_guard<std::mutex> lifecycle(lifecycle_);
  std::lock_guard<std::mutex> held(lock_);
  references_++;
}

void Closer::release() {
  std::lock_guard<std::mutex> lifecycle(lifecycle_);
  {
    std::lock_guard<std::mutex> held(lock_);
    if (references_ == 0 || --references_ > 0) return;
  }
  work_.notify_all();
  joinAll();
}

// With no references left no helper starts, so each needs one look. Those still at work finish the
// queue first.
void Closer::joinAll() {
  for (Helper& helper : helpers_) {
    {
      std::lock_guard<std::mutex> held(lock_);
      if (helper.state == HelperState::kNone) continue;
    }
    pthread_join(helper.thread, nullptr);
    std::lock_guard<std::mutex> held(lock_);
    helper.state = HelperState::kNone;
  }
}

int Closer::submit(Job* job) {
  {
    std::lock_guard<std::mutex> held(lock_);
    if (references_ == 0) return -ENODEV;
    const bool allBusy = queued_ >= static_cast<size_t>(idle_);
    if (allBusy && threads_ < concurrency_) {
      const int started = startHelper();
      // With another helper alive the job only waits longer.
      if (started < 0 && threads_ == 0) return started;
    }
    if (last_ != nullptr) {
      last_->next = job;
    } else {
      first_ = job;
    }
    last_ = job;
    queued_++;
  }
  work_.notify_one();
  return 0;
}

// With lock_ held.
int Closer::startHelper() {
  for (Helper& helper : helpers_) {
    if (helper.state == HelperState::kRunning) continue;
    // It marked itself as left in the last section of lock_ that it entered, so this does not wait
    // for us.
    if (helper.state == HelperState::kLeft) pthread_join(helper.thread, nullptr);
    helper.state = HelperState::kNone;
    const int error = createThread(&helper);
    if (error != 0) return -error;
    helper.state = HelperState::kRunning;
    threads_++;
    return 0;
  }
  return -EAGAIN;
}

// Helpers take no signals: those belong to the threads of the program.
int Closer::createThread(Helper* helper) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&helper->thread, nullptr, enter, helper);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

void* Closer::enter(void* helper) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "hd/close/0");
#endif
  closer().run(static_cast<Helper*>(helper));
  return nullptr;
}

void Closer::run(Helper* self) {
  std::unique_lock<std::mutex> held(lock_);
  while (waitForWork(&held)) {
    Job* job = takeJob();
    held.unlock();
    const int result = closeFd(job->fd);
    if (job->done != nullptr) job->done(job->ctx, job->request, -result);
    supplyDelete(job);
    held.lock();
  }
  threads_--;
  self->state = HelperState::kLeft;
}

// False when this helper is to leave.
bool Closer::waitForWork(std::unique_lock<std::mutex>* held) {
  while (threads_ <= concurrency_) {
    if (first_ != nullptr) return true;
    if (references_ == 0) return false;
    idle_++;
    bool timedOut = false;
    if (threads_ > 1) {
      timedOut = work_.wait_for(*held, idleTime_) == std::cv_status::timeout;
    } else {
      work_.wait(*held);
    }
    idle_--;
    // Of several whose time is up together, the last one finds itself alone and stays.
    if (timedOut && first_ == nullptr && threads_ > 1) return false;
  }
  return false;
}

Job* Closer::takeJob() {
  Job* job = first_;
  first_ = job->next;
  if (first_ == nullptr) last_ = nullptr;
  queued_--;
  return job;
}

void Closer::setConcurrency(int concurrency) {
  {
    std::lock_guard<std::mutex> held(lock_);
    concurrency_ = concurrency;
    // A longer queue than before may be allowed more helpers at once.
    for (size_t i = 0; i < queued_ && references_ > 0 && threads_ < concurrency_; i++) {
      if (startHelper() < 0) break;
    }
  }
  work_.notify_all();  // the surplus leaves
}

void Closer::setIdle(std::chrono::milliseconds idle) {
  std::lock_guard<std::mutex> held(lock_);
  idleTime_ = idle;
}

CloserStats Closer::stats() {
  std::lock_guard<std::mutex> held(lock_);
  return {threads_, idle_, queued_};
}

}  // namespace

void acquireCloser() { closer().acquire(); }

void releaseCloser() { closer().release(); }

int submitClose(int fd, CloseDone done, void* ctx, uint64_t request) {
  if (fd < 0) return -EBADF;
  Job* job = supplyNew<Job>(fd, done, ctx, request, nullptr);
  if (job == nullptr) return -ENOMEM;
  const int result = closer().submit(job);
  if (result < 0) supplyDelete(job);
  return result;
}

void closeSoon(int fd) {
  if (lingers(fd) && submitClose(fd, nullptr, nullptr, 0) == 0) return;
  closeNow(fd);
}

int closeNow(int fd) {
  if (lingers(fd)) setLinger(fd, -1);
  return closeFd(fd);
}

int setCloserConcurrency(int concurrency) {
  if (concurrency < 1 || concurrency > kCloserMaxConcurrency) return -EINVAL;
  closer().setConcurrency(concurrency);
  return 0;
}

void setCloserIdleMs(int milliseconds) {
  closer().setIdle(std::chrono::milliseconds(milliseconds));
}

CloserStats closerStats() { return closer().stats(); }

}  // namespace heddle::sys
