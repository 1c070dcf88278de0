// The coroutines of one loop: starts, suspends, resumes and ends them.
//
// A guest of the loop, made at the first start and owned by the loop. Coroutines run on the loop's
// thread: inside Loop::collect when what they wait for has come, and inside `start`, which runs a
// new one until its first wait. Nothing else of the loop runs between two waits (AC-07).
//
// A wait is an entry in a list of the ready and perhaps a deadline; what is waited for holds the
// task and lets go of it (Task::forget) when the wait is decided, by whatever comes first: the
// thing itself, the deadline, a cancellation. Decided is decided: what comes second finds nobody.
//
// Cancellation stays: every later wait of the coroutine fails at once with -ECANCELED, so that it
// can only clean up. One that goes on waiting nevertheless is ended in its kMostRefusals-th refused
// wait as by exit(): `while (true) sleep(…)` cannot hold up a loop's end.
//
// The loop's end cancels all, and each then runs to its end: nothing yields any more. Functions of
// asynchronous calls that run at that moment are waited for if they use memory of a coroutine's.
//
// Thread rule: the loop's thread, except for the functions that say otherwise. Results are >= 0 or
// negative errnos; without memory (-ENOMEM) nothing has happened.
#pragma once

#include <cstddef>
#include <cstdint>

#include "aco/asynch.h"
#include "aco/event.h"
#include "aco/gate.h"
#include "aco/listener.h"
#include "aco/report.h"
#include "aco/task.h"
#include "base/slots.h"
#include "coro/thread.h"
#include "loop/loop.h"
#include "mem/typed_memory.h"
#include "mem/typed_object.h"
#include "net/resting.h"

namespace heddle::aco {

struct AsynchCall;
struct Service;

// No deadline, and a time-out without end.
constexpr int64_t kForever = INT64_MAX;

struct RuntimeOptions {
  coro::StacksOptions stacks;
};

struct StartOptions {
  // For reports and lists; outlives the coroutine, as the names of registered procedures do.
  const char* name = "";
  coro::StartOptions stack;
  // When not 0 the argument points to so many bytes, which are copied; the coroutine is given the
  // copy, which is freed when it ends.
  size_t argumentBytes = 0;
  Ended ended = nullptr;
  void* endedContext = nullptr;
};

// Told before each resume, outside of coroutines (AC-06).
struct ResumeInfo {
  Id id;
  const char* name;
  size_t stackBytes;  // in use at its last switch; 0 the first time
  bool large;         // above kLargeStackBytes
};
using ResumeHook = void (*)(void* context, const ResumeInfo& info);

// A live coroutine (AC-33).
struct TaskInfo {
  Id id;
  const char* name;
  State state;
  bool cancelled;
  int64_t ageNs;
  size_t stackBytes;
  uint64_t resumes;
};

class Runtime final : public loop::Guest {
 public:
  static constexpr uint64_t kEventTag = 4;
  static constexpr uint64_t kListenerTag = 5;
  static constexpr size_t kLargeStackBytes = 2048;
  static constexpr uint8_t kMostRefusals = 64;
  // Operations of one coroutine that need not wait; then others have their turn.
  static constexpr uint8_t kTurns = 64;
  // Coroutines whose time has come that one pass resumes; the rest follows in the next.
  static constexpr size_t kDeadlinesPerPass = 1024;

  // The loop's; nullptr as long as nothing has asked for it.
  static Runtime* of(const loop::Loop& loop);
  // The same, made if need be. -ENOMEM, or -ESHUTDOWN for a loop that is closed. The options are
  // for one that is made now; -EALREADY tells that they came too late.
  [[nodiscard]] static int require(loop::Loop& loop, Runtime** out,
                                   const RuntimeOptions* options = nullptr);
  // Of the running coroutine; else the one that was made on this thread last; else nullptr.
  static Runtime* current();
  // The same; where the thread has none, the one that its maker makes now.
  static Runtime* atHand();
  // Makes the runtime of the calling thread's loop when code that is called meanwhile asks for it.
  class Maker {
   public:
    Maker(void (*make)(void*), void* context);
    ~Maker();
    Maker(const Maker&) = delete;
    Maker& operator=(const Maker&) = delete;

   private:
    friend class Runtime;

    void (*const make_)(void*);
    void* const context_;
    const Maker* const before_;
  };

  explicit Runtime(loop::Loop* owner);
  ~Runtime() override;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // --- coroutines

  // Runs it until its first wait, then returns its id. From inside a coroutine, or a function that
  // the runtime calls, it begins as soon as that has yielded or returned: a start is no wait.
  // -ENOMEM, -ENFILE (16 million live), -ESHUTDOWN, -EINVAL (no procedure).
  [[nodiscard]] int64_t start(coro::Main procedure, void* argument,
                              const StartOptions& options = {});
  // -ESRCH: it has ended. It goes on later, not within the call.
  int cancel(Id id);
  // Gives a value to the coroutine's park(), the present or the next one. -ESRCH; -EALREADY: it has
  // one that it has not fetched.
  int unpark(Id id, uint64_t value);
  // -ESRCH.
  [[nodiscard]] int describe(Id id, TaskInfo* out) const;
  template <class Visit>
  void each(Visit&& visit) {
    tasks_.each([this, &visit](Task& task) { visit(infoOf(task)); });
  }
  size_t live() const { return tasks_.live(); }
  const coro::Stats& stats() const { return coroutines_.stats(); }

  // --- listeners, events

