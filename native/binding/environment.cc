#include "binding/environment.h"

#include <cstdio>
#include <mutex>
#include <utility>

#include "base/immortal.h"
#include "binding/loose_descriptors.h"
#include "mem/builtin_types.h"
#include "mem/epoch.h"
#include "mem/typed_object.h"
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

using Environments = mem::Typed<Environment, mem::Builtin::kEnvironment>;

// The environments of the process. Each is counted from before its first block to after its last.
struct Count {
  std::mutex lock;
  int environments = 0;
  bool reporting = false;
};

Count& count() {
  static base::Immortal<Count> instance;
  return *instance;
}

void countOne() {
  std::lock_guard<std::mutex> held(count().lock);
  count().environments++;
}

// What is still live when the last one has ended is lost. With the lock held no other one begins
// meanwhile.
void uncountOne() {
  std::lock_guard<std::mutex> held(count().lock);
  if (--count().environments > 0 || !count().reporting) return;
  const bool left = mem::printLiveBuiltins(stderr);
  std::fprintf(stderr, "heddle: memory: %s\n", left ? "blocks are left" : "no block is left");
}

}  // namespace

bool Environment::begin(napi_env env) {
  countOne();
  Environment* const made = Environments::make(env);
  if (made != nullptr) {
    napi_set_instance_data(env, made, end, nullptr);
    return true;
  }
  uncountOne();
  return false;
}

void Environment::end(napi_env, void* self, void*) {
  Environments::destroy(static_cast<Environment*>(self));
  uncountOne();
}

Environment::Environment(napi_env env) : env_(env), memory_(env), modules_(env) {
  sys::acquireCloser();
  // A thread takes part once, for all environments on it; without memory for it nothing can run.
  attached_ = mem::epochAttachThread() == 0;
  collecting_ = mem::epochStartCollector() == 0;
  napi_add_async_cleanup_hook(env, cleanup, this, &hook_);
}

Environment::~Environment() {
  modules_.end();
  while (engines_ != nullptr) Engines::destroy(std::exchange(engines_, engines_->next_));
  memory_.end();
  if (attached_) mem::epochDetachThread();
  if (collecting_) mem::epochStopCollector();
  // The last release waits for what is being closed. Where the library stays it need not come.
  if (!staysLoaded()) sys::releaseCloser();
}

void Environment::reportMemoryAtEnd() {
  std::lock_guard<std::mutex> held(count().lock);
  count().reporting = true;
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

Engine* Environment::engine(uint32_t loopId) const {
  Engine* engine = engines_;
  while (engine != nullptr && (engine->loopId() != loopId || engine->closed())) {
    engine = engine->next_;
  }
  return engine;
}

loop::Loop* Environment::prepareLoop() {
  Engine* oldest = nullptr;
  for (Engine* engine = engines_; engine != nullptr; engine = engine->next_) {
    if (!engine->closed() && !engine->isDedicated()) oldest = engine;
  }
  if (oldest == nullptr) return nullptr;
  aco::Runtime* const runtime = oldest->coroutines().prepare();
  return runtime == nullptr ? nullptr : &runtime->loop();
}

void Environment::cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* const self = static_cast<Environment*>(data);
  self->closing_ = 1;
  // While its loops are there.
  self->modules_.end();
  for (Engine* engine = self->engines_; engine != nullptr; engine = engine->next_) {
    self->closing_++;
    engine->close(engineClosed, self);
  }
  closeDescriptorsOf(self);
  self->holds_.closeAll(self->env_);
  self->memory_.end();
  engineClosed(self);
}

void Environment::engineClosed(void* data) {
  auto* const self = static_cast<Environment*>(data);
  if (--self->closing_ > 0) return;
  napi_remove_async_cleanup_hook(self->hook_);
}

}  // namespace heddle::binding
