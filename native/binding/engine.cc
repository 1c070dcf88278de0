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

Engine::Engine(napi_env env, const loop::PortMemory& memory, const Options& options)
    : env_(env),
      isolateMemory_(IsolateMemory::of(env)),
      portMemory_(memory),
      sections_(options.sections),
      loop_(loop::Loops::makePtr(options.dedicated ? cells_.portMemory(memory) : memory,
                                 options.loop)),
      isDedicated_(options.dedicated) {}

Engine::~Engine() = default;

int Engine::open(napi_value memory, napi_value dispatch, napi_value label, const char* name) {
  if (loop_ == nullptr) return -ENOMEM;
  loopId_ = loop_->loopId();
  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env_, &uv) != napi_ok) return -ENOTSUP;
  if (napi_create_reference(env_, memory, 1, &memory_) != napi_ok ||
      napi_create_reference(env_, dispatch, 1, &dispatch_) != napi_ok ||
      napi_async_init(env_, memory, label, &async_) != napi_ok) {
    return -EINVAL;
  }
  const int opened = openLoop(name);
  if (opened < 0) return opened;
  const int fd = dedicated_ != nullptr ? dedicated_->alarm().fd() : loop_->poller().fd();
  embedded_.emplace(uv, fd, this);
  return embedded_->open();
}

int Engine::openLoop(const char* name) {
  const int opened = loop_->open();
  if (opened < 0) return opened;
  net_ = net::Nets::makePtr(loop_.get());
  if (net_ == nullptr) return -ENOMEM;
  loop_->attach(net_.get(), net::Net::kTags);
  const int furnished = openDesk();
  if (furnished < 0) return furnished;
  coroutines_.open(loop_.get());
  if (!isDedicated_) return 0;
  dedicated_ = loop::Dedicateds::makePtr(loop_.get(), &cells_, portMemory_, endLoop, this);
  const int began = dedicated_ == nullptr ? -ENOMEM : dedicated_->open(name);
  if (began < 0) dedicated_.reset();
  return began;
}

int Engine::openDesk() {
  desk_ = job::Desks::makePtr(loop_.get());
  const int opened = desk_ == nullptr ? -ENOMEM : desk_->open();
  if (opened < 0) return opened;
  loop_->attach(desk_.get(), 0);
  loop_->takeRecords(desk_.get(), job::Desk::kRecordGroup);
  return 0;
}

void Engine::start() {
  if (dedicated_ != nullptr) {
    dedicated_->start();
  } else {
    loop_->markStarted();
  }
  embedded_->start();
}

void Engine::stop() {
  embedded_->stop();
  if (dedicated_ != nullptr) dedicated_->stop();
}

void Engine::flush() {
  if (dedicated_ != nullptr) return dedicated_->flush();
  loop_->apply();
}

void Engine::close(void (*done)(void*), void* context) {
  if (closing_) {
    // Closed, or on the way: who asks second is told at the same time or at once.
    if (done == nullptr) return;
    if (memory_ == nullptr) return done(context);
    closed_ = done;
    closedContext_ = context;
    return;
  }
  closing_ = true;
  closed_ = done;
  closedContext_ = context;
  // An engine that was not opened to its end has less to close. A dedicated loop ends on its
  // thread, with the coroutines whose stacks are there.
  if (dedicated_ != nullptr) {
    dedicated_->close();
  } else {
    endLoop(this);
  }
  if (!embedded_.has_value()) return finished(this);
  embedded_->close(finished, this);
}

// The loop is still there afterwards, but of no use any more.
void Engine::endLoop(void* data) {
  auto* const self = static_cast<Engine*>(data);
  if (self->loop_ != nullptr) self->loop_->close();
  if (self->net_ != nullptr) self->net_->closeAll();
  if (!self->isDedicated_) return;
  self->net_.reset();
  self->desk_.reset();
  self->loop_.reset();
}

void Engine::finished(void* data) {
  auto* const self = static_cast<Engine*>(data);
  self->embedded_.reset();
  self->net_.reset();
  self->desk_.reset();
  self->loop_.reset();
  self->dedicated_.reset();
  if (self->claims_ != nullptr) napi_delete_reference(self->env_, self->claims_);
  if (self->memory_ != nullptr) napi_delete_reference(self->env_, self->memory_);
  self->memory_ = nullptr;
  if (self->dispatch_ != nullptr) napi_delete_reference(self->env_, self->dispatch_);
  if (self->async_ != nullptr) napi_async_destroy(self->env_, self->async_);
  if (self->closed_ != nullptr) self->closed_(self->closedContext_);
}

