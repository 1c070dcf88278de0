// What the addon keeps for one isolate (Node environment): its engines, the shared structures that
// it holds open, what it has of typed and safe memory, and its thread's place among those that
// reclaim memory by epochs. Lives in the instance data.
//
// A worker may be terminated at any moment. The cleanup hook then closes every engine's libuv
// handles and descriptors, gives back what is held, and lets Node go on when the last handle is
// gone; the finaliser of the instance data frees the rest. Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>

#include "binding/engine.h"
#include "binding/hold.h"
#include "binding/isolate_memory.h"
#include "binding/module_host.h"

namespace heddle::binding {

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();

  // Makes the environment of `env` and ties it to its end. False without memory.
  [[nodiscard]] static bool begin(napi_env env);
  // For the process: when the last of all has ended, the built-in memtypes that have live blocks
  // are printed on stderr, and whether there were any.
  static void reportMemoryAtEnd();
  static Environment* of(napi_env env);
  napi_env env() const { return env_; }
  void add(Engines::Ptr engine);
  // That of the loop; nullptr: it is not one of ours, or closed.
  Engine* engine(uint32_t loopId) const;
  // The oldest loop of the isolate's own thread, ready for what native modules ask of it. nullptr:
  // there is none, or no memory.
  loop::Loop* prepareLoop();
  void add(Hold* hold) { holds_.add(hold); }
  IsolateMemory& memory() { return memory_; }
  ModuleHost& modules() { return modules_; }

 private:
  static void end(napi_env env, void* self, void* hint);
  static void cleanup(napi_async_cleanup_hook_handle handle, void* self);
  static void engineClosed(void* self);

  napi_env env_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  size_t closing_ = 0;
  bool attached_ = false;
  bool collecting_ = false;
  Engine* engines_ = nullptr;  // owned, newest first
  Holds holds_;
  IsolateMemory memory_;
  ModuleHost modules_;
};

}  // namespace heddle::binding
