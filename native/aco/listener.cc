// The accepting half of a runtime, and what it does for coroutines that serve a connection.
#include "aco/listener.h"

#include <cerrno>
#include <utility>

#include "aco/runtime.h"
#include "sys/socket.h"

namespace heddle::aco {

// A connection that a coroutine serves. The coroutine's own argument is the event.
struct Service {
  Runtime* runtime;
  coro::Main procedure;
  Event* event;
  uint32_t eventHandle;  // tells whether the event still is
  uint32_t listener;     // 0: none
  bool returned;         // the procedure, without exit
  Ended ended;           // who else is to be told
  void* endedContext;
};
using Services = mem::Typed<Service, mem::Builtin::kAcoService>;

namespace {

void serveMain(void* argument) {
  auto* const service = static_cast<Service*>(argument);
  service->procedure(service->event);
  service->returned = true;
  coro::exit();
}

}  // namespace

void Runtime::served(void* context, Id id, Outcome outcome) {
  const Services::Ptr service(static_cast<Service*>(context));
  service->runtime->endService(*service, id);
  if (service->ended != nullptr) service->ended(service->endedContext, id, outcome);
}

void Runtime::endService(const Service& service, Id id) {
  Listener* const listener = listeners_.get(service.listener);
  Event* const event = events_.get(service.eventHandle);
  if (event != nullptr) {
    const int fd = event->fd();
    if (fd >= 0 && service.returned) warnUnclosed(listener, id, fd);
    event->shut();
    event->free();
  }
  if (listener == nullptr) return;
  listener->connections--;
  if (listener->retryNs != 0) return resting_.hurry(listener);
  watchListener(listener, true);
}

void Runtime::warnUnclosed(Listener* listener, Id id, int fd) {
  const char* const name = listener == nullptr ? "" : listener->spec.name;
  if (listener != nullptr && std::exchange(listener->warned, true)) return;
  tell({Trouble::kNotClosed, id, name, fd, 0});
}

int64_t Runtime::serve(int fd, coro::Main procedure, const StartOptions& options) {
  return serveFor(0, fd, procedure, options);
}

// On failure the descriptor stays the caller's.
int64_t Runtime::serveFor(uint32_t listener, int fd, coro::Main procedure,
                          const StartOptions& options) {
  if (procedure == nullptr) return -EINVAL;
  Event* event = nullptr;
  if (const int adopted = Event::adopt(fd, &event, this); adopted < 0) return adopted;
  Services::Ptr service = Services::makePtr(this, procedure, event, event->handle_, listener, false,
                                            options.ended, options.endedContext);
  int64_t started = -ENOMEM;
  if (service != nullptr) {
    StartOptions mine = options;
    mine.argumentBytes = 0;
    mine.ended = served;
    mine.endedContext = service.get();
    if (Listener* const at = listeners_.get(listener); at != nullptr) at->connections++;
    started = begin(serveMain, service.get(), event, mine);
  }
  if (started >= 0) {
    static_cast<void>(service.release());  // `served` ends it, or has
    return started;
  }
  if (Listener* const at = listeners_.get(listener); at != nullptr && service != nullptr) {
    at->connections--;
  }
  static_cast<void>(event->release());
  return started;
}

int64_t Runtime::listen(const ListenSpec& spec) {
  if (spec.procedure == nullptr) return -EINVAL;
  if (closing_) return -ESHUTDOWN;
  sys::ListenFlags flags;
  flags.backlog = spec.backlog;
  flags.reusePort = spec.reusePort;
  flags.ipv6Only = spec.ipv6Only;
  const int fd = sys::listenStream(spec.address, flags);
  if (fd < 0) return fd;
  const auto created = listeners_.create();
  Listener* const listener = created.value;
  if (listener == nullptr) {
    sys::removeSocketFile(spec.address);
    sys::closeFd(fd);
    return listeners_.full() ? -ENFILE : -ENOMEM;
  }
  listener->handle = created.handle;
  listener->fd = fd;
  listener->spec = spec;
  if (listener->spec.acceptsPerPass == 0) listener->spec.acceptsPerPass = 64;
  if (sys::localAddress(fd, &listener->bound) < 0) listener->bound = spec.address;
  listener->file = sys::socketFile(listener->bound);
  // Accepted sockets inherit the option, which saves a system call for each.
  if (spec.noDelay) sys::setNoDelay(fd, true);
  const int added = loop_->poller().add(fd, sys::kRead, kListenerTag << 32 | listener->handle);
  if (added < 0) {
    endListener(listener);
    return added;
  }
  loop_->disown(fd);
  nudge();
  return created.handle;
}

// Its file goes first: once the descriptor is closed, another process may take the path for
// abandoned and bind a socket of its own there.
void Runtime::endListener(Listener* listener) {
  sys::removeSocketFile(listener->bound, listener->file);
  sys::closeFd(listener->fd);
  resting_.forget(listener);
  listeners_.destroy(listener->handle);
}

int Runtime::closeListener(uint32_t handle) {
  Listener* const listener = listeners_.get(handle);
  if (listener == nullptr) return -EBADF;
  loop_->poller().remove(listener->fd);
  endListener(listener);
  return 0;
}

void Runtime::closeListeners() {
  listeners_.each([this](Listener&, uint32_t handle) { closeListener(handle); });
}

void Runtime::watchListener(Listener* listener, bool on) {
  if (listener->watching == on) return;
  listener->watching = on;
  const int changed = loop_->poller().modify(listener->fd, on ? sys::kRead : 0,
                                             kListenerTag << 32 | listener->handle);
  if (changed < 0) acceptFailed(listener, changed);
}

void Runtime::acceptReady(Listener* ready) {
  const uint32_t handle = ready->handle;
  const uint32_t most = ready->spec.acceptsPerPass;
  for (uint32_t i = 0; i < most; i++) {
    // What it has served may have closed it.
    Listener* const listener = listeners_.get(handle);
    if (listener == nullptr) return;
    const ListenSpec& spec = listener->spec;
    if (spec.maxConnections != 0 && listener->connections >= spec.maxConnections) {
      return watchListener(listener, false);
    }
    const int fd = sys::acceptStream(listener->fd, nullptr);
    if (fd == -EAGAIN) return;
    if (fd == -ECONNABORTED) continue;  // that client is gone; the next one is not
    int64_t served = fd;
    if (fd >= 0) {
      listener->accepted++;
      served = serveFor(handle, fd, spec.procedure, {.name = spec.name, .stack = spec.stack});
      if (served < 0) sys::closeFd(fd);
    }
    if (served < 0) return restListener(listener, static_cast<int>(served));
  }
}

void Runtime::acceptFailed(const Listener* listener, int error) {
  tell({Trouble::kAcceptFailed, 0, listener->spec.name, listener->fd, error});
}

void Runtime::restListener(Listener* listener, int error) {
  const uint32_t handle = listener->handle;
  acceptFailed(listener, error);
  if (listeners_.get(handle) == nullptr) return;  // the reporter has closed it
  resting_.rest(listener, loop_->nowNs());
  watchListener(listener, false);
}

}  // namespace heddle::aco
