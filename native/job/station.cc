#include "job/station.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "job/desk.h"
#include "job/target.h"
#include "job/threads.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

using loop::In;

constexpr uint32_t kRunWords = 9;

}  // namespace

int Station::serve(QueueRef queue, uint32_t worker, int32_t* claims, Tray* tray) {
  if (!queue) return -ENOENT;
  worker_ = queue->serve(worker, Claims(claims, loop_->originNs()), tray);
  if (worker_ == nullptr) return -ENOENT;
  queue_ = std::move(queue);
  nameThread(*queue_.get(), worker);
  ready_ = true;
  return 0;
}

// --- to the isolate

void Station::pass(int64_t nowNs) {
  if (worker_ == nullptr || left_) return;
  if (!hasWork()) {
    if (nowNs >= leaveNs_) rested(nowNs);
    return;
  }
  const loop::Port& port = loop_->port();
  if (!port.hasRoom()) return;
  const uint32_t most = (port.memory().inboxWords - port.used()) / kRunWords;
  const Queue::Room room{std::min(most, kClaims), port.recvRoom(), Desk::smallBytes(port)};
  uint32_t slots[kClaims];
  uint32_t count = 0;
  leaveNs_ = INT64_MAX;
  switch (queue_->take(worker_, room, slots, &count)) {
    case Queue::Taken::kLeave:
      return leave();
    case Queue::Taken::kNothing:
      ready_ = false;
      return rested(nowNs);
    case Queue::Taken::kJobs:
      break;
  }
  gaveNs_ = sys::monotonicNs();
  sinceNs_ = gaveNs_;
  for (uint32_t i = 0; i < count; i++) give(slots[i]);
}

// Others may take the job back until it is held, and again when it is given.
void Station::give(uint32_t at) {
  const Claims& claims = worker_->claims;
  if (!claims.hold(at)) return claims.store(at, Claim::FREE);
  loop::Port& port = loop_->port();
  Slot& slot = worker_->slots[at];
  Job* const job = slot.job;
  const size_t size = job->byteCount();
  uint32_t flags = job->flags & ~uint32_t{JobFlag::RESERVED};
  if (job->fate != JobOutcome::VALUE) flags |= JobFlag::SKIP_WORK;
  if (job->runLimitNs > 0) flags |= JobFlag::LIMITED;
  uint32_t offset = 0;
  if (size > Desk::smallBytes(port)) {
    flags |= JobFlag::BLOCK;
    offset = Desk::argumentBlock(at);
  } else if (size > 0) {
    offset = port.recvOffset();
    std::memcpy(port.recvCursor(), job->bytes(), size);
    port.commitRecv(static_cast<uint32_t>(size));
  }
  int32_t* const record = port.append(In::JOB_RUN, kRunWords);
  record[1] = static_cast<int32_t>(at);
  record[2] = static_cast<int32_t>(job->target->number);
  record[3] = static_cast<int32_t>(job->cleanup == nullptr ? 0 : job->cleanup->number);
  record[4] = static_cast<int32_t>(flags);
  record[5] = static_cast<int32_t>(offset);
  record[6] = static_cast<int32_t>(size);
  record[7] = static_cast<int32_t>(static_cast<uint32_t>(job->subqueue));
  record[8] = static_cast<int32_t>(static_cast<uint32_t>(job->subqueue >> 32));
  slot.startedNs = gaveNs_;
  job->startedNs.store(gaveNs_, std::memory_order_relaxed);
  claims.store(at, Claim::GIVEN);
}

void Station::rested(int64_t nowNs) {
  if (queue_->leaveIdle(worker_, nowNs, &leaveNs_)) leave();
}

void Station::leave() {
  left_ = true;
  ready_ = false;
  leaveNs_ = INT64_MAX;
  loop_->port().emit(In::JOB_LEAVE);
}

