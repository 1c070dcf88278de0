#include "binding/environment.h"

#include <utility>

#include "binding/loose_descriptors.h"
#include "mem/epoch.h"
#include "sys/closer.h"
#include "sys/library.h"

namespace heddle::binding {
namespace {

// Node unloads the library with the last environment that loaded it. Threads that close descriptors
// run its code, and a close may take as long as a peer likes; a worker that ends must not wait for
// that. So the library stays.
bool staysLoaded() {
  static const int kept = sys::keepLoaded(reinterpret_cast<const void*>(&staysLoaded));
  return kept == 0;
}

}  // namespace

Environment::Environment(napi_env env) : env_(env) {
  sys::acquireCloser();
  // A thread takes part once, for all environments on it; without memory for it nothing can run.
  attached_ = mem::epochAttachThread() == 0;
  collecting_ = mem::epochStartCollector() == 0;
  napi_add_async_cleanup_hook(env, cleanup, this, &hook_);
}

Environment::~Environment() {
  while (engines_ != nullptr) Engines::destroy(std::exchange(engines_, engines_->next_));
  if (attached_) mem::epochDetachThread();
  if (collecting_) mem::epochStopCollector();
  // The last release waits for what is being closed. Where the library stays it need not come.
  if (!staysLoaded()) sys::releaseCloser();
}

Environment* Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

void Environment::add(Engines::Ptr engine) {
  engine->next_ = engines_;
  engines_ = engine.release();
}

void Environment::cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* const self = static_cast<Environment*>(data);
  self->closing_ = 1;
  for (Engine* engine = self->engines_; engine != nullptr; engine = engine->next_) {
    self->closing_++;
    engine->close(engineClosed, self);
  }
  closeDescriptorsOf(self);
  self->holds_.closeAll(self->env_);
  engineClosed(self);
}

void Environment::engineClosed(void* data) {
  auto* const self = static_cast<Environment*>(data);
  if (--self->closing_ > 0) return;
  napi_remove_async_cleanup_hook(self->hook_);
}

}  // namespace heddle::binding
