// One loop as JS sees it: the loop, its net layer, the embedded driver and the crossing into JS.
//
// Owned by the Environment and freed with it, because JS may keep a method longer than the engine;
// after `close` every method fails. Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>

#include <optional>

#include "binding/coroutines.h"
#include "binding/embedded.h"
#include "binding/function_calls.h"
#include "loop/loop.h"
#include "mem/typed_object.h"
#include "net/net.h"

namespace heddle::binding {

class IsolateMemory;

class Engine final : public Embedded::Driver {
 public:
  // `sections`: each dispatch to JavaScript is a section of the epochs, see mem/epoch.h.
  Engine(napi_env env, const loop::PortMemory& memory, const loop::LoopOptions& options,
         bool sections);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Keeps the memory and the dispatch function alive and registers with libuv; to async_hooks its
  // callbacks are those of `label`, a string. 0 or a negative errno.
  [[nodiscard]] int open(napi_value memory, napi_value dispatch, napi_value label);
  // Also after `open` has failed. `done(context)` runs when libuv has let go of everything, which
  // may be at once.
  void close(void (*done)(void*) = nullptr, void* context = nullptr);
  // Closed or on the way: nothing may be asked of it any more.
  bool closed() const { return closing_; }

  void start();
  void stop() { embedded_->stop(); }
  void keepAlive(bool on) { embedded_->keepAlive(on); }
  void flush() { loop_->apply(); }
  [[nodiscard]] int closeDescriptor(uint32_t request, int fd);
  // The bytes of a typed array, with a reference that ends with the block's release. Without memory
  // for it the block has no release.
  [[nodiscard]] net::Block pin(napi_value value);

  napi_env env() const { return env_; }
  loop::Loop& loop() { return *loop_; }
  net::Net& net() { return *net_; }
  Coroutines& coroutines() { return coroutines_; }
  FunctionCalls& functionCalls() { return functionCalls_; }

 private:
  void tick() override;
  void flushPending() override;
  bool dispatch(uint32_t words);
  napi_status callJs(uint32_t words);
  bool closeElsewhere(uint32_t request, int fd);
  static void finished(void* self);

  napi_env env_;
  IsolateMemory* const isolateMemory_;
  const bool sections_;
  napi_ref dispatch_ = nullptr;
  napi_ref memory_ = nullptr;
  napi_async_context async_ = nullptr;
  int32_t* control_;
  bool inTick_ = false;
  bool closing_ = false;
  void (*closed_)(void*) = nullptr;
  void* closedContext_ = nullptr;
  // Before the loop, which tells them of its coroutines' ends when it goes.
  Coroutines coroutines_;
  FunctionCalls functionCalls_;
  loop::Loops::Ptr loop_;  // nullptr without memory: then it cannot be opened
  net::Nets::Ptr net_;
  std::optional<Embedded> embedded_;

  friend class Environment;
  Engine* next_ = nullptr;  // in the environment's list
};

using Engines = mem::Typed<Engine, mem::Builtin::kEngine>;

// Builds the JS object with the methods of `Engine` in lib/backend/backend.ts.
napi_value engineObject(Engine* engine);

}  // namespace heddle::binding