void Station::signalsCame() {
  if (worker_ == nullptr) return;
  uint64_t signals = queue_->takeSignals(worker_);
  for (uint32_t i = 0; signals != 0; i++, signals >>= 1) {
    if ((signals & 1) != 0) loop_->port().emit(In::JOB_SIGNAL, i);
  }
}

// --- from the isolate

Job* Station::running(uint32_t slot) const {
  if (worker_ == nullptr || slot >= kClaims || !worker_->claims.isRunning(slot)) return nullptr;
  if ((endedMask_ >> slot & 1) != 0) return nullptr;
  return worker_->slots[slot].job;
}

Payload Station::takeArgument(uint32_t slot) {
  Job* const job = running(slot);
  if (job == nullptr) return {};
  // The cleanup may have to run elsewhere.
  const bool stays = (job->flags & JobFlag::PHASED) != 0;
  if (stays || job->large.empty()) return Desk::copyOf(job->bytes(), job->byteCount());
  return std::move(job->large);
}

void Station::result(const int32_t* record) {
  const auto slot = static_cast<uint32_t>(record[1]);
  Job* const job = running(slot);
  const auto flags = static_cast<uint32_t>(record[3]);
  const auto offset = static_cast<uint32_t>(record[4]);
  Payload block = (flags & JobFlag::BLOCK) == 0 ? Payload() : desk_->takeBlock(offset);
  if (job == nullptr) return;
  const auto length = static_cast<uint32_t>(record[5]);
  const loop::PortMemory& memory = loop_->port().memory();
  job->outcome = record[2] == JobOutcome::VALUE ? JobOutcome::VALUE : JobOutcome::ERROR;
  job->resultFlags = flags & ~uint32_t{JobFlag::BLOCK};
  bool complete = true;
  if ((flags & JobFlag::BLOCK) != 0) {
    complete = !block.empty();
    job->setResult(std::move(block));
  } else {
    complete = offset <= memory.sendBytes && length <= memory.sendBytes - offset &&
               job->setResult(memory.send + offset, length);
  }
  if (!complete) {
    job->outcome = JobOutcome::NO_MEMORY;
    job->clearBytes();
  }
  if (job->fate != JobOutcome::VALUE) {
    job->outcome = job->fate;
    job->clearBytes();
  }
  ended_[endedCount_++] = slot;
  endedMask_ |= uint64_t{1} << slot;
}

// The jobs that ran since they were given, or since the outbox was last applied, share the time:
// their own times are not known.
void Station::applied() {
  if (endedCount_ == 0) return;
  const int64_t now = sys::monotonicNs();
  const int64_t share = (now - sinceNs_) / endedCount_;
  int64_t started = sinceNs_;
  for (uint32_t i = 0; i < endedCount_; i++) {
    Slot& slot = worker_->slots[ended_[i]];
    Job* const job = slot.job;
    // One that waited for something was given long ago.
    if (slot.startedNs == gaveNs_) slot.startedNs = started;
    started += share;
    slot.endedNs = endedCount_ == 1 ? now : started;
    job->endedNs = now;
    if (job->fate == JobOutcome::VALUE) slot.target->noteRun(slot.endedNs - slot.startedNs);
    Queue::ended(worker_, ended_[i]);
    finish(job);
  }
  sinceNs_ = now;
  endedCount_ = 0;
  endedMask_ = 0;
  ready_ = !left_;
  if (blocked_ && !runsAny()) idle(true);
}

bool Station::runsAny() const {
  for (uint32_t i = 0; i < kClaims; i++) {
    if (worker_->claims.isRunning(i)) return true;
  }
  return false;
}

void Station::idle(bool idle) {
  if (worker_ == nullptr || blocked_ == !idle) return;
  blocked_ = !idle;
  queue_->setBlocked(worker_, blocked_);
  if (idle) ready_ = !left_;
}

void Station::closing() {
  if (worker_ == nullptr) return;
  applied();
  queue_->workerGone(worker_);
  worker_ = nullptr;
  ready_ = false;
  leaveNs_ = INT64_MAX;
}

}  // namespace heddle::job
