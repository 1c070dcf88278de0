// A queue of jobs, of the process: what waits, the threads that serve it, its limits and numbers.
//
// Threads. A native queue makes plain threads of its own (job/threads.h). Of a worker queue the
// threads are made by JavaScript on the queue's host, when the queue asks (Host), and serve it
// through the desks of their loops. To the queue both are Workers. A thread is asked for when there
// is work and none is live, or live < desired and live < the jobs that wait or run (JQ-03).
//
// One lock. It is held for a few hundred nanoseconds, never while a job runs, a thread is made or
// anything is handed back; taken after no other lock of this folder but the registry's, before
// those of a Tray.
//
// Giving. A worker takes several jobs at once while they are short (target.h guesses), its fair
// share of what waits, and never what could come too late or out of turn: see `Batch` in take.cc.
// Each taken job has a claim: GIVEN until the worker begins it (RUNNING, by compare and exchange).
// The queue takes back what has not begun in the same way, for removal, pause, a change of order, a
// smaller desired, a second subqueue, or an idle thread. So order, "removed", "paused" and the most
// jobs at a time are exact; what is GIVEN counts as waiting everywhere.
//
// Failure: negative errnos; a job that cannot be kept ends with NO_MEMORY and nothing else changes.
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "job/job.h"
#include "job/tray.h"
#include "job/waiting.h"
#include "job/worker.h"
#include "mem/typed_array.h"
#include "mem/typed_object.h"
#include "sys/thread.h"

namespace heddle::job {

struct QueueSpec {
  std::string_view name = {};
  JobQueueKind::Id kind = JobQueueKind::NATIVE;
  JobSafety::Id safety = JobSafety::NONE;
  uint32_t desired = 1;
  uint32_t min = 0;  // stored only, as max is: lib/jobq/limits.ts keeps the rules
  uint32_t max = 0;
  uint32_t floor = 0;
  uint32_t maxBacklog = 0;  // 0: none
  bool lifo = false;
  size_t stackBytes = 0;  // of new native threads; 0: the system's usual
};

// A value below zero, of a number: not changed.
struct QueueSettings {
  int64_t desired = -1;
  int64_t min = -1;
  int64_t max = -1;
  int64_t floor = -1;
  int64_t maxBacklog = -1;
  int64_t stackBytes = -1;
  int lifo = -1;
  int paused = -1;
  // Once: threads up to `desired`, though there is no work for them.
  bool spawn = false;
};

struct JobInfo {
  uint32_t target;
  int32_t priority;
  uint64_t subqueue;
  double ageMs;
  bool running;
};
struct SubqueueInfo {
  uint64_t id;
  uint32_t backlog;
  uint32_t inflight;
};
using JobInfos = mem::TypedArray<JobInfo, mem::Builtin::kJobTable>;
using SubqueueInfos = mem::TypedArray<SubqueueInfo, mem::Builtin::kJobTable>;

// What a host is to do: JOBQ_WORKER.
struct Wish {
  uint32_t queue;
  uint32_t worker;
  JobWorkerWish::Id what;
};

class Queue {
 public:
  enum class State : uint8_t { kOpen = 0, kDraining = 1, kDrained = 2 };

  // By the registry, which gives the number. `host`: of the desk that it ends with, told when it
  // has wishes; nullptr: the process's own.
  Queue(uint32_t number, const QueueSpec& spec, Tray* host);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // 0, or -ENOMEM: then it may only be destroyed.
  [[nodiscard]] int open();

  uint32_t number() const { return number_; }
  JobQueueKind::Id kind() const { return kind_; }
  JobSafety::Id safety() const { return safety_; }
  std::string_view name() const { return name_; }
  bool isProcessOwned() const { return isProcessOwned_; }
  // At most 13 characters; the beginning of its threads' names.
  static constexpr size_t kShortName = 13;
  std::string_view shortName() const { return name_.substr(0, kShortName); }

  // --- submitting

  // Takes all of them over, in order. Those that it does not take (SHUTDOWN, WEDGED, NO_MEMORY, a
  // bound one whose worker is gone: WORKER_DIED) are finished so.
  void submit(JobList* jobs);
  // Takes the job or leaves it to the caller: 0, -EAGAIN (over the backlog, if `tries`, or wedged),
  // -ESHUTDOWN, -ENOMEM, or why there is no thread for it.
  [[nodiscard]] int submitOne(Job* job, bool tries);
  // A place in the backlog for a job that follows with RESERVED: 0, -EAGAIN, -ESHUTDOWN.
  [[nodiscard]] int reserve();
  void unreserve();

  // --- a job that was submitted here and not handed back yet

