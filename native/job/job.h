// One job, from its submission to its answer.
//
// Ownership goes round: made by a submitter (a Desk, or the runner of asynchronous calls), held by
// a queue from `submit` until its work is over, then handed back through `ended`; the submitter
// destroys it. In between the submitter may name the job to its queue (remove, signal), which
// looks under its lock where the job is.
//
// A job that others depend on is handed back when its own work is over and each of them has been
// destroyed (AS-06): `pending` counts them.
#pragma once

#include <atomic>
#include <cstdint>

#include "job/payload.h"
#include "job/words.h"

namespace heddle::job {

class Queue;
class Tray;
class Worker;
struct Band;
struct Subqueue;
struct Target;

struct Job {
  // Called once, on any thread, without a lock held.
  using Ended = void (*)(Job* self);

  // --- what was asked for; not changed once it is submitted
  Ended ended = nullptr;
  Target* target = nullptr;
  Target* cleanup = nullptr;  // of a phased job; nullptr: none
  uint32_t handle = 0;        // the submitter's, as is the next
  uint32_t queue = 0;
  uint32_t flags = 0;    // JobFlag
  uint32_t boundTo = 0;  // a worker's number, with JobFlag::BOUND
  int32_t priority = 0;  // higher is sooner
  uint64_t subqueue = 0;
  int64_t deadlineNs = INT64_MAX;  // to begin by
  int64_t runLimitNs = 0;          // 0: none
  Job* parent = nullptr;           // the job that waits for this one
  Tray* tray = nullptr;            // where it goes back to; of a Desk's
  void* owner = nullptr;           // of other submitters: what it stands for
  int64_t addedNs = 0;

  // --- the queue's, under its lock
  Job* next = nullptr;  // of whatever list it is in
  Job* previous = nullptr;
  Subqueue* home = nullptr;
  Band* band = nullptr;      // while it waits; nullptr: it is bound
  Worker* worker = nullptr;  // that it was given to
  uint32_t slot = 0;         // there
  bool unbound = false;      // in spite of its flags: the worker that it was bound to has died
  // kOver is set by the worker's thread without the lock, before the job is handed back: relaxed,
  // because who holds the lock and reads kGiven finds the slot still there (see Queue::ended).
  enum class Place : uint8_t { kOutside, kWaiting, kGiven, kOver };
  std::atomic<Place> place{Place::kOutside};
  // Only its cleanup is to run, and then it ends so: VALUE stands for none.
  JobOutcome::Id fate = JobOutcome::VALUE;
  // How it ends if its worker does.
  JobOutcome::Id ifDead = JobOutcome::WORKER_DIED;
  uint64_t number = 0;  // in the order of arrival

  // --- written by the thread that has it, read by the submitter while it runs
  // Relaxed: a time, compared with others; 0: not begun.
  std::atomic<int64_t> startedNs{0};
  [[nodiscard]] bool hasRunOut(int64_t nowNs) const {
    const int64_t started = startedNs.load(std::memory_order_relaxed);
    return runLimitNs > 0 && started != 0 && nowNs - started >= runLimitNs;
  }

  // Own work and unfinished dependents. The last one to count down hands the job back; its
  // acquire-release makes the outcome, written by whoever did the work, visible to that one.
  std::atomic<uint32_t> pending{1};
  // The queue that is not drained before a job with dependents is handed back; it is referred to.
  // By the thread that runs the job, before the first of them is submitted.
  Queue* keeps = nullptr;

  // --- the answer
  JobOutcome::Id outcome = JobOutcome::VALUE;
  uint32_t resultFlags = 0;  // JobFlag, without BLOCK, which is the desk's to decide
  int64_t endedNs = 0;

  // --- the submitter's
  enum class Answer : uint8_t { kOwed, kGiven, kToComplete } answer = Answer::kOwed;
  bool isWatched = false;  // for its run time or its deadline
  bool wasSignalled = false;
  bool ranTooLong = false;  // so it ends RUN_TIMED_OUT, whatever comes back

  // The argument, then the result. Small ones lie behind the job, in `inlineBytes` of room.
  uint32_t inlineBytes = 0;
  uint32_t size = 0;  // of what lies there
  Payload large;      // instead, where it is not empty

  uint8_t* room() { return reinterpret_cast<uint8_t*>(this + 1); }
  uint8_t* bytes() { return large.empty() ? room() : large.data(); }
  size_t byteCount() const { return large.empty() ? size : large.size(); }

  // Makes the bytes the result, in place of the argument. False without memory.
  [[nodiscard]] bool setResult(const uint8_t* data, size_t count);
  // The same without a copy.
  void setResult(Payload&& payload) {
    large = std::move(payload);
    size = 0;
  }
  void clearBytes() {
    large = Payload();
    size = 0;
  }

  // Room for `bytes` of argument or result at least. nullptr without memory.
  [[nodiscard]] static Job* make(size_t bytes);
  // Tells its parent.
  static void destroy(Job* job);
};

// Its own work is over, whatever came of it: hands it back unless dependents are still under way.
// Not under a queue's lock.
void finish(Job* job);
inline void finish(Job* job, JobOutcome::Id outcome) {
  job->outcome = outcome;
  job->clearBytes();
  finish(job);
}

// Before the dependent is submitted; its destruction counts it off. `queue` runs the parent.
void dependOn(Job* parent, Job* dependent, Queue* queue);

// What is linked by `next`, in order. One thread at a time.
template <class T>
struct LinkedList {
  T* first = nullptr;
  T* last = nullptr;
  uint32_t count = 0;

  bool empty() const { return first == nullptr; }
  void push(T* element) {
    element->next = nullptr;
    (last == nullptr ? first : last->next) = element;
    last = element;
    count++;
  }
  // What is linked already; nullptr: nothing.
  void pushAll(T* head) {
    while (head != nullptr) {
      T* const following = head->next;
      push(head);
      head = following;
    }
  }
  void pushFront(T* element) {
    element->next = first;
    first = element;
    if (last == nullptr) last = element;
    count++;
  }
  // It is in it.
  void remove(T* element) {
    T* before = nullptr;
    for (T* at = first; at != element; at = at->next) before = at;
    (before == nullptr ? first : before->next) = element->next;
    if (last == element) last = before;
    count--;
  }
  T* pop() {
    T* const element = first;
    first = element->next;
    if (first == nullptr) last = nullptr;
    count--;
    return element;
  }
};
using JobList = LinkedList<Job>;

}  // namespace heddle::job
