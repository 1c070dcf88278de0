#include "aco/runtime.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "aco/aco.h"
#include "aco/asynch_call.h"
#include "mem/epoch.h"
#include "sys/clock.h"
#include "sys/closer.h"

namespace heddle::aco {
namespace {

constexpr unsigned kHandleBits = 31;
constexpr uint32_t kSerialMask = (1u << 22) - 1;

// Those made on this thread, newest first. Its address also tells threads apart.
constinit thread_local Runtime* runtimesHere [[gnu::tls_model("initial-exec")]] = nullptr;
// The innermost one.
constinit thread_local const Runtime::Maker* makerHere = nullptr;

Id idOf(const Task& task) { return static_cast<Id>(task.serial) << kHandleBits | task.handle; }

bool isWaiting(const Task& task) { return task.state > State::kReady; }

}  // namespace

// --- life

Runtime* Runtime::of(const loop::Loop& loop) {
  return static_cast<Runtime*>(loop.guest(kEventTag));
}

int Runtime::require(loop::Loop& loop, Runtime** out, const RuntimeOptions* options) {
  *out = of(loop);
  if (*out != nullptr) return options == nullptr ? 0 : -EALREADY;
  if (!loop.isOpen()) return -ESHUTDOWN;
  Runtimes::Ptr made = Runtimes::makePtr(&loop);
  if (made == nullptr) return -ENOMEM;
  const int opened = made->open(options == nullptr ? RuntimeOptions{} : *options);
  if (opened < 0) return opened;
  *out = made.release();
  loop.adopt(*out, 1u << kEventTag | 1u << kListenerTag);
  return 0;
}

Runtime* Runtime::current() {
  const Task* const task = runningTask();
  return task == nullptr ? runtimesHere : task->runtime;
}

Runtime* Runtime::atHand() {
  Runtime* const known = current();
  if (known != nullptr || makerHere == nullptr) return known;
  makerHere->make_(makerHere->context_);
  return current();
}

Runtime::Maker::Maker(void (*make)(void*), void* context)
    : make_(make), context_(context), before_(std::exchange(makerHere, this)) {}

Runtime::Maker::~Maker() { makerHere = before_; }

Runtime::Runtime(loop::Loop* owner)
    : loop_(owner), deadlines_(sys::monotonicNs()), thread_(&runtimesHere) {
  nextOfThread_ = std::exchange(runtimesHere, this);
  sys::acquireCloser();
}

Runtime::~Runtime() {
  if (!closing_) closing();
  sys::releaseCloser();
  Runtime** link = &runtimesHere;
  while (*link != nullptr && *link != this) link = &(*link)->nextOfThread_;
  if (*link == this) *link = nextOfThread_;
}

int Runtime::open(const RuntimeOptions& options) {
  const int opened = coroutines_.open(options.stacks);
  if (opened < 0) return opened;
  offerDefaultLoop(loop_->loopId());
  return 0;
}

bool Runtime::onItsThread() const { return thread_ == &runtimesHere; }

void Runtime::closing() {
  if (closing_) return;
  closing_ = true;
  forgetDefaultLoop(loop_->loopId());
  tasks_.each([this](Task& task) {
    task.cancelled = true;
    if (isWaiting(task)) wake(&task, -ECANCELED);
  });
  // Every wait is refused now, so each runs to its end when it goes on.
  while (firstReady_ != nullptr) runReady();
  closeListeners();
  while (calls_ != nullptr) calls_->abandonAtEnd();
  events_.each([](Event& event) { event.shut(); });
  if (usesRunner_) asynchRunner().release();
  if (spareSection_ != nullptr) mem::epochs().dropSection(std::exchange(spareSection_, nullptr));
  coroutines_.close();
}

void Runtime::abandoned() { Runtimes::destroy(this); }

// --- starting and ending

int64_t Runtime::start(coro::Main procedure, void* argument, const StartOptions& options) {
  if (procedure == nullptr) return -EINVAL;
  return begin(procedure, nullptr, argument, options);
}

int64_t Runtime::begin(coro::Main main, void* mainArgument, void* argument,
                       const StartOptions& options) {
  if (closing_) return -ESHUTDOWN;
  const auto created = tasks_.create();
  Task* const task = created.value;
  if (task == nullptr) return tasks_.full() ? -ENFILE : -ENOMEM;
  task->handle = created.handle;
  if (takeArgument(task, argument, options.argumentBytes) < 0) return undo(task);
  task->coroutine = coroutines_.make(main, mainArgument == nullptr ? task->argument : mainArgument,
                                     options.stack);
  if (task->coroutine == nullptr) return undo(task);
  task->coroutine->local = task;
  task->runtime = this;
  task->serial = ++serial_ & kSerialMask;
  task->id = idOf(*task);
  task->name = options.name;
  task->startedNs = loop_->inPass() ? loop_->nowNs() : sys::monotonicNs();
  if (depth_ > 0 || coro::current() != nullptr) {
    task->ended = options.ended;
    task->endedContext = options.endedContext;
    const auto id = static_cast<int64_t>(task->id);
    enqueue(task);
    nudge();
    return id;
  }
  return runFirst(task, options);
}

// Who is to hear of the end is noted only when it has begun: before, the caller is told.
int64_t Runtime::runFirst(Task* task, const StartOptions& options) {
  const auto id = static_cast<int64_t>(task->id);
  task->ended = options.ended;
  task->endedContext = options.endedContext;
  if (!resume(task)) {
    coroutines_.destroy(task->coroutine);
    return undo(task);
  }
  nudge();
  return id;
}

int64_t Runtime::undo(Task* task) {
  dropArgument(task);
  tasks_.destroy(task->handle);
  return -ENOMEM;
}

int Runtime::takeArgument(Task* task, void* argument, size_t bytes) {
  task->argument = argument;
  if (bytes == 0) return 0;
  void* const copy = mem::allocateBytes(mem::builtinType(mem::Builtin::kAcoArgument), bytes);
  if (copy == nullptr) return -ENOMEM;
  std::memcpy(copy, argument, bytes);
  task->argument = copy;
  task->argumentBytes = bytes;
  return 0;
}

void Runtime::dropArgument(Task* task) {
  if (task->argumentBytes == 0) return;
  mem::release(mem::builtinType(mem::Builtin::kAcoArgument), task->argument);
}

void Runtime::finish(Task* task, coro::State state) {
  // One that overflowed may have been on its way into a wait, or to the end of the queue.
  settle(task);
  if (task->state == State::kReady) dequeue(task);
  if (task->section != nullptr) leaveSection(task);
  const bool overflowed = state == coro::State::kOverflowed;
  if (overflowed) report(Trouble::kOverflow, task, -1);
  discard(task, overflowed ? Outcome::kOverflowed : Outcome::kExited);
}

void Runtime::discard(Task* task, Outcome outcome) {
  const Ended ended = task->ended;
  void* const context = task->endedContext;
  const Id id = task->id;
  depth_++;
  coroutines_.destroy(task->coroutine);
  dropArgument(task);
  tasks_.destroy(task->handle);
  if (ended != nullptr) ended(context, id, outcome);
  depth_--;
}

// --- running

void Runtime::enqueue(Task* task) {
  task->state = State::kReady;
  task->nextReady = nullptr;
  (lastReady_ == nullptr ? firstReady_ : lastReady_->nextReady) = task;
  lastReady_ = task;
}

void Runtime::dequeue(const Task* task) {
  Task* before = nullptr;
  for (Task* at = firstReady_; at != task; at = at->nextReady) before = at;
  (before == nullptr ? firstReady_ : before->nextReady) = task->nextReady;
  if (lastReady_ == task) lastReady_ = before;
}

Task* Runtime::popReady() {
  Task* const task = firstReady_;
  firstReady_ = task->nextReady;
  if (firstReady_ == nullptr) {
    lastReady_ = nullptr;
  } else {
    coro::Thread::expectNext(firstReady_->coroutine);
  }
  return task;
}

// Those that are ready now; who becomes ready meanwhile has its turn in the next round, so that two
// that wake each other cannot hold up the loop.
void Runtime::runReady() {
  if (depth_ > 0) return;
  const Task* const last = lastReady_;
  for (bool more = last != nullptr; more;) {
    Task* const task = popReady();
    more = task != last;
    if (closing_ && task->coroutine->state() == coro::State::kReady) {
      discard(task, Outcome::kDestroyed);
    } else if (!resume(task)) {
      return runLater(task);
    }
  }
}

// There was no memory to put another one's stack aside. The next pass tries again; at the end there
// is none.
void Runtime::runLater(Task* task) {
  if (closing_) return discard(task, Outcome::kDestroyed);
  enqueue(task);
}

// False: it did not run, for want of memory.
bool Runtime::resume(Task* task) {
  if (resumeHook_ != nullptr) tellResume(task);
  depth_++;
  task->state = State::kRunning;
  task->turns = kTurns;
  mem::Epochs::Thread* const self = mem::epochSelf;
  mem::EpochCoroutineSection* const section = self == nullptr ? nullptr : sectionFor(task);
  mem::EpochCoroutineSection* const before = section == nullptr ? nullptr : self->swap(section);
  const coro::State state = coroutines_.resume(task->coroutine);
  if (section != nullptr) {
    self->swap(before);
    if (section->entered()) {
      task->section = section;
      if (section == spareSection_) spareSection_ = nullptr;
    } else if (section == task->section) {
      giveBackSection(task);
    }
  }
  depth_--;
  if (!unsaid_.empty()) [[unlikely]]
    sayUnsaid();
  if (state == coro::State::kSuspended) [[likely]]
    return true;
  if (state == coro::State::kNoMemory) {
    task->state = State::kReady;
    return false;
  }
  finish(task, state);
  return true;
}

void Runtime::tellResume(const Task* task) {
  const size_t bytes = task->coroutine->stackBytes();
  depth_++;
  resumeHook_(resumeContext_, {task->id, task->name, bytes, bytes > kLargeStackBytes});
  depth_--;
}

// --- sections

// A coroutine runs with a section that is nobody's, and keeps it when it waits inside of it: so
// only those cost something that do. Without memory for one it runs in the thread's.
mem::EpochCoroutineSection* Runtime::sectionFor(const Task* task) {
  if (task->section != nullptr) return task->section;
  if (spareSection_ == nullptr) spareSection_ = mem::epochs().makeSection();
  return spareSection_;
}

// Whether the coroutine may wait: not inside of a section that others run in meanwhile.
bool Runtime::mayWaitInSection(const Task* task) const {
  if (mem::epochSelf == nullptr) return true;
  const mem::EpochCoroutineSection* const now = mem::epochSelf->current();
  return !now->entered() || now == task->section || now == spareSection_;
}

void Runtime::giveBackSection(Task* task) {
  mem::EpochCoroutineSection* const section = std::exchange(task->section, nullptr);
  if (spareSection_ == nullptr) {
    spareSection_ = section;
  } else {
    mem::epochs().dropSection(section);
  }
}

void Runtime::leaveSection(Task* task) {
  if (task->section->abandon() > 0) report(Trouble::kSectionLeak, task, -1);
  giveBackSection(task);
}

// --- waiting

int Runtime::refuse(Task* task) {
  if (++task->refusals >= kMostRefusals) coro::exit();
  return -ECANCELED;
}

int64_t Runtime::wait(State state, int64_t deadlineNs, Task::Forget forget, void* waitedFor) {
  Task* const task = runningTask();
  int error = 0;
  if (task->cancelled) {
    if (forget != nullptr) forget(waitedFor, task);
    return refuse(task);
  }
  if (!mayWaitInSection(task)) {
    error = -ENOMEM;
  } else if (deadlineNs != kForever) {
    error = deadlines_.arm(task->handle & loop::kHandleIndexMask, task->handle, deadlineNs);
    task->timed = error == 0;
  }
  if (error < 0) {
    if (forget != nullptr) forget(waitedFor, task);
    return error;
  }
  return suspend(task, state, forget, waitedFor);
}

int64_t Runtime::waitStubbornly(State state, Task::Forget forget, void* waitedFor) {
  Task* const task = runningTask();
  if (closing_ || !mayWaitInSection(task)) {
    forget(waitedFor, task);
    return closing_ ? -ECANCELED : -ENOMEM;
  }
  task->stubborn = true;
  const int64_t result = suspend(task, state, forget, waitedFor);
  task->stubborn = false;
  return result;
}

int64_t Runtime::suspend(Task* task, State state, Task::Forget forget, void* waitedFor) {
  task->forget = forget;
  task->waitedFor = waitedFor;
  task->state = state;
  coro::yield();
  return task->result;
}

int Runtime::yieldOnce() {
  Task* const task = runningTask();
  if (task->cancelled) return refuse(task);
  if (!mayWaitInSection(task)) return -ENOMEM;
  task->result = 0;
  enqueue(task);
  coro::yield();
  return 0;
}

// Ends the claims of a wait.
void Runtime::settle(Task* task) {
  if (std::exchange(task->timed, false)) {
    deadlines_.cancel(task->handle & loop::kHandleIndexMask);
  }
  const Task::Forget forget = std::exchange(task->forget, nullptr);
  if (forget != nullptr) forget(task->waitedFor, task);
}

void Runtime::wake(Task* task, int64_t result) {
  settle(task);
  task->result = result;
  enqueue(task);
}

void Runtime::deadlineCame(uint32_t handle) {
  Task* const task = tasks_.get(handle);
  task->timed = false;
  wake(task, task->state == State::kSleep ? 0 : -ETIME);
}

Task* Runtime::find(Id id) const {
  Task* const task = tasks_.get(static_cast<uint32_t>(id & ((Id{1} << kHandleBits) - 1)));
  return task == nullptr || task->id != id ? nullptr : task;
}

int Runtime::cancel(Id id) {
  Task* const task = find(id);
  if (task == nullptr) return -ESRCH;
  task->cancelled = true;
  if (isWaiting(*task) && !task->stubborn) wake(task, -ECANCELED);
  nudge();
  return 0;
}

int Runtime::unpark(Id id, uint64_t value) {
  Task* const task = find(id);
  if (task == nullptr) return -ESRCH;
  if (task->hasValue) return -EALREADY;
  task->hasValue = true;
  task->value = value;
  if (task->state != State::kPark) return 0;
  wake(task, 0);
  nudge();
  return 0;
}

// --- what it tells

TaskInfo Runtime::infoOf(const Task& task) const {
  return {task.id,
          task.name,
          task.state,
          task.cancelled,
          sys::monotonicNs() - task.startedNs,
          task.coroutine->stackBytes(),
          task.coroutine->resumes()};
}

int Runtime::describe(Id id, TaskInfo* out) const {
  const Task* const task = find(id);
  if (task == nullptr) return -ESRCH;
  *out = infoOf(*task);
  return 0;
}

void Runtime::setReporter(Reporter reporter, void* context) {
  reporter_ = reporter == nullptr ? printReport : reporter;
  reporterContext_ = context;
}

void Runtime::setResumeHook(ResumeHook hook, void* context) {
  resumeHook_ = hook;
  resumeContext_ = context;
}

void Runtime::report(Trouble trouble, const Task* task, int fd, int error) {
  tell({trouble, task == nullptr ? 0 : task->id, task == nullptr ? "" : task->name, fd, error});
}

// A reporter needs more stack than a coroutine may have, and may not wait.
void Runtime::tell(const Report& report) {
  if (coro::current() != nullptr) {
    static_cast<void>(unsaid_.push(report));  // without memory it is lost: nothing depends on it
    return;
  }
  depth_++;
  reporter_(reporterContext_, report);
  depth_--;
}

void Runtime::sayUnsaid() {
  for (size_t i = 0; i < unsaid_.size(); i++) tell(Report(unsaid_[i]));
  unsaid_.clear();
}

void Runtime::useRunner() {
  if (std::exchange(usesRunner_, true)) return;
  asynchRunner().acquire();
}

// --- the loop's guest

void Runtime::ready(uint64_t data, uint32_t mask) {
  const auto handle = static_cast<uint32_t>(data);
  if ((data >> 32) == kListenerTag) {
    Listener* const listener = listeners_.get(handle);
    if (listener != nullptr) acceptReady(listener);
  } else {
    Event* const event = events_.get(handle);
    if (event != nullptr) event->ready(mask);
  }
  runReady();
}

void Runtime::timers(int64_t nowNs) {
  resting_.restart(listeners_, nowNs, [this](Listener* each) { watchListener(each, true); });
  const size_t fired = deadlines_.expire(
      nowNs, kDeadlinesPerPass, [this](uint32_t handle, uint32_t) { deadlineCame(handle); });
  deadlinesLeft_ = fired == kDeadlinesPerPass;
  runReady();
}

int64_t Runtime::nextDeadlineNs() const {
  return std::min(deadlines_.nextDeadlineNs(), resting_.nextNs());
}

void Runtime::nudge() {
  if (!loop_->inPass()) loop_->wake();
}

}  // namespace heddle::aco
