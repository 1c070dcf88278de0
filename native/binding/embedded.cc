#include "binding/embedded.h"

#include <cerrno>

#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "sys/clock.h"

namespace heddle::binding {

namespace {
// Loops of this isolate that are open.
thread_local int openHere = 0;

void releaseHandle(void* handle) {
  mem::release(mem::builtinType(mem::Builtin::kUvHandle), handle);
}
}  // namespace

template <class Handle>
Handle* Embedded::allocate(uv_handle_type type) {
  const mem::Memtype memtype = mem::builtinType(mem::Builtin::kUvHandle);
  return static_cast<Handle*>(mem::allocateBytesZeroed(memtype, uv_handle_size(type)));
}

Embedded* Embedded::of(const void* handle) {
  return static_cast<Embedded*>(uv_handle_get_data(static_cast<const uv_handle_t*>(handle)));
}

// Memory that libuv never saw is freed here: `close` asks it for the others only.
int Embedded::discard(int error) {
  for (void* handle : {static_cast<void*>(poll_), static_cast<void*>(prepare_),
                       static_cast<void*>(timer_), static_cast<void*>(idle_)}) {
    releaseHandle(handle);
  }
  poll_ = nullptr;
  prepare_ = nullptr;
  timer_ = nullptr;
  idle_ = nullptr;
  return error;
}

int Embedded::open() {
  poll_ = allocate<uv_poll_t>(UV_POLL);
  prepare_ = allocate<uv_prepare_t>(UV_PREPARE);
  timer_ = allocate<uv_timer_t>(UV_TIMER);
  idle_ = allocate<uv_idle_t>(UV_IDLE);
  if (poll_ == nullptr || prepare_ == nullptr || timer_ == nullptr || idle_ == nullptr)
    return discard(-ENOMEM);
  const int polled = uv_poll_init(uv_, poll_, fd_);
  if (polled < 0) return discard(polled);
  uv_prepare_init(uv_, prepare_);
  uv_timer_init(uv_, timer_);
  uv_idle_init(uv_, idle_);
  void* const handles[] = {poll_, prepare_, timer_, idle_};
  for (void* handle : handles) {
    uv_handle_set_data(base(handle), this);
    uv_unref(base(handle));
    open_++;
  }
  // Always active: records may be appended by any callback of the isolate, started or not.
  uv_prepare_start(prepare_, onPrepare);
  openHere++;
  return 0;
}

void Embedded::start() {
  if (started_) return;
  started_ = true;
  uv_poll_start(poll_, UV_READABLE, onPoll);
  if (keepAlive_) uv_ref(base(poll_));
  // The first pass comes soon, whatever is registered.
  idling_ = true;
  uv_idle_start(idle_, onIdle);
}

void Embedded::stop() {
  if (!started_) return;
  started_ = false;
  idling_ = false;
  armedNs_ = INT64_MAX;
  uv_poll_stop(poll_);
  uv_unref(base(poll_));
  uv_timer_stop(timer_);
  uv_idle_stop(idle_);
}

void Embedded::keepAlive(bool on) {
  keepAlive_ = on;
  if (!started_) return;
  if (on) {
    uv_ref(base(poll_));
  } else {
    uv_unref(base(poll_));
  }
}

void Embedded::arm() {
  if (!started_) return;
  const int64_t sleepNs = driver_->sleepNs();
  if (sleepNs == 0) return idle();
  if (idling_) uv_idle_stop(idle_);
  idling_ = false;
  if (sleepNs == INT64_MAX) return;
  const int64_t deadlineNs = sys::monotonicNs() + sleepNs;
  // A timer that is armed for earlier is left alone: it costs a spare pass at most, moving it costs
  // more.
  if (armedNs_ <= deadlineNs) return;
  armedNs_ = deadlineNs;
  const auto ms = static_cast<uint64_t>((sleepNs + 999'999) / 1'000'000);
  uv_timer_start(timer_, onTimer, ms, 0);
}

// A pass with the next turn of the isolate's loop, which does not sleep before it.
void Embedded::idle() {
  if (!started_) return;
  if (!idling_) uv_idle_start(idle_, onIdle);
  idling_ = true;
}

// The isolate is about to wait. What came while it looked is dealt with here: a turn round through
// libuv costs two system calls. Its other handles have their turn when they ask for it, or after a
// while. Other loops of the isolate may have had their prepare step before, and may just have been
// given something to do: all go round then.
void Embedded::rest() {
  constexpr int64_t kLongestNs = 200'000;
  int64_t endNs = 0;
  // 0: an immediate or another idle handle is due, or the loop was stopped.
  while (started_ && uv_backend_timeout(uv_) != 0) {
    const loop::Rest rest = driver_->rest(uv_backend_fd(uv_));
    if (rest == loop::Rest::kAsleep) break;
    if (rest == loop::Rest::kWork) return idle();
    driver_->tick();
    if (openHere > 1) return idle();
    const int64_t nowNs = sys::monotonicNs();
    if (endNs == 0) endNs = nowNs + kLongestNs;
    if (nowNs >= endNs) return idle();
  }
  // Whoever stopped the idle handle now would let the isolate sleep although the loop has not lain
  // down (`Driver::rest`), and nobody would wake it. What there was to do may just be gone.
  if (!idling_) arm();
}

void Embedded::onPoll(uv_poll_t* handle, int, int) { of(handle)->driver_->tick(); }

void Embedded::onPrepare(uv_prepare_t* handle) {
  Embedded* const self = of(handle);
  self->driver_->flushPending();
  if (self->started_) self->rest();
}

void Embedded::onTimer(uv_timer_t* handle) {
  Embedded* const self = of(handle);
  self->armedNs_ = INT64_MAX;
  self->driver_->tick();
}

void Embedded::onIdle(uv_idle_t* handle) { of(handle)->driver_->tick(); }

void Embedded::closeHandle(void* handle) {
  if (handle != nullptr) uv_close(base(handle), onClosed);
}

void Embedded::close(void (*done)(void*), void* context) {
  stop();
  done_ = done;
  doneContext_ = context;
  if (open_ == 0) return done(context);
  openHere--;
  closeHandle(poll_);
  closeHandle(prepare_);
  closeHandle(timer_);
  closeHandle(idle_);
}

void Embedded::onClosed(uv_handle_t* handle) {
  Embedded* const self = of(handle);
  releaseHandle(handle);
  if (--self->open_ == 0) self->done_(self->doneContext_);
}

}  // namespace heddle::binding
