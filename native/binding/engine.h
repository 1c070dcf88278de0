// One loop as JS sees it: the loop, its net layer, how it is driven and the crossing into JS.
//
// An embedded loop is driven by the isolate and used directly. A dedicated one has a thread of its
// own (loop/dedicated.h); whoever uses it or its guests does so in `visit`, or `onItsThread` where
// coroutines are concerned, and what is left of the difference is in here.
//
// Owned by the Environment and freed with it, because JS may keep a method longer than the engine;
// after `close` every method fails. Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>

#include <optional>
#include <utility>

#include "binding/args.h"
#include "binding/coroutines.h"
#include "binding/embedded.h"
#include "job/desk.h"
#include "loop/dedicated.h"
#include "loop/loop.h"
#include "mem/typed_object.h"
#include "net/block_errand.h"
#include "net/net.h"

namespace heddle::binding {

class IsolateMemory;

class Engine final : public Embedded::Driver {
 public:
  struct Options {
    loop::LoopOptions loop;
    bool sections = true;    // each dispatch to JavaScript is a section of the epochs, mem/epoch.h
    bool dedicated = false;  // the loop has a thread of its own
  };
  Engine(napi_env env, const loop::PortMemory& memory, const Options& options);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Keeps the memory and the dispatch function alive and registers with libuv; to async_hooks its
  // callbacks are those of `label`, a string. `name` is the loop's. 0 or a negative errno.
  [[nodiscard]] int open(napi_value memory, napi_value dispatch, napi_value label,
                         const char* name);
  // Also after `open` has failed. `done(context)` runs when libuv has let go of everything, which
  // may be at once.
  void close(void (*done)(void*) = nullptr, void* context = nullptr);
  // Closed or on the way: nothing may be asked of it any more.
  bool closed() const { return closing_; }

  void start();
  void stop();
  void keepAlive(bool on) { embedded_->keepAlive(on); }
  void flush();
  [[nodiscard]] int closeDescriptor(uint32_t request, int fd);
  // Writes to a connection behind the output so far; of an HTTP response in parts when `seq` is not
  // negative. The errno of an embedded loop's write; a dedicated one's failure is told by its
  // connection.
  int writeBlock(uint32_t connection, int32_t seq, napi_value bytes);

  // use(loop, net), with the loop to itself and everything flushed so far applied.
  template <class Use>
  decltype(auto) visit(Use&& use) {
    if (dedicated_ == nullptr) return use(*loop_, *net_);
    return dedicated_->visit([&]() -> decltype(auto) { return use(*loop_, *net_); });
  }
  // use(desk), likewise.
  template <class Use>
  decltype(auto) withDesk(Use&& use) {
    return visit([&](loop::Loop&, net::Net&) -> decltype(auto) { return use(*desk_); });
  }
  // The isolate is a worker of the queue. Keeps the claims until the loop is closed.
  [[nodiscard]] int serve(uint32_t queue, uint32_t worker, napi_value claims);
  // use(), on the thread of the loop: coroutines run nowhere else. No Node-API call in there.
  template <class Use>
  decltype(auto) onItsThread(Use&& use) {
    if (dedicated_ == nullptr) return use();
    return dedicated_->call(std::forward<Use>(use));
  }

  napi_env env() const { return env_; }
  uint32_t loopId() const { return loopId_; }
  // Ends the loop's wait.
  void wake() {
    if (dedicated_ != nullptr) return dedicated_->wake();
    loop_->wake();
  }
  bool isDedicated() const { return isDedicated_; }
  // All of a dedicated one.
  void handOver() { dedicated_->handOver(); }
  void count() { dedicated_->count(); }
  int64_t takeAhead(uint32_t handle, const Bytes& into) {
    return dedicated_->takeAhead(handle, into.data, static_cast<uint32_t>(into.size));
  }
  // Of the multiplexer, or of the loop's own thread. In a visit.
  uint64_t waits() const { return dedicated_ == nullptr ? loop_->waits() : dedicated_->sleeps(); }
  int64_t toNs(double ms) const { return loop_->toNs(ms); }
  Coroutines& coroutines() { return coroutines_; }

 private:
  void tick() override;
  void tickEmbedded();
  void tickDedicated();
  void flushPending() override;
  int64_t sleepNs() override;
  loop::Rest rest(int fd) override;
  [[nodiscard]] int openLoop(const char* name);
  [[nodiscard]] int openDesk();
  static void endLoop(void* self);
  // The bytes of a typed array, with a reference that ends with the block's release. Without memory
  // for it the block has no release.
  [[nodiscard]] net::Block pin(napi_value value);
  bool dispatch(uint32_t words);
  napi_status callJs(uint32_t words);
  bool closeElsewhere(uint32_t request, int fd);
  static void finished(void* self);

  napi_env env_;
  IsolateMemory* const isolateMemory_;
  const loop::PortMemory portMemory_;
  const bool sections_;
  napi_ref dispatch_ = nullptr;
  napi_ref memory_ = nullptr;
  napi_ref claims_ = nullptr;
  napi_async_context async_ = nullptr;
  bool inTick_ = false;
  bool closing_ = false;
  void (*closed_)(void*) = nullptr;
  void* closedContext_ = nullptr;
  // Before the loop, which tells them of its coroutines' ends when it goes.
  Coroutines coroutines_;
  loop::DedicatedCells cells_;
  loop::Loops::Ptr loop_;  // nullptr without memory: then it cannot be opened
  net::Nets::Ptr net_;
  job::Desks::Ptr desk_;
  uint32_t loopId_ = 0;
  const bool isDedicated_;
  loop::Dedicateds::Ptr dedicated_;  // nullptr: embedded
  std::optional<Embedded> embedded_;

  friend class Environment;
  Engine* next_ = nullptr;  // in the environment's list
};

using Engines = mem::Typed<Engine, mem::Builtin::kEngine>;

// Builds the JS object with the methods of `Engine` in lib/backend/backend.ts.
napi_value engineObject(Engine* engine);

}  // namespace heddle::binding
