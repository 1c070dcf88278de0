// What an engine tells JavaScript about the coroutines of its loop: their ends, their resumes while
// somebody listens, and what went wrong with them, as records of the port. And how they start.
//
// Owned by the engine, and outlives its loop, whose end is the end of the last coroutines. Thread
// rule: the loop's. Nothing here is called on a coroutine's stack, and no JavaScript is called from
// here: the records wait for the next dispatch.
#pragma once

#include "aco/aco.h"
#include "mem/typed_array.h"

namespace heddle::binding {

class Coroutines {
 public:
  struct Start {
    const char* procedure;
    void* argument;
    size_t argumentBytes;  // copied
    coro::StartOptions stack;
  };

  Coroutines() = default;
  Coroutines(const Coroutines&) = delete;
  Coroutines& operator=(const Coroutines&) = delete;

  void open(loop::Loop* loop) { loop_ = loop; }

  // The runtime of the loop, which what coroutines and modules ask of their thread's loop needs.
  // -ENOMEM, -ESHUTDOWN.
  [[nodiscard]] aco::Runtime* prepare();
  // The stacks that coroutines of this loop share: before the first one. -EALREADY, -EINVAL,
  // -ENOMEM.
  [[nodiscard]] int setStacks(const coro::StacksOptions& stacks);
  // Runs the procedure until its first wait. The coroutine's id, of whose end a record tells; or
  // -ENOENT: there is no procedure of that name; and what Runtime::start says.
  [[nodiscard]] int64_t start(const Start& options);
  [[nodiscard]] int64_t listen(const char* procedure, aco::ListenSpec* spec);
  // nullptr as long as nothing has been started.
  aco::Runtime* runtime() const { return aco::Runtime::of(*loop_); }
  // A record for each resume.
  void reportResumes(bool on);
  // A name as records carry it. "" for what was never sent.
  const char* name(uint32_t index) const;

 private:
  [[nodiscard]] int require(aco::Runtime** out, const aco::RuntimeOptions* options = nullptr);
  void hook(aco::Runtime* runtime);
  uint32_t indexOf(const char* name);
  static void ended(void* self, aco::Id id, aco::Outcome outcome);
  static void resumed(void* self, const aco::ResumeInfo& info);
  static void reported(void* self, const aco::Report& report);

  loop::Loop* loop_ = nullptr;
  bool reportsResumes_ = false;
  // Names that were sent. They live as long as the process, and one program has few.
  mem::TypedArray<const char*, mem::Builtin::kLoopTable> names_;
};

}  // namespace heddle::binding
