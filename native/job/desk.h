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
// `takeBlock` after. What the isolate never fetches is freed with the next batch of records.
//
// Ends with its loop: jobs that are under way go on, their answers are dropped; a worker's death is
// told to its queue; hosted queues lose their workers.
//
// Thread rule: the loop's thread.
#pragma once

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
  ~Desk() override;
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // After the loop was opened, before its first pass. -ENOMEM.
  [[nodiscard]] int open();

  // --- JobsEngine of lib/backend/jobs.ts
  [[nodiscard]] int reserve(uint32_t queue);
  int unreserve(uint32_t queue);
  // Copies. A number, or -ENOMEM.
  [[nodiscard]] int64_t block(const uint8_t* bytes, size_t size);
  // Empty: there is no such block. It is freed by Payload::free, on any thread.
  [[nodiscard]] Payload takeBlock(uint32_t number);
  // `claims` are kClaims cells that stay until the loop is closed. 0, -ENOENT, -EBUSY (it serves
  // already).
  [[nodiscard]] int serve(uint32_t queue, uint32_t worker, int32_t* claims);
  int workerEnded(uint32_t queue, uint32_t worker);
  int drain(uint32_t queue, uint32_t request);
  // total, average wait in ms.
  void backStats(double* into) const;

  // Jobs of this loop are under way, or its isolate is a worker that has run dry just now: looking
  // for news a little while may be cheaper than sleeping and being woken.
  bool mayPayToLook() const;
  // Whether there is news; cheap, for a loop that spins.
  bool hasNews() const;

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
  // see desk.cc
};

}  // namespace heddle::job
