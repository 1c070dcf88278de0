#include "binding/engine.h"

#include <cerrno>
#include <utility>

#include "binding/args.h"
#include "binding/isolate_memory.h"
#include "binding/loose_descriptors.h"
#include "mem/epoch.h"
#include "sys/closer.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

// Passes in one go before the isolate's other work has its turn. Going round through libuv costs
// two more system calls, so under load a few passes follow each other directly.
constexpr int kPassesPerTick = 8;
// A pass that found fewer ready descriptors than this is not followed by another look at once: the
// wait would most likely come back empty.
constexpr uint32_t kEagerReady = 4;

struct Pin {
  napi_env env;
  napi_ref reference;
  Bytes bytes;
};
using Pins = mem::Typed<Pin, mem::Builtin::kPin>;

// A reference keeps the typed array, not its memory: JavaScript may transfer the buffer to another
// thread, or shrink it, while the bytes wait to be sent.
bool isStillThere(void* context) {
  const auto* const pin = static_cast<const Pin*>(context);
  napi_handle_scope scope;
  if (napi_open_handle_scope(pin->env, &scope) != napi_ok) return false;
  napi_value value = nullptr;
  napi_get_reference_value(pin->env, pin->reference, &value);
  const Bytes now = value == nullptr ? Bytes{} : bytesOf(pin->env, value);
  napi_close_handle_scope(pin->env, scope);
  return now.data == pin->bytes.data && now.size >= pin->bytes.size;
}

void unpin(void* context) {
  auto* const pin = static_cast<Pin*>(context);
  napi_delete_reference(pin->env, pin->reference);
  Pins::destroy(pin);
}

}  // namespace

Engine::Engine(napi_env env, const loop::PortMemory& memory, const loop::LoopOptions& options,
               bool sections)
    : env_(env),
      isolateMemory_(IsolateMemory::of(env)),
      sections_(sections),
      control_(memory.control),
      loop_(loop::Loops::makePtr(memory, options)) {}

Engine::~Engine() = default;

int Engine::open(napi_value memory, napi_value dispatch, napi_value label) {
  if (loop_ == nullptr) return -ENOMEM;
  const int opened = loop_->open();
  if (opened < 0) return opened;
  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env_, &uv) != napi_ok) return -ENOTSUP;
  net_ = net::Nets::makePtr(loop_.get());
  if (net_ == nullptr) return -ENOMEM;
  loop_->attach(net_.get(), net::Net::kTags);
  coroutines_.open(loop_.get());
  functionCalls_.open(loop_.get());
  embedded_.emplace(uv, loop_.get(), this);
  if (napi_create_reference(env_, memory, 1, &memory_) != napi_ok ||
      napi_create_reference(env_, dispatch, 1, &dispatch_) != napi_ok ||
      napi_async_init(env_, memory, label, &async_) != napi_ok) {
    return -EINVAL;
  }
  return embedded_->open();
}

void Engine::start() {
  loop_->markStarted();
  embedded_->start();
}

void Engine::close(void (*done)(void*), void* context) {
  if (closing_) {
    // Closed, or on the way: who asks second is told at the same time or at once.
    if (done == nullptr) return;
    if (loop_ == nullptr) return done(context);
    closed_ = done;
    closedContext_ = context;
    return;
  }
  closing_ = true;
  closed_ = done;
  closedContext_ = context;
  functionCalls_.close();
  // An engine that was not opened to its end has less to close.
  if (loop_ != nullptr) loop_->close();
  if (net_ != nullptr) net_->closeAll();
  if (!embedded_.has_value()) return finished(this);
  embedded_->close(finished, this);
}

void Engine::finished(void* data) {
  auto* const self = static_cast<Engine*>(data);
  self->embedded_.reset();
  self->net_.reset();
  self->loop_.reset();
  if (self->memory_ != nullptr) napi_delete_reference(self->env_, self->memory_);
  if (self->dispatch_ != nullptr) napi_delete_reference(self->env_, self->dispatch_);
  if (self->async_ != nullptr) napi_async_destroy(self->env_, self->async_);
  if (self->closed_ != nullptr) self->closed_(self->closedContext_);
}

