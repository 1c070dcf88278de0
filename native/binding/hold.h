// What an environment holds open in the process (a shared map, a counter): a C++ object behind some
// functions of JavaScript, which find it by their data pointer. It lives until its functions have
// been collected and it has been closed. A hold that is forgotten without being closed stays open
// until its environment ends: the collector must not decide how long what others see lives.
//
// Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>

#include "binding/args.h"

namespace heddle::binding {

class Hold {
 public:
  Hold() = default;
  virtual ~Hold() = default;
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  [[nodiscard]] bool isClosed() const { return closed_; }
  // Idempotent. Frees the hold when no function leads to it.
  void close(napi_env env);

 protected:
  // Gives back what it holds; once.
  virtual void release(napi_env env) = 0;
  virtual void destroy() = 0;

  // Adds functions to an object, which keep the hold alive.
  template <size_t N>
  void addMethods(napi_env env, napi_value object, const Method (&methods)[N]) {
    for (const Method& method : methods) addMethod(env, object, method);
  }

 private:
  friend class Holds;

  void addMethod(napi_env env, napi_value object, const Method& method);
  static void functionCollected(napi_env env, void* hold, void* hint);
  void leaveList();

  Hold* next_ = nullptr;
  Hold** link_ = nullptr;  // what points to it; nullptr when it is in no list
  uint32_t functions_ = 0;
  bool closed_ = false;
};

// Those of one environment that are open.
class Holds {
 public:
  void add(Hold* hold);
  // When the environment ends; its functions may still be collected later.
  void closeAll(napi_env env);

 private:
  Hold* first_ = nullptr;
};

}  // namespace heddle::binding
