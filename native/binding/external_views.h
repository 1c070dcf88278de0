// ArrayBuffers over memory of ours, which is freed while JavaScript still has them: before that
// they are detached, so that no view ever shows memory it should not.
//
// A program may carry the bytes away into a buffer of its own (ArrayBuffer.prototype.transfer,
// where this Node has it; afterwards even to another thread). Then nothing can be detached, and the
// memory is lent: it must stay until Node says that nobody has it any more, and if the isolate ends
// before that, for good.
//
// No buffer is left to the collector with its memory attached. V8 gives back on a thread of its own
// what it has collected; where the isolate ends at that moment, Node frees its record of the buffer
// there while it uses it here (node::Buffer::CallbackInfo, seen in Node 20), and the process dies.
// Of what is detached the record stays on this thread. What was carried away is out of our reach.
//
// Owned by the environment. Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>

#include <cstddef>

namespace heddle::binding {

class ExternalViews;

struct ExternalView {
  ExternalViews* owner = nullptr;
  napi_ref buffer = nullptr;
  // The owner of the memory has let go, and waits for this.
  void (*release)(void*) = nullptr;
  void* context = nullptr;
  bool isDone = false;       // no one will ask for it again
  bool isCollected = false;  // Node has given the memory up
  bool isLost = false;       // lent when the isolate ended
  ExternalView* next = nullptr;
  ExternalView** place = nullptr;
};

class ExternalViews {
 public:
  ExternalViews() = default;
  ExternalViews(const ExternalViews&) = delete;
  ExternalViews& operator=(const ExternalViews&) = delete;

  // 0, -ENOMEM, or -ENOTSUP where this runtime allows no memory of others. `bytes` is not 0.
  [[nodiscard]] int make(napi_env env, void* data, size_t bytes, napi_value* buffer,
                         ExternalView** view);
  // The buffer, or nullptr when the program has carried its bytes away.
  static napi_value bufferOf(napi_env env, const ExternalView* view);
  // True: nobody can reach the memory any more. False: it is lent, and `release(context)` follows.
  // The view is gone for the caller either way.
  static bool detach(napi_env env, ExternalView* view, void (*release)(void*), void* context);
  // The same when the isolate has ended. False: lent for good.
  static bool abandon(napi_env env, ExternalView* view);

 private:
  static void finalize(napi_env env, void* data, void* view);
  static void sentinelGone(napi_env env, void* data, void* self);
  static void destroy(ExternalView* view);
  [[nodiscard]] bool watchEnd(napi_env env);
  void dropSentinel(napi_env env);
  void beforeEnd(napi_env env);

  ExternalView* first_ = nullptr;
  napi_ref sentinel_ = nullptr;
  bool hasEnded_ = false;
};

}  // namespace heddle::binding
