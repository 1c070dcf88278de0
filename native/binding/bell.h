// Lets any thread have a function called on the isolate's own, soon; rings before it comes
// coalesce. It never keeps the isolate alive, and after its end rings are silent.
//
// Owned by the environment, opened when somebody needs it. Thread rule: `ring` anywhere, the rest
// on the isolate's thread.
#pragma once

#include <node_api.h>

#include <atomic>
#include <mutex>

namespace heddle::binding {

class Bell {
 public:
  using Heard = void (*)(napi_env env, void* context);

  Bell(Heard heard, void* context) : heard_(heard), context_(context) {}
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  // 0, also when it is open already, or -ENOMEM.
  [[nodiscard]] int open(napi_env env);
  void close();
  void ring();

 private:
  static void call(napi_env env, napi_value, void* self, void*);
  static void finalize(napi_env env, void* self, void*);

  const Heard heard_;
  void* const context_;
  // A ring is on its way.
  std::atomic<bool> rung_{false};
  std::mutex lock_;
  // Under the lock. Node may end it before we do.
  napi_threadsafe_function function_ = nullptr;
};

}  // namespace heddle::binding