  // Each connection starts a coroutine whose argument is the adopted event. When the procedure
  // returns, an event that it has not closed and freed is closed and freed for it, with one warning
  // for each listener; then the coroutine ends. A handle, or the errno of what failed.
  [[nodiscard]] int64_t listen(const ListenSpec& spec);
  // Ends accepting; connections stay. -EBADF.
  int closeListener(uint32_t handle);
  const Listener* listener(uint32_t handle) const { return listeners_.get(handle); }
  // Serves a connected descriptor as a listener's. The coroutine's id; on failure the descriptor
  // stays the caller's.
  [[nodiscard]] int64_t serve(int fd, coro::Main procedure, const StartOptions& options = {});
  size_t events() const { return events_.live(); }

  // --- what it tells

  void setReporter(Reporter reporter, void* context);
  // nullptr: none.
  void setResumeHook(ResumeHook hook, void* context);

  // --- loop::Guest
  void ready(uint64_t data, uint32_t mask) override;
  void timers(int64_t nowNs) override;
  int64_t nextDeadlineNs() const override;
  bool hasWork() const override { return firstReady_ != nullptr || deadlinesLeft_; }
  void closing() override;
  void abandoned() override;

  // --- for the other files of this folder

  loop::Loop& loop() { return *loop_; }
  bool isClosing() const { return closing_; }
  // Inside a coroutine of this runtime: suspends it until `wake`, the deadline (-ETIME) or a
  // cancellation. -ENOMEM at once when the wait cannot be kept. `forget` may be nullptr.
  [[nodiscard]] int64_t wait(State state, int64_t deadlineNs, Task::Forget forget, void* waitedFor);
  // The same for what must not be left alone: only the end of the loop cuts it short. No deadline.
  [[nodiscard]] int64_t waitStubbornly(State state, Task::Forget forget, void* waitedFor);
  // Decides the wait of a coroutine that is in one. It goes on in this pass or the next.
  void wake(Task* task, int64_t result);
  // What a wait of a cancelled coroutine comes to: -ECANCELED, or its end.
  [[nodiscard]] static int refuse(Task* task);
  // Lets others run once. 0, -ECANCELED, -ENOMEM.
  [[nodiscard]] int yieldOnce();
  // Whether the caller is on the loop's thread.
  bool onItsThread() const;
  // Before the first asynchronous call.
  void useRunner();
  // `task` may be nullptr.
  void report(Trouble trouble, const Task* task, int fd, int error = 0);

 private:
  friend class Event;
  friend struct AsynchCall;

  void tell(const Report& report);
  void sayUnsaid();
  Task* find(Id id) const;
  TaskInfo infoOf(const Task& task) const;
  [[nodiscard]] int open(const RuntimeOptions& options);
  // `mainArgument` nullptr: the same as the argument.
  [[nodiscard]] int64_t begin(coro::Main main, void* mainArgument, void* argument,
                              const StartOptions& options);
  [[nodiscard]] int64_t runFirst(Task* task, const StartOptions& options);
  int64_t undo(Task* task);
  [[nodiscard]] int takeArgument(Task* task, void* argument, size_t bytes);
  static void dropArgument(Task* task);
  static int64_t suspend(Task* task, State state, Task::Forget forget, void* waitedFor);
  void settle(Task* task);
  void enqueue(Task* task);
  void dequeue(const Task* task);
  Task* popReady();
  void runReady();
  void runLater(Task* task);
  [[nodiscard]] bool resume(Task* task);
  void tellResume(const Task* task);
  void finish(Task* task, coro::State state);
  mem::EpochCoroutineSection* sectionFor(const Task* task);
  bool mayWaitInSection(const Task* task) const;
  void giveBackSection(Task* task);
  void leaveSection(Task* task);
  void discard(Task* task, Outcome outcome);
  void deadlineCame(uint32_t handle);
  // Outside of a pass nobody else tells the loop that there is something to do.
  void nudge();

  // listener.cc
  static void served(void* context, Id id, Outcome outcome);
  void endService(const Service& service, Id id);
  void warnUnclosed(Listener* listener, Id id, int fd);
  [[nodiscard]] int64_t serveFor(uint32_t listener, int fd, coro::Main procedure,
                                 const StartOptions& options);
  void acceptReady(Listener* ready);
  void acceptFailed(const Listener* listener, int error);
  void restListener(Listener* listener, int error);
  void watchListener(Listener* listener, bool on);
  void endListener(Listener* listener);
  void closeListeners();

  loop::Loop* const loop_;
  coro::Thread coroutines_;
  base::Slots<Task, mem::TypedMemory<mem::Builtin::kAcoTasks>> tasks_;
  base::Slots<Event, mem::TypedMemory<mem::Builtin::kAcoEvents>> events_;
  base::Slots<Listener, mem::TypedMemory<mem::Builtin::kAcoListeners>> listeners_;
  loop::Timers deadlines_;    // by index of the task
  const void* const thread_;  // tells threads apart
  Task* firstReady_ = nullptr;
  Task* lastReady_ = nullptr;
  AsynchCall* calls_ = nullptr;  // those that somebody still waits for, or that use borrowed memory
  mem::EpochCoroutineSection* spareSection_ = nullptr;
  mem::TypedArray<Report, mem::Builtin::kAcoBytes> unsaid_;  // reports from inside a coroutine
  Reporter reporter_ = printReport;
  void* reporterContext_ = nullptr;
  ResumeHook resumeHook_ = nullptr;
  void* resumeContext_ = nullptr;
  Runtime* nextOfThread_ = nullptr;
  uint32_t serial_ = 0;
  uint32_t depth_ = 0;  // of resumes and of functions that the runtime calls
  net::Resting resting_;
  bool deadlinesLeft_ = false;
  bool closing_ = false;
  bool usesRunner_ = false;
};

using Runtimes = mem::Typed<Runtime, mem::Builtin::kAcoRuntime>;

}  // namespace heddle::aco