void Engine::flushPending() {
  if (control_[loop::Control::OUT_WORDS] > 0 && !closing_) loop_->apply();
}

void Engine::tick() {
  // A callback that runs Node's loop again (a debugger, a synchronous wait) must not start a pass
  // inside a pass.
  if (inTick_ || closing_) return;
  inTick_ = true;
  for (int pass = 0; pass < kPassesPerTick; pass++) {
    flushPending();
    const uint32_t words = loop_->collect(0);
    if (words > 0 && !dispatch(words)) break;
    if (closing_) break;
    loop_->apply();
    if (!loop_->hasWork() && loop_->lastReady() < kEagerReady) break;
  }
  inTick_ = false;
  if (!closing_) embedded_->arm();
}

// False when JS cannot run any more: the isolate is ending, its cleanup hook follows.
bool Engine::dispatch(uint32_t words) {
  // Counted, not a scope: a section that JS opens in here may outlast the dispatch, and then goes
  // on protecting. Ticks nest where one loop's callback runs another's; only the outermost leaves.
  const bool inSection = sections_ && mem::epochEnter() == 0;
  const napi_status status = callJs(words);
  if (inSection) (void)mem::epochLeave();
  if (status != napi_ok && status != napi_pending_exception) return false;
  isolateMemory_->letGo();
  return true;
}

napi_status Engine::callJs(uint32_t words) {
  napi_handle_scope scope;
  const napi_status opened = napi_open_handle_scope(env_, &scope);
  if (opened != napi_ok) return opened;
  napi_value function;
  napi_value receiver;
  napi_value argument;
  napi_get_reference_value(env_, dispatch_, &function);
  napi_get_reference_value(env_, memory_, &receiver);
  napi_create_uint32(env_, words, &argument);
  const napi_status status =
      napi_make_callback(env_, async_, receiver, function, 1, &argument, nullptr);
  if (status == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env_, &error);
    napi_fatal_exception(env_, error);
  }
  napi_close_handle_scope(env_, scope);
  return status;
}

int Engine::closeDescriptor(uint32_t request, int fd) {
  if (fd < 0) return -EBADF;
  forgetDescriptor(fd);
  if (sys::lingers(fd) && closeElsewhere(request, fd)) return 0;
  const int closed = sys::closeNow(fd);
  if (closed < 0) return closed;
  loop_->port().emit(loop::In::FD_CLOSED, request, 0);
  embedded_->arm();
  return 0;
}

// False when it has to be closed here. The letter with the news is made before: the thread that
// closes has nobody to tell that there is no memory for it.
bool Engine::closeElsewhere(uint32_t request, int fd) {
  loop::LetterPtr news =
      loop::makeLetter(loop_->loopId(), loop::In::FD_CLOSED, static_cast<int32_t>(request), 0);
  if (news == nullptr) return false;
  const auto done = [](void* context, uint64_t, int error) {
    loop::LetterPtr letter(static_cast<loop::Letter*>(context));
    letter->b = error;
    const int posted = loop::Mailbox::post(std::move(letter));
    static_cast<void>(posted);  // -ENOENT: the loop has ended, nobody waits any more
  };
  if (sys::submitClose(fd, done, news.get(), request) < 0) return false;
  static_cast<void>(news.release());
  return true;
}

net::Block Engine::pin(napi_value value) {
  const Bytes bytes = bytesOf(env_, value);
  Pins::Ptr pin = Pins::makePtr(env_, nullptr, bytes);
  if (pin == nullptr || napi_create_reference(env_, value, 1, &pin->reference) != napi_ok) {
    return {};
  }
  return net::Block{bytes.data, bytes.size, unpin, pin.release(), isStillThere};
}

}  // namespace heddle::binding
