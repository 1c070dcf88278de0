// The accepting half of Net.
#include <cerrno>

#include "net/net.h"

namespace heddle::net {

using loop::In;

namespace {
bool isExhaustion(int error) {
  // ENOSPC: the user's watches are used up.
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == ENOSPC;
}
// A socket that was bound for nothing: its file goes, too.
int64_t abandon(int fd, const ListenSpec& spec, int error) {
  if (spec.share < 0) sys::removeSocketFile(spec.address);
  sys::closeFd(fd);
  return error;
}
int openListening(const ListenSpec& spec) {
  if (spec.share >= 0) return sys::duplicateListening(spec.share);
  sys::ListenFlags flags;
  flags.backlog = spec.backlog;
  flags.reusePort = spec.reusePort;
  flags.ipv6Only = spec.ipv6Only;
  return sys::listenStream(spec.address, flags);
}
}  // namespace

int64_t Net::listen(const ListenSpec& spec) {
  const int fd = openListening(spec);
  if (fd < 0) return fd;
  const auto created = listeners_.create();
  if (created.value == nullptr) return abandon(fd, spec, noHandle(listeners_));
  Listener* const listener = created.value;
  listener->handle = created.handle;
  listener->fd = fd;
  listener->settings = SettingsPool::make(spec.settings);
  if (listener->settings == nullptr) {
    listeners_.destroy(created.handle);
    return abandon(fd, spec, -ENOMEM);
  }
  listener->settings->listener = created.handle;
  listener->maxConnections = spec.maxConnections;
  listener->acceptsPerPass = spec.acceptsPerPass == 0 ? 64 : spec.acceptsPerPass;
  if (sys::localAddress(fd, &listener->bound) < 0) listener->bound = spec.address;
  if (spec.share < 0) listener->file = sys::socketFile(listener->bound);
  // Accepted sockets inherit the option, which saves a system call for each.
  if (spec.settings.noDelay) sys::setNoDelay(fd, true);
  const int added = spec.holds ? 0 : watch(fd, sys::kRead, kListenerTag << 32 | listener->handle);
  if (added < 0) {
    closeDescriptor(listener);
    release(listener->settings);
    listeners_.destroy(created.handle);
    return added;
  }
  count();
  return created.handle;
}

int Net::closeListener(uint32_t handle) {
  Listener* const listener = listeners_.get(handle);
  if (listener == nullptr) return -EBADF;
  loop_->poller().remove(listener->fd);
  closeDescriptor(listener);
  resting_.forget(listener);
  const bool empty = listener->settings->connections == 0;
  release(listener->settings);
  listeners_.destroy(handle);
  port().emit(In::LISTENER_CLOSED, handle, 0);
  if (empty) port().emit(In::LISTENER_EMPTY, handle);
  count();
  return 0;
}

int Net::drainListener(uint32_t handle) {
  const Listener* const listener = listeners_.get(handle);
  bool found = listener != nullptr;
  if (found) listener->settings->draining = true;
  connections_.each([this, handle, &found](Connection& connection, uint32_t) {
    if (handle == 0 || connection.settings->listener != handle) return;
    found = true;
    connection.settings->draining = true;
    if (connection.has(Connection::kHttp)) http_.drain(&connection);
  });
  return found ? 0 : -EBADF;
}

void Net::destroyConnectionsOf(uint32_t handle) {
  connections_.each([this, handle](Connection& connection, uint32_t) {
    if (connection.settings->listener != handle) return;
    sys::setLinger(connection.fd, 0);
    fail(&connection, ECONNABORTED);
  });
}

uint32_t Net::connectionsOf(uint32_t handle) {
  const Listener* const listener = listeners_.get(handle);
  if (listener != nullptr) return listener->settings->connections;
  uint32_t found = 0;
  connections_.each([handle, &found](const Connection& connection, uint32_t) {
    if (connection.settings->listener == handle) found++;
  });
  return found;
}

void Net::watchListener(Listener* listener, bool on) {
  if (listener->watching == on) return;
  listener->watching = on;
  const int changed = loop_->poller().modify(listener->fd, on ? sys::kRead : 0,
                                             kListenerTag << 32 | listener->handle);
  if (changed < 0) port().emit(In::LISTEN_ERROR, listener->handle, -changed);
}

void Net::acceptReady(Listener* listener) {
  for (uint32_t i = 0; i < listener->acceptsPerPass; i++) {
    if (!port().hasRoom()) return;
    if (listener->maxConnections != 0 &&
        listener->settings->connections >= listener->maxConnections) {
      return watchListener(listener, false);
    }
    const int fd = sys::acceptStream(listener->fd, nullptr);
    if (fd == -EAGAIN) return;
    if (fd == -ECONNABORTED) continue;  // that client is gone; the next one is not
    if (fd < 0) return acceptFailed(listener, -fd);
    const int64_t handle = takeAccepted(listener, fd);
    if (handle < 0) return acceptFailed(listener, static_cast<int>(-handle));
    if (!listener->settings->http) port().emit(In::ACCEPT, listener->handle, handle);
  }
}

// The handle of the connection, or why the client had to be sent away.
int64_t Net::takeAccepted(Listener* listener, int fd) {
  Connection* const connection = create(fd, listener->settings);
  const int64_t handle = connection == nullptr ? noHandle(connections_) : watchNew(connection);
  if (handle < 0) sys::closeFd(fd);
  return handle;
}

void Net::acceptFailed(Listener* listener, int error) {
  port().emit(In::LISTEN_ERROR, listener->handle, error);
  if (!isExhaustion(error)) return;
  watchListener(listener, false);
  resting_.rest(listener, loop_->nowNs());
}

}  // namespace heddle::net
