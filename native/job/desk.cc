// What the isolate asks of its desk.
#include "job/desk.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "job/target.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

using loop::In;
using loop::kHandleIndexMask;
using loop::Out;

double doubleAt(const int32_t* words) {
  double value;
  std::memcpy(&value, words, sizeof(value));
  return value;
}

uint32_t wordAt(const int32_t* record, size_t at) { return static_cast<uint32_t>(record[at]); }

constexpr double kNsPerMs = 1e6;
constexpr double kMostMs = 8e12;  // far inside the range of int64 as nanoseconds
// A block's number that says: the argument of the job that runs in this slot. The handles of kept
// blocks use the other 31 bits.
constexpr uint32_t kArgumentOf = 1u << 31;

}  // namespace

Desk::Desk(loop::Loop* loop) : loop_(loop), station_(loop, this), watches_(sys::monotonicNs()) {}

Desk::~Desk() {
  closing();
  if (tray_ != nullptr) tray_->release();
}

int Desk::open() {
  tray_ = Trays::make(loop_->loopId());
  if (tray_ == nullptr) return -ENOMEM;
  tray_->open(loop_);
  addDesk(this);
  open_ = true;
  return 0;
}

void Desk::closing() {
  if (!open_) return;
  open_ = false;
  submitAll();
  station_.closing();
  removeDesk(this);
  for (const Reserved& reserved : reserved_) {
    const QueueRef queue = findQueue(reserved.queue);
    for (uint32_t i = 0; queue && i < reserved.count; i++) queue->unreserve();
  }
  reserved_.clear();
  while (!arrived_.empty()) {
    Job* const job = arrived_.pop();
    forget(job);
    Job::destroy(job);
  }
  withdrawAll();
  for (Job* job : jobs_) {
    // Of the others a queue or the tray has the job.
    if (job != nullptr && job->answer == Job::Answer::kToComplete) Job::destroy(job);
  }
  jobs_.clear();
  while (!uncompleted_.empty()) Job::destroy(uncompleted_.pop());
  while (!notices_.empty()) Notices::destroy(notices_.pop());
  tray_->close();
}

// What waits would run for nobody.
void Desk::withdrawAll() {
  for (Job* job : jobs_) {
    if (job == nullptr || job->answer != Job::Answer::kOwed) continue;
    const QueueRef queue = findQueue(job->queue);
    if (queue) static_cast<void>(queue->remove(job));
  }
}

// --- the outbox

void Desk::record(const int32_t* record) {
  switch (record[0] & 0xff) {
    case Out::JOB_ADD:
    case Out::JOB_ADD_WITH:
      return add(record);
    case Out::JOB_REMOVE:
      return remove(wordAt(record, 1), record[2] != 0);
    case Out::JOB_COMPLETED:
      return completed(wordAt(record, 1));
    case Out::JOB_RESULT:
      return station_.result(record);
    case Out::JOB_IDLE:
      return station_.idle(record[1] != 0);
    default:
      return;
  }
}

void Desk::applied() {
  submitAll();
  station_.applied();
}

void Desk::add(const int32_t* record) {
  const uint32_t number = wordAt(record, 1);
  const uint32_t flags = wordAt(record, 4);
  // At once, so that it is freed where the job is refused.
  Payload block = (flags & JobFlag::BLOCK) == 0 ? Payload() : takeBlock(wordAt(record, 5));
  if ((flags & JobFlag::RESERVED) != 0) useReservation(number);
  if (!freshQueue_ || freshQueue_->number() != number) {
    submitAll();
    freshQueue_ = findQueue(number);
  }
  if (addNs_ == 0) addNs_ = sys::monotonicNs();
  if (!freshQueue_) return refuse(wordAt(record, 2), JobOutcome::SHUTDOWN);
  Job* const job = makeJob(record, std::move(block));
  if (job == nullptr) {
    if ((flags & JobFlag::RESERVED) != 0) freshQueue_->unreserve();
    return;
  }
  underWay_++;
  tray_->acquire();
  fresh_.push(job);
}

