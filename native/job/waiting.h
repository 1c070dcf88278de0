// What waits in a queue, and whose turn it is.
//
// Jobs lie in subqueues, which take turns (JQ-12): each may have its share of the threads, threads
// / subqueues that have work, at least one; when all that wait have their share, the one with the
// fewest is next. In a subqueue higher priorities come first, each a band of its own; in a band the
// oldest or the newest is first, as the queue's order is at that moment. Subqueue 0 is there
// always, others while they have a job that waits or is given.
//
// Under the queue's lock, all of it. Memory: a subqueue, and a band for a priority other than 0.
#pragma once

#include <cstdint>

#include "job/job.h"
#include "mem/typed_array.h"

namespace heddle::job {

struct Band {
  int32_t priority = 0;
  Job* first = nullptr;  // the oldest
  Job* last = nullptr;
  Band* next = nullptr;  // of the next lower priority
};

struct Subqueue {
  uint64_t id = 0;
  uint32_t waiting = 0;
  uint32_t given = 0;         // to workers, begun or not
  Subqueue* chain = nullptr;  // of the table
  // The ring of those in which something waits.
  Subqueue* next = nullptr;
  Subqueue* previous = nullptr;
  Band base;              // of priority 0, always in the list
  Band* bands = nullptr;  // by falling priority
};

class Waiting {
 public:
  Waiting();
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // False without memory: nothing has happened.
  [[nodiscard]] bool push(Job* job);
  // A job that waits for one worker: counts as given, does not lie here.
  [[nodiscard]] bool pushBound(Job* job);
  // A job that was given, to its old place in the order. Its subqueue still counts it as given.
  void restore(Job* job);
  // Takes out a job that waits. Its subqueue stays until `settle`, if it has nothing else.
  void unlink(Job* job);
  // The next in turn, nullptr: nothing waits. It stays where it is; `threads` take jobs.
  [[nodiscard]] Job* peek(uint32_t threads, bool lifo);

  // Before a job that was peeked at is unlinked: its subqueue has had its turn.
  void turnAfter(const Job* job);

  // A job that was unlinked counts as given, from here to `ungive` of its home.
  void give(Job* job);
  void ungive(Subqueue* home);
  // Drops a subqueue without jobs. After `unlink` of one that is not given.
  void settle(Subqueue* home);

  uint32_t count() const { return count_; }
  // Those that have a job, waiting or given.
  uint32_t busySubqueues() const { return busy_; }
  bool hasPriorities() const { return bands_ > 0; }

  // `visit` may take out the job it is given.
  template <class Visit>
  void each(Visit&& visit) {
    eachSubqueue([this, &visit](Subqueue& home) {
      if (home.waiting == 0) return;
      home.given++;  // holds it while its jobs may go
      for (Band* band = home.bands; band != nullptr;) {
        Band* const lower = band->next;
        for (Job* job = band->first; job != nullptr;) {
          Job* const following = job->next;
          visit(job);
          job = following;
        }
        band = lower;
      }
      ungive(&home);
    });
  }
  // 0 first. `visit` may drop the one it is given.
  template <class Visit>
  void eachSubqueue(Visit&& visit) {
    visit(root_);
    for (size_t i = 0; i < table_.size(); i++) {  // `visit` may end the last
      for (Subqueue* at = table_[i]; at != nullptr;) {
        Subqueue* const following = at->chain;
        visit(*at);
        at = following;
      }
    }
  }

 private:
  Subqueue* subqueueOf(uint64_t id, bool make);
  Subqueue** chainOf(uint64_t id);
  bool growTable();
  Band* bandOf(Subqueue* home, int32_t priority, bool make);
  void dropBand(Subqueue* home, Band* band);
  void insert(Subqueue* home, Band* band, Job* after, Job* job);
  void enterRing(Subqueue* home);
  void leaveRing(Subqueue* home);

  Subqueue root_;
  mem::TypedArray<Subqueue*, mem::Builtin::kJobWaiting> table_;  // without root_
  uint32_t named_ = 0;                                           // in the table
  Subqueue* turn_ = nullptr;                                     // in the ring: next to be asked
  uint32_t ring_ = 0;
  uint32_t busy_ = 0;
  uint32_t bands_ = 0;  // beside the base ones
  uint32_t count_ = 0;
};

}  // namespace heddle::job
