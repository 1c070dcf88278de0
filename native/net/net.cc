#include "net/net.h"

#include <algorithm>
#include <cerrno>

#include "sys/clock.h"
#include "sys/closer.h"

namespace heddle::net {

using loop::CloseReason;
using loop::Control;
using loop::In;
using loop::Out;

namespace {
constexpr uint64_t tagged(uint64_t tag, uint32_t handle) { return tag << 32 | handle; }
// Deadlines checked in one pass at most; the rest follows in the next.
constexpr size_t kChecksPerPass = 4096;
}  // namespace

Net::Net(loop::Loop* owner)
    : loop_(owner), writer_(this), deadlines_(sys::monotonicNs()), http_(this) {
  nowMs_ = static_cast<uint32_t>(loop_->nowNs() / 1'000'000);
}

Net::~Net() { closeAll(); }

void Net::closeAll() {
  listeners_.each([this](Listener& listener, uint32_t handle) {
    closeDescriptor(&listener);
    release(listener.settings);
    listeners_.destroy(handle);
  });
  connections_.each([this](Connection& connection, uint32_t handle) {
    http_.detach(&connection);
    Outputs::destroy(connection.output);
    closeDescriptor(&connection);
    deadlines_.cancel(handle & loop::kHandleIndexMask);
    release(connection.settings);
    connections_.destroy(handle);
  });
  queued_.clear();
  settling_.clear();
}

size_t Net::bufferedBytes() {
  size_t bytes = 0;
  connections_.each([&bytes](Connection& connection, uint32_t) {
    bytes += connection.pending() + Http::keptBytes(&connection);
  });
  return bytes;
}

void Net::count() {
  int32_t* const control = port().memory().control;
  control[Control::CONNECTIONS] = static_cast<int32_t>(connections_.live());
  control[Control::LISTENERS] = static_cast<int32_t>(listeners_.live());
}

Connection* Net::create(int fd, Settings* settings) {
  const auto created = connections_.create();
  if (created.value == nullptr) return nullptr;
  Connection* const connection = created.value;
  connection->settings = retain(settings);
  connection->handle = created.handle;
  connection->fd = fd;
  connection->idleMs = settings->idleTimeoutMs;
  connection->activeMs = nowMs_;
  if (settings->http) connection->set(Connection::kHttp);
  if (settings->paused) connection->set(Connection::kPaused);
  settings->connections++;
  return connection;
}

int Net::watch(int fd, uint32_t interest, uint64_t data) {
  const int added = loop_->poller().add(fd, interest, data);
  if (added >= 0) loop_->disown(fd);
  return added;
}

// Its file goes first: once the descriptor is closed, another process may take the path for
// abandoned and bind a socket of its own there.
void Net::closeDescriptor(const Listener* listener) {
  sys::removeSocketFile(listener->bound, listener->file);
  sys::closeFd(listener->fd);
}

void Net::closeDescriptor(const Connection* connection) {
  if (!connection->has(Connection::kAdopted)) {
    sys::closeFd(connection->fd);
    return;
  }
  // Whoever made it may have told it to linger, and may still do so.
  sys::closeSoon(connection->fd);
}

int64_t Net::connect(const ConnectSpec& spec) {
  bool inProgress = false;
  const int fd = sys::connectStream(spec.address, &inProgress);
  if (fd < 0) return fd;
  if (spec.settings.noDelay) sys::setNoDelay(fd, true);
  const int64_t handle = take(fd, spec.settings);
  if (handle < 0) {
    sys::closeFd(fd);
    return handle;
  }
  // The first readiness to write tells the outcome, also when it is known already: one path for
  // both.
  Connection* const connection = connections_.get(static_cast<uint32_t>(handle));
  connection->set(Connection::kConnecting);
  updateInterest(connection);
  return handle;
}

int64_t Net::adopt(int fd, const Settings& settings) {
  if (const int changed = sys::setBlocking(fd, false); changed < 0) return changed;
  const int64_t handle = take(fd, settings);
  if (handle >= 0) connections_.get(static_cast<uint32_t>(handle))->set(Connection::kAdopted);
  return handle;
}

// On failure the descriptor stays the caller's.
int64_t Net::take(int fd, const Settings& given) {
  Settings* const settings = SettingsPool::make(given);
  if (settings == nullptr) return -ENOMEM;
  settings->refs = 1;
  settings->connections = 0;
  Connection* const connection = create(fd, settings);
  const int64_t handle = connection == nullptr ? noHandle(connections_) : watchNew(connection);
  release(settings);  // the connection has its own reference
  if (handle >= 0) count();
  return handle;
}

// Returns the handle of a connection that was just created, or destroys it and returns why.
int64_t Net::watchNew(Connection* connection) {
  Settings* const settings = connection->settings;
  const uint32_t handle = connection->handle;
  connection->interest = wantedInterest(connection);
  const int added = watch(connection->fd, connection->interest, tagged(kConnectionTag, handle));
  if (added < 0) {
    settings->connections--;
    connections_.destroy(handle);
    release(settings);
    return added;
  }
  if (settings->checkEveryMs() != 0) recheckAt(connection, settings->checkEveryMs());
  return handle;
}

void Net::ready(uint64_t data, uint32_t mask) {
  const auto handle = static_cast<uint32_t>(data);
  if ((data >> 32) == kListenerTag) {
    Listener* const listener = listeners_.get(handle);
    if (listener != nullptr) acceptReady(listener);
    return;
  }
  Connection* const connection = connections_.get(handle);
  if (connection != nullptr) readyConnection(connection, mask);
}

void Net::timers(int64_t nowNs) {
  nowMs_ = static_cast<uint32_t>(nowNs / 1'000'000);
  resting_.restart(listeners_, nowNs, [this](Listener* each) { watchListener(each, true); });
  deadlines_.expire(nowNs, kChecksPerPass,
                    [this](uint32_t handle, uint32_t) { idleCheck(handle); });
}

int64_t Net::nextDeadlineNs() const {
  return std::min(deadlines_.nextDeadlineNs(), resting_.nextNs());
}

void Net::recheckAt(Connection* connection, uint32_t inMs) {
  // One millisecond more: the clock of connections is cut to milliseconds.
  const int64_t at = loop_->nowNs() + (static_cast<int64_t>(inMs) + 1) * 1'000'000;
  const uint32_t index = connection->handle & loop::kHandleIndexMask;
  if (deadlines_.arm(index, connection->handle, at) < 0) fail(connection, ENOMEM);
}

void Net::idleCheck(uint32_t handle) {
  Connection* const connection = connections_.get(handle);
  if (connection == nullptr || connection->has(Connection::kFailed)) return;
  const Settings* const settings = connection->settings;
  bool has = false;
  const uint32_t deadline = connection->has(Connection::kHttp) ? http_.deadline(connection, &has)
                                                               : streamDeadline(connection, &has);
  const auto left = static_cast<int32_t>(deadline - nowMs_);
  if (has && left <= 0) {
    if (connection->has(Connection::kHttp)) {
      http_.expired(connection);
      // Alive, it has its last words to say, and a deadline for them.
      if (connections_.get(handle) != nullptr) recheckAt(connection, settings->checkEveryMs());
      return;
    }
    return destroy(connection, ETIMEDOUT, CloseReason::IDLE);
  }
  uint32_t next = connection->has(Connection::kHttp) ? connection->settings->checkEveryMs()
                                                     : connection->idleMs;
  if (has) next = std::min(next == 0 ? UINT32_MAX : next, static_cast<uint32_t>(left));
  if (next != 0 && next != UINT32_MAX) recheckAt(connection, next);
}

void Net::queue(Connection* connection) {
  if (connection->has(Connection::kQueued)) return;
  connection->set(Connection::kQueued);
  queued_.note(connection->handle);
}

void Net::settleLater(Connection* connection) {
  if (connection->has(Connection::kSettling)) return;
  connection->set(Connection::kSettling);
  settling_.note(connection->handle);
}

void Net::fail(Connection* connection, int error) {
  if (connection->has(Connection::kFailed)) return;
  connection->set(Connection::kFailed);
  connection->error = error;
  settleLater(connection);
}

void Net::overflow(Connection* connection) {
  if (connection->has(Connection::kFailed)) return;
  connection->set(Connection::kOverflow);
  fail(connection, ENOBUFS);
}

void Net::resumed() {
  if (queued_.empty()) return;
  // What queues itself again does so for the next pass.
  resuming_.swap(queued_);
  for (const uint32_t handle : resuming_) resume(connections_.get(handle));
  if (resuming_.takeWalk()) {
    connections_.each([this](Connection& connection, uint32_t) { resume(&connection); });
  }
  resuming_.clear();
}

// nullptr and connections that are not queued are left alone.
void Net::resume(Connection* connection) {
  if (connection == nullptr || !connection->has(Connection::kQueued)) return;
  connection->clear(Connection::kQueued);
  if (connection->has(Connection::kFailed)) return;
  if (connection->has(Connection::kHttp)) return http_.again(connection);
  connection->set(Connection::kCloseWhenSent);
  settleLater(connection);
}

void Net::record(const int32_t* record) {
  const int32_t kind = record[0] & 0xff;
  Connection* const connection = connections_.get(static_cast<uint32_t>(record[1]));
  if (connection == nullptr || connection->has(Connection::kFailed)) return;
  if (kind >= Out::HTTP_RESPOND) {
    if (connection->has(Connection::kHttp)) http_.record(connection, record);
    return;
  }
  streamRecord(connection, record);
}

void Net::applied() {
  writer_.settle();
  while (!settling_.empty()) {
    if (const uint32_t handle = settling_.takeNewest(); handle != 0) {
      settle(connections_.get(handle));
    } else if (settling_.takeWalk()) {
      connections_.each([this](Connection& connection, uint32_t) { settle(&connection); });
    }
  }
  count();
}

// nullptr and connections that have nothing to settle are left alone.
void Net::settle(Connection* connection) {
  if (connection == nullptr || !connection->has(Connection::kSettling)) return;
  connection->clear(Connection::kSettling);
  settleConnection(connection);
}

}  // namespace heddle::net
