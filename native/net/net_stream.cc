// Reading, writing and ending connections.
#include <algorithm>
#include <cerrno>

#include "net/net.h"

namespace heddle::net {

using loop::CloseReason;
using loop::In;
using loop::Out;

namespace {
constexpr uint32_t kReadBytes = 65536;
// With less room than this left in the receive slab a read waits for the next pass: tiny reads cost
// a system call and a record each.
constexpr uint32_t kLeastRoom = 4096;
}  // namespace

uint8_t Net::wantedInterest(const Connection* c) const {
  if (c->has(Connection::kConnecting)) return sys::kWrite;
  if (c->has(Connection::kFailed)) return 0;
  uint8_t interest = c->output != nullptr ? sys::kWrite : 0;
  if (c->has(Connection::kEnded)) return interest;
  if (c->has(Connection::kLinger)) return interest | sys::kRead;
  if (c->has(Connection::kPaused | Connection::kHold)) return interest;
  if (c->has(Connection::kStopped) && !Http::inBody(c)) return interest;
  // A client that does not take its answers gets no further ones.
  if (c->has(Connection::kHttp) && c->pending() > c->settings->highWaterBytes) return interest;
  return interest | sys::kRead;
}

void Net::updateInterest(Connection* connection) {
  const uint8_t wanted = wantedInterest(connection);
  const uint64_t data = kConnectionTag << 32 | connection->handle;
  if (connection->has(Connection::kDetached)) {
    if (wanted == 0) return;
    connection->clear(Connection::kDetached);
    connection->interest = wanted;
    const int added = loop_->poller().add(connection->fd, wanted, data);
    if (added < 0) fail(connection, -added);
    return;
  }
  if (wanted == connection->interest) return;
  connection->interest = wanted;
  const int changed = loop_->poller().modify(connection->fd, wanted, data);
  if (changed < 0) fail(connection, -changed);
}

void Net::readyConnection(Connection* c, uint32_t mask) {
  if (c->has(Connection::kFailed)) return;
  if (c->has(Connection::kConnecting)) return finishConnect(c);
  if ((mask & sys::kWrite) != 0 && c->output != nullptr) flushOutput(c);
  if (c->has(Connection::kFailed)) return;
  if ((mask & sys::kRead) != 0) {
    if ((wantedInterest(c) & sys::kRead) != 0) {
      return c->has(Connection::kHttp) ? http_.read(c) : readStream(c);
    }
    // Reading stopped without a word to the multiplexer, which costs a call that is often not
    // needed.
    updateInterest(c);
  }
  if ((mask & sys::kException) != 0) exceptionOn(c);
}

void Net::finishConnect(Connection* connection) {
  const int error = -sys::socketError(connection->fd);
  connection->clear(Connection::kConnecting);
  connection->activeMs = nowMs_;
  port().emit(In::CONNECT, connection->handle, error);
  if (error != 0) return destroy(connection, error, CloseReason::ERROR);
  if (connection->output != nullptr) flushOutput(connection);
  settleLater(connection);
}

void Net::exceptionOn(Connection* c) {
  const int error = -sys::socketError(c->fd);
  if (error != 0) return destroy(c, error, CloseReason::ERROR);
  if (c->has(Connection::kHttp)) return destroy(c, ECONNRESET, CloseReason::ERROR);
  // Hung up without an error, and nobody reads at present. The multiplexer would report it for
  // ever; reading or writing will find out what there is.
  loop_->poller().remove(c->fd);
  c->set(Connection::kDetached);
  c->interest = 0;
}

void Net::readStream(Connection* c) {
  if (!port().hasRoom()) return;
  const uint32_t room = port().recvRoom();
  if (room < kLeastRoom) return port().lackRoom();
  const uint32_t offset = port().recvOffset();
  const int64_t n = sys::recvSome(c->fd, port().recvCursor(), std::min(room, kReadBytes));
  if (n > 0) {
    c->activeMs = nowMs_;
    port().commitRecv(static_cast<uint32_t>(n));
    port().emit(In::DATA, c->handle, offset, n);
    return;
  }
  if (n == -EAGAIN) return;
  if (n < 0) return destroy(c, static_cast<int>(-n), CloseReason::ERROR);
  c->set(Connection::kEnded);
  port().emit(In::END, c->handle);
  // The owner may still answer in the callback of END. That has surely run when the next pass
  // begins, while the outbox may be applied before, from within the dispatch.
  if (c->settings->autoClose) queue(c);
  settleLater(c);
}

void Net::flushOutput(Connection* c) {
  const int64_t n = c->output->sendTo(c->fd);
  if (n < 0) return fail(c, static_cast<int>(-n));
  if (n > 0) c->activeMs = nowMs_;
  if (c->output->pending() == 0) {
    Outputs::destroy(c->output);
    c->output = nullptr;
  }
  checkWaterMarks(c);
  settleLater(c);
}

void Net::written(Connection* c, int64_t bytes) {
  if (bytes > 0) c->activeMs = nowMs_;
  if (c->output == nullptr) return;
  if (c->pending() > c->settings->maxWriteBufferBytes) return overflow(c);
  checkWaterMarks(c);
  updateInterest(c);
}

void Net::writeFailed(Connection* c, int error) { fail(c, error); }

void Net::checkWaterMarks(Connection* c) {
  if (c->has(Connection::kHttp)) return http_.waterMarks(c);
  if (c->pending() > c->settings->highWaterBytes && !c->has(Connection::kBlocked)) {
    c->set(Connection::kBlocked);
    port().emit(In::BLOCKED, c->handle);
    return;
  }
  if (c->pending() > c->settings->lowWaterBytes) return;
  if (!c->has(Connection::kBlocked | Connection::kWantDrain)) return;
  c->clear(Connection::kBlocked | Connection::kWantDrain);
  port().emit(In::DRAIN, c->handle);
}

void Net::writeRecord(Connection* c, const uint8_t* slab, uint32_t slabBytes,
                      const int32_t* record) {
  const auto offset = static_cast<uint32_t>(record[2]);
  const auto size = static_cast<uint32_t>(record[3]);
  if (c->has(Connection::kShutdownAsked | Connection::kCloseWhenSent)) return;
  if (offset > slabBytes || size > slabBytes - offset || size == 0) return;
  writer_.span(c, slab + offset, size);
}

void Net::streamRecord(Connection* c, const int32_t* record) {
  const loop::PortMemory& memory = port().memory();
  switch (record[0] & 0xff) {
    case Out::WRITE:
      return writeRecord(c, memory.send, memory.sendBytes, record);
    case Out::WRITE_RECEIVED:
      return writeRecord(c, memory.recv, memory.recvBytes, record);
    case Out::WANT_DRAIN:
      writer_.settle(c);
      c->set(Connection::kWantDrain);
      return checkWaterMarks(c);
    case Out::SHUTDOWN:
      c->set(Connection::kShutdownAsked);
      return settleLater(c);
    case Out::CLOSE:
      c->set(Connection::kCloseWhenSent);
      return settleLater(c);
    case Out::DESTROY:
      writer_.forget(c);
      sys::setLinger(c->fd, 0);
      return destroy(c, 0, CloseReason::LOCAL);
    case Out::PAUSE:
      c->set(Connection::kPaused);
      return settleLater(c);
    case Out::RESUME:
      c->clear(Connection::kPaused);
      return settleLater(c);
    case Out::IDLE_TIMEOUT:
      c->idleMs = static_cast<uint32_t>(record[2]);
      if (c->idleMs != 0) recheckAt(c, c->idleMs);
      return;
    default:
      return;
  }
}

void Net::settleConnection(Connection* c) {
  if (c->has(Connection::kFailed)) {
    const bool overflowed = c->has(Connection::kOverflow);
    const auto reason = overflowed ? CloseReason::OVERFLOW : CloseReason::ERROR;
    return destroy(c, c->error, reason);
  }
  if (c->pending() > 0 || c->has(Connection::kConnecting)) return updateInterest(c);
  if (c->has(Connection::kCloseWhenSent)) {
    if (c->has(Connection::kHttp) && http_.mustLinger(c)) return startLinger(c);
    return destroy(c, 0, c->has(Connection::kEnded) ? CloseReason::PEER : CloseReason::LOCAL);
  }
  if (c->has(Connection::kShutdownAsked) && !c->has(Connection::kShutdownDone)) {
    c->set(Connection::kShutdownDone);
    sys::shutdownWrite(c->fd);
  }
  if (c->has(Connection::kShutdownDone) && c->has(Connection::kEnded)) {
    return destroy(c, 0, CloseReason::PEER);
  }
  updateInterest(c);
}

void Net::startLinger(Connection* c) {
  if (c->has(Connection::kLinger)) return;
  // Closing now would reset the connection, as unread input waits; the reset could overtake the
  // answer.
  c->set(Connection::kLinger);
  c->activeMs = nowMs_;
  sys::shutdownWrite(c->fd);
  if (c->outstanding() > 0) {
    port().emit(In::HTTP_ABORT, c->handle, ECONNRESET, CloseReason::LOCAL);
    c->firstSeq = c->nextSeq;  // said once
  }
  http_.detach(c);
  recheckAt(c, Http::kLingerMs);
  updateInterest(c);
}

uint32_t Net::streamDeadline(const Connection* c, bool* has) const {
  *has = c->idleMs != 0;
  return c->activeMs + c->idleMs;
}

int Net::writeBlock(uint32_t handle, const Block& block, bool* kept) {
  *kept = false;
  loop_->apply();
  Connection* const c = connections_.get(handle);
  if (c == nullptr) return -EBADF;
  if (c->has(Connection::kFailed | Connection::kShutdownAsked | Connection::kCloseWhenSent)) {
    return -EPIPE;
  }
  return sendBlock(c, block, kept);
}

int Net::writeHttpBlock(uint32_t handle, uint8_t seq, const Block& block, bool* kept) {
  *kept = false;
  loop_->apply();
  Connection* const c = connections_.get(handle);
  if (c == nullptr || !c->has(Connection::kHttp)) return -EBADF;
  if (c->has(Connection::kFailed | Connection::kCloseWhenSent)) return -EPIPE;
  return http_.writeBlock(c, seq, block, kept);
}

int Net::sendBlock(Connection* c, const Block& block, bool* kept) {
  writer_.settle(c);
  if (c->has(Connection::kFailed)) return -EPIPE;  // what comes before it did not leave
  size_t sent = 0;
  if (c->output == nullptr && !c->has(Connection::kConnecting)) {
    const int64_t n = sys::sendSome(c->fd, block.data, block.size);
    if (n < 0 && n != -EAGAIN) {
      fail(c, static_cast<int>(-n));
      return static_cast<int>(n);
    }
    if (n > 0) sent = static_cast<size_t>(n);
  }
  if (sent < block.size) {
    if (c->output == nullptr) c->output = Outputs::make();
    const bool transient = block.release == nullptr || port().ownsRecv(block.data);
    const int stored = c->output == nullptr ? -ENOMEM
                       : transient          ? c->output->copy(block.data + sent, block.size - sent)
                                            : c->output->refer(block, sent);
    if (stored < 0) {
      fail(c, -stored);
      return stored;
    }
    *kept = !transient;
  }
  written(c, static_cast<int64_t>(sent));
  return 0;
}

void Net::destroy(Connection* c, int error, CloseReason::Id reason) {
  writer_.forget(c);
  const uint32_t handle = c->handle;
  if (!c->has(Connection::kHttp)) {
    port().emit(In::CLOSE, handle, error, reason);
  } else if (c->outstanding() > 0) {
    port().emit(In::HTTP_ABORT, handle, error == 0 ? ECONNRESET : error, reason);
  }
  http_.detach(c);
  Outputs::destroy(c->output);
  if (!c->has(Connection::kDetached)) loop_->poller().remove(c->fd);
  closeDescriptor(c);
  deadlines_.cancel(handle & loop::kHandleIndexMask);
  Settings* const settings = c->settings;
  settings->connections--;
  Listener* const listener = listeners_.get(settings->listener);
  connections_.destroy(handle);
  // A place or a descriptor is free again.
  if (listener != nullptr && !listener->watching) {
    if (listener->retryNs != 0) {
      resting_.hurry(listener);
    } else {
      watchListener(listener, true);
    }
  }
  if (listener == nullptr && settings->listener != 0 && settings->connections == 0) {
    port().emit(In::LISTENER_EMPTY, settings->listener);
  }
  release(settings);
}

}  // namespace heddle::net
