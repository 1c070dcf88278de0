#include "loop/asks.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loop/protocol.h"
#include "sys/socket.h"

namespace heddle::loop {

namespace {
constexpr uint32_t kMostBytes = 65536;
// With less room than this left in the receive slab a read of more waits for the next pass: it
// would be cut short.
constexpr uint32_t kLeastRoom = 4096;
constexpr uint32_t kReadiness = sys::kRead | sys::kWrite;
}  // namespace

uint8_t Asks::wanted(const Watch* watch) {
  return static_cast<uint8_t>(watch->waited | (watch->readBytes > 0 ? sys::kRead : 0));
}

void Asks::read(Watch* watch, uint32_t bytes) {
  watch->readBytes = bytes;
  if (bytes > 0) widen(watch);
}

void Asks::wait(Watch* watch, uint32_t mask) {
  watch->waited = static_cast<uint8_t>(mask & kReadiness);
  if (watch->waited != 0) widen(watch);
}

void Asks::refuse(const Watch* watch, int32_t kind) {
  if (kind == Out::FD_READ) return port_->emit(In::FD_DATA, watch->handle, 0, -EBADF);
  port_->emit(In::FD_READY, watch->handle, sys::kException);
}

bool Asks::ready(Watch* watch, uint32_t mask) {
  const bool failed = (mask & sys::kException) != 0;
  const bool asked = wanted(watch) != 0;
  if (watch->readBytes > 0 && (failed || (mask & sys::kRead) != 0) && !answerRead(watch))
    return false;
  const uint32_t hits = mask & (watch->waited | sys::kException);
  if (watch->waited != 0 && hits != 0) {
    watch->waited = 0;
    port_->emit(In::FD_READY, watch->handle, hits);
  }
  // Whoever has just been answered is given the time to ask again.
  if (!asked || wanted(watch) != 0) narrow(watch, mask);
  return true;
}

bool Asks::answerRead(Watch* watch) {
  const uint32_t room = port_->recvRoom();
  if (room < std::min(watch->readBytes, kLeastRoom)) return false;
  const uint32_t most = std::min({watch->readBytes, room, kMostBytes});
  const uint32_t offset = port_->recvOffset();
  const int64_t n = sys::readSome(watch->fd, port_->recvCursor(), most);
  if (n == -EAGAIN) return true;  // somebody else was quicker
  watch->readBytes = 0;
  if (n > 0) port_->commitRecv(static_cast<uint32_t>(n));
  port_->emit(In::FD_DATA, watch->handle, offset, n);
  return true;
}

void Asks::widen(Watch* watch) {
  const auto interest = static_cast<uint8_t>(watch->interest | wanted(watch));
  if (watch->detached) {
    const int added = poller_->add(watch->fd, wanted(watch), watch->pollerData());
    if (added < 0) return fail(watch, added);
    watch->detached = false;
    watch->interest = wanted(watch);
    return;
  }
  if (interest == watch->interest) return;
  const int changed = poller_->modify(watch->fd, interest, watch->pollerData());
  if (changed < 0) return fail(watch, changed);
  watch->interest = interest;
}

void Asks::narrow(Watch* watch, uint32_t mask) {
  const uint8_t now = wanted(watch);
  if ((mask & sys::kException) != 0 && now == 0) {
    // A level-triggered multiplexer reports it for ever. The next ask finds out what it is.
    poller_->remove(watch->fd);
    watch->detached = true;
    watch->interest = 0;
    return;
  }
  if ((watch->interest & mask & ~now & kReadiness) == 0) return;
  if (poller_->modify(watch->fd, now, watch->pollerData()) >= 0) watch->interest = now;
}

void Asks::fail(Watch* watch, int result) {
  if (std::exchange(watch->readBytes, 0) > 0) port_->emit(In::FD_DATA, watch->handle, 0, result);
  if (std::exchange(watch->waited, 0) != 0)
    port_->emit(In::FD_READY, watch->handle, sys::kException);
}

}  // namespace heddle::loop