void Engine::flushPending() {
  if (closing_) return;
  if (dedicated_ != nullptr) {
    dedicated_->turnEnds();
    dedicated_->refresh();
    dedicated_->awaitAlarm();
    return;
  }
  if (portMemory_.control[loop::Control::OUT_WORDS] > 0) loop_->apply();
}

int64_t Engine::sleepNs() {
  if (dedicated_ != nullptr) return dedicated_->hasMore() ? 0 : INT64_MAX;
  return loop_->sleepNs();
}

loop::Rest Engine::rest(int fd) {
  return dedicated_ != nullptr ? loop::Rest::kAsleep : loop_->rest(fd);
}

void Engine::tick() {
  // A callback that runs Node's loop again (a debugger, a synchronous wait) must not start a pass
  // inside a pass.
  if (inTick_ || closing_) return;
  inTick_ = true;
  if (dedicated_ != nullptr) {
    tickDedicated();
  } else {
    tickEmbedded();
  }
  inTick_ = false;
  if (!closing_) embedded_->arm();
}

void Engine::tickEmbedded() {
  for (int pass = 0; pass < kPassesPerTick; pass++) {
    flushPending();
    const uint32_t words = loop_->collect(0);
    if (words > 0 && !dispatch(words)) return;
    if (closing_) return;
    loop_->apply();
    if (!loop_->hasWork() && loop_->lastReady() < kEagerReady) return;
  }
}

void Engine::tickDedicated() {
  dedicated_->hush();
  for (int batch = 0; batch < kPassesPerTick; batch++) {
    const uint32_t words = dedicated_->take();
    if (words == 0 || !dispatch(words) || closing_) return;
    dedicated_->dispatched();
  }
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
  visit([request](loop::Loop& loop, net::Net&) {
    loop.port().emit(loop::In::FD_CLOSED, request, 0);
  });
  embedded_->arm();
  return 0;
}

// False when it has to be closed here. The letter with the news is made before: the thread that
// closes has nobody to tell that there is no memory for it.
bool Engine::closeElsewhere(uint32_t request, int fd) {
  loop::LetterPtr news =
      loop::makeLetter(loopId_, loop::In::FD_CLOSED, static_cast<int32_t>(request), 0);
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

int Engine::writeBlock(uint32_t connection, int32_t seq, napi_value value) {
  const Bytes bytes = bytesOf(env_, value);
  if (bytes.data == nullptr || bytes.size == 0) return bytes.size == 0 ? 0 : -EINVAL;
  const net::BlockTarget target{connection, seq};
  if (dedicated_ != nullptr) {
    return net::handBlockOver(*dedicated_, net_.get(), target, bytes.data, bytes.size);
  }
  // The reference first: the core calls its release itself when the block has been sent. Without
  // memory for one the core copies what it cannot send at once.
  const net::Block block = pin(value);
  bool kept = false;
  const int result =
      target.seq < 0 ? net_->writeBlock(connection, block, &kept)
                     : net_->writeHttpBlock(connection, static_cast<uint8_t>(seq), block, &kept);
  if (!kept && block.release != nullptr) block.release(block.context);
  return result;
}

int Engine::serve(uint32_t queue, uint32_t worker, napi_value claims) {
  const Bytes bytes = bytesOf(env_, claims);
  if (bytes.size < job::kClaimCells * sizeof(int32_t)) return -EINVAL;
  if (claims_ != nullptr) return -EBUSY;
  if (napi_create_reference(env_, claims, 1, &claims_) != napi_ok) return -EINVAL;
  auto* const cells = reinterpret_cast<int32_t*>(bytes.data);
  const int served = withDesk([&](job::Desk& desk) { return desk.serve(queue, worker, cells); });
  if (served < 0) {
    napi_delete_reference(env_, claims_);
    claims_ = nullptr;
  }
  return served;
}

net::Block Engine::pin(napi_value value) {
  const Bytes bytes = bytesOf(env_, value);
  Pins::Ptr pin = Pins::makePtr(env_, nullptr, bytes);
  if (pin == nullptr || napi_create_reference(env_, value, 1, &pin->reference) != napi_ok) {
    return net::Block{bytes.data, bytes.size};
  }
  return net::Block{bytes.data, bytes.size, unpin, pin.release(), isStillThere};
}

}  // namespace heddle::binding
