// The native modules of one isolate: what JavaScript has of them by handles, its part in them, and
// their end with the isolate.
//
// Owned by the environment. A worker may be terminated in the middle of anything: the cleanup hook
// then closes all hooks, waits until no thread is in one (for a second at most: a section that
// never ends must not keep the worker), ends what has begun, the last made first (HEDDLE_DESTROY,
// of singletons HEDDLE_EXIT, on the isolate's thread, while its loops are still there; JavaScript
// cannot be called any more) and lets go of it. Thread rule: the isolate's thread, except for wake.
#pragma once

#include <node_api.h>

#include <cstdint>

#include "aco/runtime.h"
#include "base/slots.h"
#include "binding/args.h"
#include "binding/bell.h"
#include "mem/typed_memory.h"
#include "module/desk.h"
#include "module/self.h"

namespace heddle::binding {

class ModuleHost final : public modules::Isolate {
 public:
  explicit ModuleHost(napi_env env) : env_(env), bell_(heard, this) {}
  ~ModuleHost() override { end(); }
  ModuleHost(const ModuleHost&) = delete;
  ModuleHost& operator=(const ModuleHost&) = delete;

  static ModuleHost* of(napi_env env);
  void end();

  [[nodiscard]] int connect(napi_value callbacks, napi_value status);
  [[nodiscard]] int64_t add(const heddle_module& definition, const char* name);
  [[nodiscard]] modules::Module* module(uint32_t handle) const;
  int close(uint32_t handle);
  [[nodiscard]] int64_t make(uint32_t module, const char* name);
  // nullptr: it was released.
  [[nodiscard]] modules::Self* self(uint32_t handle) const;
  int release(uint32_t handle);
  // No hook has the self as a native provider any more: 1 where one did, so that a thread may be in
  // it until the next settling.
  int retract(const modules::Self* self);
  // Why the last provider failed; the note of the call around it stays.
  [[nodiscard]] const char* failure() const { return failure_; }
  void keepFailure();
  void setStatus(int error);
  // Of a module that waits in a post; 0: it was closed.
  [[nodiscard]] uint32_t handleOf(const modules::Module* module) const;
  [[nodiscard]] modules::Desk& desk() { return *desk_; }
  [[nodiscard]] bool connected() const { return desk_ != nullptr && !ended_; }

  // A call into a module: a section of the epochs, in which JavaScript can be called back.
  class Call {
   public:
    explicit Call(ModuleHost* host);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    ModuleHost* const host_;
    const bool inSection_;
    const aco::Runtime::Maker maker_;
  };

  // --- modules::Isolate
  int callHook(const modules::Hook& hook, const heddle_value* arguments, size_t count,
               heddle_value* result) override;
  void wake() override { bell_.ring(); }
  loop::Loop* loop() override;

 private:
  static constexpr int kMostWaitMs = 1000;

  // Linked in the order of making.
  struct Known {
    modules::Self* self = nullptr;  // with a count
    uint32_t older = 0;
    uint32_t newer = 0;
  };

  struct Open {
    modules::Module* module = nullptr;  // with a count
  };

  static void heard(napi_env env, void* self);
  [[nodiscard]] int keep(napi_value result, heddle_value* out);
  [[nodiscard]] napi_value callback(const char* name, napi_value* receiver) const;
  void closeHooks();
  void forgetCallbacks();
  void letGo(uint32_t handle);

  const napi_env env_;
  Bell bell_;
  modules::Desk* desk_ = nullptr;  // with a count
  napi_ref callbacks_ = nullptr;
  napi_ref statusReference_ = nullptr;
  modules::Values* result_ = nullptr;  // of the last hook, with a count
  uint32_t newest_ = 0;                // of the selves
  char failure_[1001] = "";
  mutable base::Slots<Open, mem::TypedMemory<mem::Builtin::kHandles>> modules_;
  base::Slots<Known, mem::TypedMemory<mem::Builtin::kHandles>> selves_;
  bool ended_ = false;
};

napi_value modulesObject(napi_env env);

}  // namespace heddle::binding
