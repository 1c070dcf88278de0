// Where what other threads have for a desk waits until its loop looks: finished jobs, news of
// queues. Outlives the loop for as long as jobs are under way that came from it.
//
// After `close` what is put in is destroyed by whoever puts it there: at once, or when the
// destruction within which it was put in is over. Jobs are put in without a queue's lock: the
// destruction of one may end another, of whichever queue. The rest may be said under it.
//
// Waking. A loop that is about to sleep says so (`rest`) and looks once more; who puts something in
// looks whether it sleeps, after having put it there. All four operations are sequentially
// consistent: in the one order that they have either the thing is in before the last look, or the
// sleep is announced before it is asked for. Of many things only the first wakes the loop.
//
// References: the desk's, and one for each job under way. Thread rule: any thread, except `open`,
// `close`, `rest`, `rouse` and `take…`, which are the loop's.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "job/job.h"
#include "mem/typed_object.h"

namespace heddle::loop {
class Loop;
}

namespace heddle::job {

// A queue is drained: JOBQ_DRAINED. Made beforehand, so that saying it cannot fail.
struct Notice {
  Notice* next = nullptr;
  Tray* tray = nullptr;
  uint32_t request = 0;
};
using Notices = mem::Typed<Notice, mem::Builtin::kJobTable>;
using NoticeList = LinkedList<Notice>;

class Tray {
 public:
  explicit Tray(uint32_t loopId) : loopId_(loopId) {}
  ~Tray();
  Tray(const Tray&) = delete;
  Tray& operator=(const Tray&) = delete;

  uint32_t loopId() const { return loopId_; }
  void acquire() { references_.fetch_add(1, std::memory_order_relaxed); }
  void acquire(uint32_t count) { references_.fetch_add(count, std::memory_order_relaxed); }
  void release(uint32_t count = 1);

  // A finished job; gives up the job's reference.
  void put(Job* job);
  // Gives up the notice's reference.
  void put(Notice* notice);
  // Something else is to be looked at.
  enum Call : uint32_t {
    kWork = 1,     // the queue that the loop's worker serves has a job
    kSignals = 2,  // a job of this worker is to be signalled
    kWishes = 4,   // a queue that this loop hosts has wishes
  };
  void call(Call what);

  // --- the loop's thread
  void open(loop::Loop* loop);
  // Nobody wakes the loop any more.
  void close();
  // False: there is something.
  [[nodiscard]] bool rest();
  void rouse() { state_.store(State::kAwake, std::memory_order_relaxed); }
  bool hasNews() const;
  // In the order in which they were put in; linked by `next`.
  [[nodiscard]] Job* takeJobs();
  [[nodiscard]] Notice* takeNotices();
  [[nodiscard]] uint32_t takeCalls();

 private:
  enum class State : uint8_t { kAwake, kAsleep, kClosed };

  bool announce();
  void wake();
  void discardJobs();
  void discardNotices();

  const uint32_t loopId_;
  std::atomic<uint32_t> references_{1};
  std::mutex lock_;  // the next: the loop is not destroyed while it is woken
  loop::Loop* loop_ = nullptr;
  alignas(64) std::atomic<Job*> jobs_{nullptr};
  std::atomic<Notice*> notices_{nullptr};
  std::atomic<uint32_t> calls_{0};
  alignas(64) std::atomic<State> state_{State::kAwake};
};

using Trays = mem::Typed<Tray, mem::Builtin::kJobDesk>;

}  // namespace heddle::job
