// The jobs of one loop: those that it submitted, those that its isolate runs for a queue, and the
// queues that it hosts. Guest of the loop; carries out the records JOB_… of the outbox and writes
// those of the inbox (lib/backend/protocol.ts), so that the binding needs no word of them.
//
//   Desks::Ptr desk = Desks::makePtr(loop); desk->open(); loop->attach(desk.get(), 0);
//   loop->takeRecords(desk.get(), Desk::kRecordGroup);
//
// Finished jobs come back through a Tray (job/tray.h): a list that many threads push to and the
// loop takes in one exchange. The loop is woken only if it sleeps.
//
// Large bytes (above kBlockBytes) go as blocks: `block` before the record that has its number,
// `takeBlock` after; that of a JOB_RUN once the job's claim is RUNNING. What the isolate never
// fetches is freed with the desk.
//
// Run times and deadlines of jobs with a cancel mode are watched here, by the loop that submitted
// them; the rules are in desk_watch.cc.
//
// Ends with its loop: jobs that run go on, their answers are dropped, what waits is taken out; a
// worker's death is told to its queue; hosted queues end with it.
//
// Thread rule: the loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/slots.h"
#include "job/job.h"
#include "job/registry.h"
#include "job/station.h"
#include "job/tray.h"
#include "loop/loop.h"
#include "mem/typed_memory.h"

namespace heddle::job {

class Desk final : public loop::Guest {
 public:
  // Kinds 48 to 63 of the outbox.
  static constexpr uint32_t kRecordGroup = 3;
  static constexpr size_t kBlockBytes = 16384;

  explicit Desk(loop::Loop* loop);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // After the loop was opened, before its first pass. -ENOMEM.
  [[nodiscard]] int open();

  // --- JobsEngine of lib/backend/jobs.ts
  [[nodiscard]] int reserve(uint32_t queue);
  int unreserve(uint32_t queue);
  // `ms`: loop milliseconds, or infinity. 0, -ENOENT, -EINVAL.
  int setDeadline(uint32_t handle, double ms);
  // Copies. A number, or -ENOMEM.
  [[nodiscard]] int64_t block(const uint8_t* bytes, size_t size);
  // Empty: there is no such block.
  [[nodiscard]] Payload takeBlock(uint32_t number);
  // `claims` are kClaimCells cells that stay until the loop is closed. 0, -ENOENT, -EBUSY (it
  // serves already).
  [[nodiscard]] int serve(uint32_t queue, uint32_t worker, int32_t* claims);
  int workerEnded(uint32_t queue, uint32_t worker);
  // 0, -ENOENT, -ENOMEM.
  [[nodiscard]] int drain(uint32_t queue, uint32_t request);
  // total, average wait in ms.
  void backStats(double* into) const;

  // Jobs of this loop are under way, or its isolate is a worker: looking for news a little while
  // may be cheaper than sleeping and being woken.
  bool expects() const override { return underWay_ > 0 || station_.serves(); }
  // Whether there is news; cheap, for a loop that spins.
  bool hasNews() const { return !arrived_.empty() || tray_->hasNews() || station_.hasWork(); }

  // --- for its station
  // What goes through the slab; larger bytes go as a block.
  static size_t smallBytes(const loop::Port& port) {
    return std::min<size_t>(kBlockBytes, port.memory().recvBytes / 2);
  }
  // The number under which the isolate takes the argument of a job that it runs.
  static uint32_t argumentBlock(uint32_t slot);
  [[nodiscard]] int64_t keepBlock(Payload&& payload);
  // Empty without memory.
  [[nodiscard]] static Payload copyOf(const uint8_t* bytes, size_t size);

  uint32_t loopId() const { return tray_->loopId(); }
  Tray* tray() const { return tray_; }
  Desk* nextInRegistry = nullptr;  // the registry's

  // --- loop::Guest
  void ready(uint64_t, uint32_t) override {}
  void timers(int64_t nowNs) override;
  void record(const int32_t* record) override;
  void applied() override;
  int64_t nextDeadlineNs() const override;
  bool hasWork() const override { return hasNews(); }
  bool resting() override;
  void roused() override;
  void closing() override;

 private:
  // Places of a queue's backlog that were taken for jobs to come.
  struct Reserved {
    uint32_t queue;
    uint32_t count;
  };
  // A queue whose worker was asked to stop.
  struct Wedge {
    uint32_t queue;
    int64_t dueNs;
  };
  template <class T>
  using Table = mem::TypedArray<T, mem::Builtin::kJobTable>;

  // desk.cc: what the isolate asks for
  void add(const int32_t* record);
  Job* makeJob(const int32_t* record, Payload&& block);
  bool fillIn(Job* job, const int32_t* record);
  [[nodiscard]] bool keep(Job* job);
  void refuse(uint32_t handle, JobOutcome::Id outcome);
  void submitAll();
  void withdrawAll();
  void remove(uint32_t handle, bool stop);
  void completed(uint32_t handle);
  void useReservation(uint32_t queue);
  Job* find(uint32_t handle) const;
  void forget(const Job* job);

  // desk_deliver.cc: what it is told
  void deliver(int64_t nowNs);
  bool answer(Job* job);
  void noteBack(int64_t ns, bool known);
  void tellWishes();
  void tellNotices();

  // desk_watch.cc
  [[nodiscard]] bool watch(Job* job);
  void lookAtJobs(int64_t nowNs);
  void look(Job* job, int64_t nowNs);
  [[nodiscard]] bool rearm(const Job* job, int64_t dueNs);
  Queue::Stop stop(Job* job, int64_t nowNs, bool* tooLong, bool tooLate);
  void answerEarly(Job* job);
  void afterStop(uint32_t queue, int64_t nowNs);
  void lookAtWedges(int64_t nowNs);

  loop::Loop* const loop_;
  Tray* tray_ = nullptr;
  Station station_;
  Table<Job*> jobs_;  // by the handle's index; those that an answer is owed for, or completion
  base::Slots<Payload, mem::TypedMemory<mem::Builtin::kJobTable>> blocks_;
  Table<Reserved> reserved_;
  Table<Wedge> wedges_;
  loop::Timers watches_;  // by the handle's index
  JobList fresh_;         // to be submitted to `freshQueue_`
  QueueRef freshQueue_;
  int64_t addNs_ = 0;    // when the first of this outbox came
  JobList arrived_;      // that the inbox had no room for
  JobList uncompleted_;  // answered, and their index is another job's by now
  NoticeList notices_;   // that wait for what has arrived before them
  uint32_t underWay_ = 0;
  uint64_t delivered_ = 0;
  double avgBackNs_ = 0;
  bool open_ = false;
};

using Desks = mem::Typed<Desk, mem::Builtin::kJobDesk>;

}  // namespace heddle::job
