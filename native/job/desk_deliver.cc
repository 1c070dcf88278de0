// What a desk tells its isolate, once a pass.
#include <algorithm>
#include <cstring>

#include "job/desk.h"
#include "job/large_blocks.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

using loop::In;

constexpr double kOld = 0.8;
constexpr double kNew = 0.2;

}  // namespace

void Desk::timers(int64_t nowNs) {
  const uint32_t calls = tray_->takeCalls();
  if ((calls & Tray::kWishes) != 0) tellWishes();
  if ((calls & Tray::kSignals) != 0) station_.signalsCame();
  if ((calls & Tray::kWork) != 0) station_.called();
  // A queue is not said to be drained before its last job is said to be over: that was put in
  // before the notice, so it is taken behind it.
  notices_.pushAll(tray_->takeNotices());
  arrived_.pushAll(tray_->takeJobs());
  deliver(nowNs);
  if (arrived_.empty()) tellNotices();
  lookAtJobs(nowNs);
  station_.pass(nowNs);
  trimLarge(nowNs);
}

void Desk::deliver(int64_t nowNs) {
  while (!arrived_.empty() && loop_->port().hasRoom()) {
    Job* const job = arrived_.first;
    if (job->answer == Job::Answer::kOwed) {
      if (job->ranTooLong) {
        job->outcome = JobOutcome::RUN_TIMED_OUT;
        job->resultFlags = 0;
        job->clearBytes();
      }
      if (!answer(job)) return;
      noteBack(nowNs - job->endedNs, job->endedNs != 0);
    }
    arrived_.pop();
    underWay_--;
    if (job->answer == Job::Answer::kToComplete) continue;
    forget(job);
    Job::destroy(job);
  }
}

// JOB_DONE. False: the slab has no room for its bytes in this pass.
bool Desk::answer(Job* job) {
  loop::Port& port = loop_->port();
  const size_t size = job->byteCount();
  uint32_t flags = job->resultFlags;
  uint32_t offset = 0;
  if (size > smallBytes(port)) {
    Payload bytes = job->large.empty() ? copyOf(job->bytes(), size) : std::move(job->large);
    const int64_t number = bytes.empty() ? -1 : keepBlock(std::move(bytes));
    if (number < 0) {
      job->clearBytes();
      job->outcome = JobOutcome::NO_MEMORY;
      flags = 0;
    } else {
      offset = static_cast<uint32_t>(number);
      flags |= JobFlag::BLOCK;
    }
  } else if (size > 0) {
    if (port.recvRoom() < size) return false;
    offset = port.recvOffset();
    std::memcpy(port.recvCursor(), job->bytes(), size);
    port.commitRecv(static_cast<uint32_t>(size));
  }
  const bool hasBytes = job->outcome != JobOutcome::NO_MEMORY;
  int32_t* const record = port.append(In::JOB_DONE, 6);
  record[1] = static_cast<int32_t>(job->handle);
  record[2] = job->outcome;
  record[3] = static_cast<int32_t>(flags);
  record[4] = static_cast<int32_t>(offset);
  record[5] = static_cast<int32_t>(hasBytes ? size : 0);
  const bool completes = (job->flags & JobFlag::COMPLETES) != 0;
  job->answer = completes ? Job::Answer::kToComplete : Job::Answer::kGiven;
  return true;
}

Payload Desk::copyOf(const uint8_t* bytes, size_t size) {
  uint8_t* const copy = Payload::allocate(size);
  if (copy == nullptr) return {};
  std::memcpy(copy, bytes, size);
  return {copy, size};
}

void Desk::noteBack(int64_t ns, bool known) {
  delivered_++;
  if (!known) return;
  const auto value = static_cast<double>(ns < 0 ? 0 : ns);
  avgBackNs_ = delivered_ == 1 ? value : avgBackNs_ * kOld + value * kNew;
}

void Desk::tellWishes() {
  Wish wish{};
  while (nextWish(*this, &wish)) {
    loop_->port().emit(In::JOBQ_WORKER, wish.queue, wish.worker, wish.what);
  }
}

void Desk::tellNotices() {
  while (!notices_.empty()) {
    Notice* const notice = notices_.pop();
    loop_->port().emit(In::JOBQ_DRAINED, notice->request, 0);
    Notices::destroy(notice);
  }
}

int64_t Desk::nextDeadlineNs() const {
  int64_t next = std::min({watches_.nextDeadlineNs(), station_.nextDeadlineNs(), largeDueNs()});
  for (const Wedge& wedge : wedges_) next = std::min(next, wedge.dueNs);
  return next;
}

bool Desk::resting() { return !hasNews() && tray_->rest(); }

void Desk::roused() { tray_->rouse(); }

}  // namespace heddle::job
