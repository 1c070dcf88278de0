#include "binding/bell.h"

#include <cerrno>

namespace heddle::binding {

int Bell::open(napi_env env) {
  std::lock_guard<std::mutex> held(lock_);
  if (function_ != nullptr) return 0;
  napi_value name;
  if (napi_create_string_utf8(env, "heddle:bell", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, this, finalize, this, call,
                                      &function_) != napi_ok) {
    function_ = nullptr;
    return -ENOMEM;
  }
  napi_unref_threadsafe_function(env, function_);
  return 0;
}

void Bell::close() {
  std::lock_guard<std::mutex> held(lock_);
  if (function_ == nullptr) return;
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
}

void Bell::ring() {
  // Acquire and release: what was done before a ring is seen by the call that answers it, also when
  // another ring was on its way.
  if (rung_.exchange(true, std::memory_order_acq_rel)) return;
  std::lock_guard<std::mutex> held(lock_);
  if (function_ == nullptr) return;
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Bell::call(napi_env env, napi_value, void* data, void*) {
  auto* const self = static_cast<Bell*>(data);
  self->rung_.exchange(false, std::memory_order_acq_rel);
  // Without an environment the call is only being thrown away.
  if (env != nullptr) self->heard_(env, self->context_);
}

void Bell::finalize(napi_env, void* data, void*) {
  auto* const self = static_cast<Bell*>(data);
  std::lock_guard<std::mutex> held(self->lock_);
  self->function_ = nullptr;
}

}  // namespace heddle::binding