  enum class Removal : uint8_t {
    kRemoved,  // it had not begun
    kRunning,
    kOver,  // on its way back
  };
  // What had not begun ends with REMOVED.
  Removal remove(Job* job);
  // It is the caller's then, not finished.
  Removal withdraw(Job* job);
  enum class Stop : uint8_t {
    kTold,    // it runs, and knows by now or soon
    kEnds,    // its thread is being ended; the cleanup of a phased one runs on another then
    kNotYet,  // a worker has it and has not begun
    kWaits,
    kEarly,  // it began later than was thought: nothing was done
    kOver,   // or only its cleanup is left, which nobody stops
  };
  // Asks a running job to stop: the claim says so, its worker is told.
  Stop signal(Job* job);
  // Ends the thread that runs it, and then the job ends so; natively that is `signal`. The thread
  // begins nothing more, what it was given and has not begun goes back.
  Stop terminate(Job* job, JobOutcome::Id outcome);
  // Its time is over: what its flags say is done, which may be nothing (kTold: it runs). If that is
  // said for its run limit, first corrects when it started: a thread that is given a job may begin
  // it much later, and one that has not begun does not before now. `*tooLong` is whether it has run
  // for so long after all; kEarly: it has not, and nothing else was said against it. One look, so
  // that it does not begin in between.
  Stop timeOver(Job* job, int64_t nowNs, bool* tooLong, bool tooLate);
  // Of one that has not begun. False: it has.
  bool setDeadline(Job* job, int64_t deadlineNs);
  // Whether every thread runs a job that was asked to stop `kWedgeGraceNs` ago, and none may be
  // added: then what waits ends WEDGED. When to look again, INT64_MAX: never.
  int64_t checkWedged(int64_t nowNs);
  static constexpr int64_t kWedgeGraceNs = 500'000'000;

  // --- its owner's

  void configure(const QueueSettings& settings);
  // Writes kJobStats numbers.
  void stats(double* into);
  // What there is now. -ENOMEM.
  [[nodiscard]] int jobs(JobInfos* into);
  [[nodiscard]] int subqueues(SubqueueInfos* into);
  // No job is taken any more; `tray` gets JOBQ_DRAINED with the request when all is over. -ENOMEM;
  // -EPERM: it is the process's.
  [[nodiscard]] int drain(Tray* tray, uint32_t request);
  // Natively, for those who may wait: until it is drained.
  void awaitDrained();
  uint32_t dropWaiting(bool onlyDroppable);
  // Natively, for those who may wait: until its threads are gone, unless there comes work.
  void dismiss();
  State state();

  // --- workers, each of them on its own thread

  // This thread is the worker that was asked for. nullptr: the queue does not want it (-ENOENT).
  [[nodiscard]] Worker* serve(uint32_t worker, Claims claims, Tray* tray);
  // Takes jobs for the worker; they are in its slots then. How many, their indexes in `slots`. None
  // of them (and kJobs): the room is too small for the next one.
  struct Room {
    uint32_t jobs;   // at most so many
    size_t bytes;    // that their small arguments may have altogether
    size_t largest;  // argument that is small
  };
  enum class Taken : uint8_t { kJobs, kNothing, kLeave };
  Taken take(Worker* worker, const Room& room, uint32_t* slots, uint32_t* count);
  // The worker's own: the job in the slot has ended and is about to be handed back. No lock: it is
  // accounted for by the worker's next `take` or by whoever looks sooner.
  static void ended(Worker* worker, uint32_t slot);
  // A job that it runs waits for something: what it has not begun is taken back and no more given.
  void setBlocked(Worker* worker, bool blocked);
  // Of an idle worker: whether it is to go because it has been so for long; it must then. Else when
  // to ask again, INT64_MAX: after the next `take`.
  bool leaveIdle(Worker* worker, int64_t nowNs, int64_t* againNs);
  static constexpr int64_t kIdleNs = 5'000'000'000;
  // Those slots whose jobs were asked to stop since the last call.
  uint64_t takeSignals(Worker* worker);
  // The worker's thread ends, as it was told to or in the middle of its jobs: those it ran end with
  // WORKER_DIED (the cleanup of phased ones runs elsewhere first), what it had not begun goes back.
  // The worker is gone then.
  void workerGone(Worker* worker);
  // Host: a worker that never served, or any other; nothing happens if it is known to be gone.
  void workerEnded(uint32_t worker);
  // Host: what it is to do, one at a time. False: nothing.
  bool nextWish(Wish* wish);
  bool isHostedBy(const Tray* tray);
  // Its host is gone, and all of its workers: nobody will drain it.
  bool isOrphaned();
  // There will be no more workers, and nobody who drains it: what waits ends SHUTDOWN.
  void hostGone();

  // --- a job that it runs and that others depend on: not before it is handed back, which may be
  // long after its own work, is the queue drained. On the thread that runs it; on any.
  void parentBegins();
  void parentOver();

  // --- references: the registry's, those of desks while they work with it, those of workers

  void acquire() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();

  // --- its plain threads, each of them on itself
  // Sleeps until it is called. False: it has been idle for long, and must end.
  [[nodiscard]] bool awaitCall(Worker* worker);
  // The last thing that it does with the queue, which may be gone by then.
  void threadEnded(Worker* worker);