// nullptr: it is answered already.
Job* Desk::makeJob(const int32_t* record, Payload&& block) {
  const uint32_t handle = wordAt(record, 2);
  const uint32_t flags = wordAt(record, 4);
  const uint32_t offset = wordAt(record, 5);
  const uint32_t length = wordAt(record, 6);
  const loop::PortMemory& memory = loop_->port().memory();
  const bool isBlock = (flags & JobFlag::BLOCK) != 0;
  Target* const target = findTarget(wordAt(record, 3));
  const bool native = freshQueue_->kind() == JobQueueKind::NATIVE;
  if (target == nullptr || target->isNative() != native) {
    refuse(handle, JobOutcome::NO_THREAD);
    return nullptr;
  }
  const bool outside =
      !isBlock && (offset > memory.sendBytes || length > memory.sendBytes - offset);
  Job* const job = outside ? nullptr : Job::make(isBlock ? 0 : length);
  if (job == nullptr) {
    refuse(handle, JobOutcome::NO_MEMORY);
    return nullptr;
  }
  job->ended = [](Job* self) { self->tray->put(self); };
  job->tray = tray_;
  job->target = target;
  job->handle = handle;
  job->queue = freshQueue_->number();
  job->flags = flags & ~uint32_t{JobFlag::BLOCK};
  job->addedNs = addNs_;
  if (isBlock) {
    job->large = std::move(block);
  } else {
    job->size = length;
    if (length > 0) std::memcpy(job->room(), memory.send + offset, length);
  }
  const bool complete = !isBlock || !job->large.empty();
  if (complete && fillIn(job, record) && keep(job)) return job;
  Job::destroy(job);
  refuse(handle, JobOutcome::NO_MEMORY);
  return nullptr;
}

// What only JOB_ADD_WITH has.
bool Desk::fillIn(Job* job, const int32_t* record) {
  if ((record[0] & 0xff) != Out::JOB_ADD_WITH) return true;
  job->cleanup = findTarget(wordAt(record, 7));
  // Threads of the one kind cannot call what the other can; lib/jobq says so to its callers.
  if (job->cleanup != nullptr && job->cleanup->isNative() != job->target->isNative())
    job->cleanup = nullptr;
  job->boundTo = wordAt(record, 8);
  job->priority = record[9];
  job->subqueue = uint64_t{wordAt(record, 12)} << 32 | wordAt(record, 11);
  const double deadline = doubleAt(record + 13);
  if (deadline < kMostMs) job->deadlineNs = loop_->toNs(deadline);
  const double longest = doubleAt(record + 15);
  if (longest > 0 && longest < kMostMs) {
    job->runLimitNs = static_cast<int64_t>(std::ceil(longest * kNsPerMs));
  }
  if (record[10] >= 0) {
    Job* const parent = station_.running(wordAt(record, 10));
    if (parent != nullptr) dependOn(parent, job, station_.queue());
  }
  return watch(job);
}

bool Desk::keep(Job* job) {
  const uint32_t index = job->handle & kHandleIndexMask;
  if (!jobs_.cover(index + size_t{1})) return false;
  Job* const before = std::exchange(jobs_[index], job);
  // An index is free again once its job is answered, which may be long before it is completed.
  if (before != nullptr && before->answer == Job::Answer::kToComplete) uncompleted_.push(before);
  return true;
}

Job* Desk::find(uint32_t handle) const {
  const uint32_t index = handle & kHandleIndexMask;
  if (index >= jobs_.size()) return nullptr;
  Job* const job = jobs_[index];
  return job == nullptr || job->handle != handle ? nullptr : job;
}

void Desk::forget(const Job* job) {
  const uint32_t index = job->handle & kHandleIndexMask;
  // Answered early, and forgotten then: the index is another job's by now, and so is its watch.
  if (index >= jobs_.size() || jobs_[index] != job) return;
  jobs_[index] = nullptr;
  if (job->isWatched) watches_.cancel(index);
}

void Desk::refuse(uint32_t handle, JobOutcome::Id outcome) {
  loop_->port().emit(In::JOB_DONE, handle, outcome, 0, 0, 0);
}

void Desk::submitAll() {
  addNs_ = 0;
  if (!fresh_.empty()) freshQueue_->submit(&fresh_);
  freshQueue_ = QueueRef();
}

