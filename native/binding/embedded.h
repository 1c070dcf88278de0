// Hangs a loop into the isolate's own libuv loop: the poller's descriptor (of a dedicated loop the
// alarm's) is polled, a prepare step carries out what JS asked for outside of a dispatch, one timer
// stands for the nearest deadline.
// The only file that knows libuv. Node-API does not promise libuv's ABI across majors, so handles
// have the size that libuv reports. Thread rule: the isolate's thread.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <cstdint>

#include "loop/lookout.h"

namespace heddle::binding {

class Embedded {
 public:
  // Runs the passes that are due. Called from libuv's callbacks.
  class Driver {
   public:
    virtual ~Driver() = default;
    virtual void tick() = 0;
    // The isolate is about to sleep: carries out the outbox if there is anything in it.
    virtual void flushPending() = 0;
    // How long nothing has to be done unless the descriptor becomes readable. 0: tick soon;
    // INT64_MAX: for ever.
    virtual int64_t sleepNs() = 0;
    // The isolate sleeps next, see loop::Loop::rest. Afterwards it may be woken only through the
    // descriptor, and by a timer for `sleepNs`.
    virtual loop::Rest rest(int fd) = 0;
  };

  // `fd` becomes readable when there is something to do.
  Embedded(uv_loop_t* uv, int fd, Driver* driver) : uv_(uv), fd_(fd), driver_(driver) {}
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  [[nodiscard]] int open();
  void start();
  void stop();
  void keepAlive(bool on);
  // Sleeps until the next deadline: called when passes are done and before the isolate sleeps.
  void arm();
  // Closes the handles. `done(context)` runs when libuv has let go of the last; nothing else runs
  // afterwards.
  void close(void (*done)(void*), void* context);

 private:
  void rest();
  void idle();
  template <class Handle>
  Handle* allocate(uv_handle_type type);
  uv_handle_t* base(void* handle) const { return static_cast<uv_handle_t*>(handle); }
  void closeHandle(void* handle);
  int discard(int error);
  static Embedded* of(const void* handle);
  static void onPoll(uv_poll_t* handle, int status, int events);
  static void onPrepare(uv_prepare_t* handle);
  static void onTimer(uv_timer_t* handle);
  static void onIdle(uv_idle_t* handle);
  static void onClosed(uv_handle_t* handle);

  uv_loop_t* uv_;
  const int fd_;
  Driver* driver_;
  uv_poll_t* poll_ = nullptr;
  uv_prepare_t* prepare_ = nullptr;
  uv_timer_t* timer_ = nullptr;
  uv_idle_t* idle_ = nullptr;
  int64_t armedNs_ = INT64_MAX;
  bool started_ = false;
  bool idling_ = false;
  bool keepAlive_ = true;
  int open_ = 0;
  void (*done_)(void*) = nullptr;
  void* doneContext_ = nullptr;
};

}  // namespace heddle::binding