  Queue* nextInRegistry = nullptr;  // the registry's, as is the next
  bool hasName = true;              // that is taken

 private:
  // What is done when the lock has been given back.
  struct Aftermath;
  struct Batch;

  // queue.cc
  uint32_t inflight();
  void beginDrain();
  void checkDrained();
  void finished(uint32_t count);
  static void joinGone(Worker* gone);

  // queue_submit.cc
  JobOutcome::Id admit(Job* job);
  void giveBackForTurns();
  void dropAll(JobOutcome::Id outcome, bool onlyDroppable, Aftermath* after);
  void takeOut(Job* job);
  Removal removeLocked(Job* job);
  Job* findWaiting(uint64_t number);
  static Stop whereIs(const Job* job);
  static void noteStart(Job* job, int64_t nowNs);
  static Stop signalLocked(const Job* job, int64_t nowNs);
  Stop terminateLocked(Job* job, JobOutcome::Id outcome, int64_t nowNs, Aftermath* after);
  int64_t wedgedSince();
  uint32_t backlog();
  bool isOverBacklog();

  // queue_threads.cc
  // Without a thread and without memory for one what waits ends; the job that asks for it is the
  // caller's again then: -ENOMEM.
  int plan(Aftermath* after, Job* asking = nullptr);
  bool wantsThread() const;
  bool isAbandoned() const;
  bool want(Aftermath* after);
  void spawn(Aftermath* after);
  int startThreads(Aftermath* after, uint64_t asking = 0);
  void callIdle();
  void callEveryIdle();
  void call(Worker* worker);
  static void nudge(Worker* worker);
  void setIdle(Worker* worker);
  void clearIdle(Worker* worker);
  Worker* find(uint32_t worker);
  bool mustLeave(const Worker* worker) const;
  bool mayNotGo(const Worker* worker) const;
  void leave(Worker* worker);
  void unlist(Worker* worker);
  void cancelWanted();
  void forgetWanted(Aftermath* after);
  void tellHost();
  void loseJobs(Worker* worker, Aftermath* after);
  void endBound(Worker* worker, JobOutcome::Id outcome, Aftermath* after);

  // queue_take.cc
  void account(Worker* worker);
  void accountAll();
  void accountSlot(Worker* worker, uint32_t at);
  void freeSlot(Worker* worker, uint32_t at);
  bool takeBack(Worker* worker, uint32_t slot);
  void takeBackFrom(Worker* worker, uint32_t most);
  void takeBackAll();
  bool steal(const Worker* thief);
  bool takeJobs(Worker* worker, const Room& room, uint32_t* slots, uint32_t* count,
                Aftermath* after);
  Job* pick(Worker* worker, Batch* batch, Aftermath* after);
  void endLate(Job* job, Aftermath* after);
  bool isAlone(const Job* job) const;
  uint32_t place(Worker* worker, Job* job);
  static uint32_t unbegun(Worker* worker);
  uint32_t unbegun(const Subqueue& home);

  const uint32_t number_;
  const JobQueueKind::Id kind_;
  const JobSafety::Id safety_;
  const bool isProcessOwned_;
  std::string_view name_;
  mem::TypedArray<char, mem::Builtin::kJobQueue> nameBytes_;
  std::atomic<uint32_t> references_{1};

  std::mutex lock_;  // everything below
  Tray* host_;
  Waiting waiting_;
  uint32_t open_ = 0;     // jobs that wait, run, or have ended and are not accounted for
  uint32_t ending_ = 0;   // jobs of an Aftermath
  uint32_t parents_ = 0;  // jobs that others depend on, until they are handed back
  uint32_t boundCount_ = 0;
  uint32_t reserved_ = 0;
  uint64_t arrivals_ = 0;

  Worker* workers_ = nullptr;
  Worker* gone_ = nullptr;  // plain threads that have ended and are to be joined
  Worker* idle_ = nullptr;  // the one that has been so for the shortest time
  uint32_t live_ = 0;       // wanted and serving
  uint32_t idleCount_ = 0;
  uint32_t calling_ = 0;  // called, and have not come for work yet
  uint32_t lastWorker_ = 0;

  uint32_t desired_;
  uint32_t min_;
  uint32_t max_;
  uint32_t floor_;
  uint32_t maxBacklog_;
  size_t stackBytes_;
  bool lifo_;
  bool paused_ = false;
  bool wedged_ = false;
  uint32_t dismissing_ = 0;
  State state_ = State::kOpen;
  Notice* drainers_ = nullptr;
  std::condition_variable drained_;

  uint64_t total_ = 0;
  uint64_t ran_ = 0;
  uint64_t timeouts_ = 0;
  double avgWaitNs_ = 0;
  double avgRunNs_ = 0;
};

using Queues = mem::Typed<Queue, mem::Builtin::kJobQueue>;

}  // namespace heddle::job