void Desk::remove(uint32_t handle, bool stop) {
  submitAll();
  Job* const job = find(handle);
  if (job == nullptr || job->answer != Job::Answer::kOwed) return;
  const QueueRef queue = findQueue(job->queue);
  if (!queue) return;
  if (queue->remove(job) != Queue::Removal::kRunning || !stop) return;
  const bool ends = (job->flags & JobFlag::CANCEL_TERMINATE) != 0;
  const Queue::Stop told = ends ? queue->terminate(job, JobOutcome::REMOVED) : queue->signal(job);
  if (told == Queue::Stop::kTold) afterStop(job->queue, sys::monotonicNs());
}

void Desk::completed(uint32_t handle) {
  Job* job = find(handle);
  if (job != nullptr && job->answer == Job::Answer::kToComplete) {
    forget(job);
  } else {
    for (job = uncompleted_.first; job != nullptr && job->handle != handle;) job = job->next;
    if (job == nullptr) return;
    uncompleted_.remove(job);
  }
  Job::destroy(job);
}

// --- calls

int Desk::reserve(uint32_t number) {
  const QueueRef queue = findQueue(number);
  if (!queue) return -ENOENT;
  size_t at = 0;
  while (at < reserved_.size() && reserved_[at].queue != number) at++;
  if (at == reserved_.size() && !reserved_.push({number, 0})) return -ENOMEM;
  const int taken = queue->reserve();
  if (taken == 0) reserved_[at].count++;
  return taken;
}

int Desk::unreserve(uint32_t number) {
  const QueueRef queue = findQueue(number);
  if (!queue) return -ENOENT;
  for (Reserved& reserved : reserved_) {
    if (reserved.queue != number || reserved.count == 0) continue;
    reserved.count--;
    queue->unreserve();
    break;
  }
  return 0;
}

void Desk::useReservation(uint32_t number) {
  for (size_t i = 0; i < reserved_.size(); i++) {
    if (reserved_[i].queue != number || reserved_[i].count == 0) continue;
    if (--reserved_[i].count > 0) return;
    reserved_[i] = reserved_[reserved_.size() - 1];
    reserved_.pop();
    return;
  }
}

int Desk::setDeadline(uint32_t handle, double ms) {
  submitAll();
  Job* const job = find(handle);
  if (job == nullptr || job->answer != Job::Answer::kOwed) return -ENOENT;
  if ((job->flags & (JobFlag::CANCEL_SIGNAL | JobFlag::CANCEL_TERMINATE)) != 0) return -EINVAL;
  const QueueRef queue = findQueue(job->queue);
  const int64_t deadlineNs = ms < kMostMs ? loop_->toNs(ms) : INT64_MAX;
  return queue && queue->setDeadline(job, deadlineNs) ? 0 : -ENOENT;
}

int64_t Desk::block(const uint8_t* bytes, size_t size) {
  uint8_t* const copy = Payload::allocate(size);
  if (copy == nullptr) return -ENOMEM;
  if (size > 0) std::memcpy(copy, bytes, size);
  return keepBlock(Payload(copy, size));
}

int64_t Desk::keepBlock(Payload&& payload) {
  const auto created = blocks_.create(std::move(payload));
  return created.value == nullptr ? -ENOMEM : int64_t{created.handle};
}

Payload Desk::takeBlock(uint32_t number) {
  if ((number & kArgumentOf) != 0) return station_.takeArgument(number & ~kArgumentOf);
  Payload* const found = blocks_.get(number);
  if (found == nullptr) return {};
  Payload taken = std::move(*found);
  blocks_.destroy(number);
  return taken;
}

uint32_t Desk::argumentBlock(uint32_t slot) { return kArgumentOf | slot; }

int Desk::serve(uint32_t number, uint32_t worker, int32_t* claims) {
  if (station_.serves()) return -EBUSY;
  return station_.serve(findQueue(number), worker, claims, tray_);
}

int Desk::workerEnded(uint32_t number, uint32_t worker) {
  const QueueRef queue = findQueue(number);
  if (!queue) return -ENOENT;
  queue->workerEnded(worker);
  return 0;
}

int Desk::drain(uint32_t number, uint32_t request) {
  submitAll();
  const QueueRef queue = findQueue(number);
  return queue ? queue->drain(tray_, request) : -ENOENT;
}

void Desk::backStats(double* into) const {
  into[0] = static_cast<double>(delivered_);
  into[1] = avgBackNs_ / kNsPerMs;
}

}  // namespace heddle::job
