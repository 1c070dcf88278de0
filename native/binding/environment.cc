#include "binding/environment.h"

#include <utility>

#include "binding/engine.h"
#include "sys/closer.h"

namespace heddle::binding {

Environment::Environment(napi_env env) : env_(env) {
  sys::acquireCloser();
  napi_add_async_cleanup_hook(env, cleanup, this, &hook_);
}

Environment::~Environment() { sys::releaseCloser(); }

Environment* Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

void Environment::add(std::unique_ptr<Engine> engine) { engines_.push_back(std::move(engine)); }

void Environment::cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* const self = static_cast<Environment*>(data);
  self->closing_ = self->engines_.size() + 1;
  for (const auto& engine : self->engines_) engine->close(engineClosed, self);
  engineClosed(self);
}

void Environment::engineClosed(void* data) {
  auto* const self = static_cast<Environment*>(data);
  if (--self->closing_ > 0) return;
  napi_remove_async_cleanup_hook(self->hook_);
}

}  // namespace heddle::binding
