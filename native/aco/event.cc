#include "aco/event.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "aco/event_limit.h"
#include "aco/event_wait.h"
#include "aco/runtime.h"
#include "loop/errand.h"
#include "sys/closer.h"

namespace heddle::aco {
namespace {

// What a finished operation returns and tells.
int64_t finished(const Wait& wait, int64_t result) {
  if (wait.done != nullptr) *wait.done = result > 0 ? static_cast<size_t>(result) : 0;
  return result;
}

// The news of a close that another thread makes.
struct CloseErrand final : loop::Errand {
  CloseErrand(uint32_t loopId, Task* task) : Errand(loopId, arrive, drop, kReply), waiter(task) {}

  static void arrive(Errand* self, loop::Loop&);
  static void drop(Errand* self);
  static void forget(void* self, Task*) { static_cast<CloseErrand*>(self)->waiter = nullptr; }

  Task* waiter;
  int error = 0;
};

CloseErrand* makeCloseErrand(uint32_t loopId, Task* task) {
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kAcoErrand), sizeof(CloseErrand));
  return memory == nullptr ? nullptr : ::new (memory) CloseErrand(loopId, task);
}

void CloseErrand::drop(Errand* self) {
  mem::release(mem::builtinType(mem::Builtin::kAcoErrand), static_cast<CloseErrand*>(self));
}

void CloseErrand::arrive(Errand* self, loop::Loop&) {
  const auto* const news = static_cast<CloseErrand*>(self);
  if (news->waiter != nullptr) news->waiter->runtime->wake(news->waiter, -news->error);
  drop(self);
}

}  // namespace

// --- life

int Event::adopt(int fd, Event** out, Runtime* runtime) {
  if (runtime == nullptr) {
    const Task* const task = runningTask();
    if (task == nullptr) return -EPERM;
    runtime = task->runtime;
  }
  if (fd < 0) return -EBADF;
  if (runtime->isClosing()) return -ESHUTDOWN;
  if (runtime->loop().isWatched(fd)) return -EBUSY;
  if (const int changed = sys::setBlocking(fd, false); changed < 0) return changed;
  const auto created = runtime->events_.create(runtime, fd);
  if (created.value == nullptr) return runtime->events_.full() ? -ENFILE : -ENOMEM;
  created.value->handle_ = created.handle;
  *out = created.value;
  return 0;
}

int Event::release() {
  if (reader_ != nullptr || writer_ != nullptr) return -EBUSY;
  if (fd() < 0) return -EBADF;
  if (!ahead_.empty()) return -ENOTEMPTY;
  unwatch();
  const int released = fd();
  runtime_->events_.destroy(handle_);
  return released;
}

int Event::free() {
  if (reader_ != nullptr || writer_ != nullptr) return -EBUSY;
  if (fd() >= 0) {
    unwatch();
    runtime_->report(Trouble::kFreedOpen, runningTask(), fd());
  }
  runtime_->events_.destroy(handle_);
  return 0;
}

int Event::detach() {
  const int closed = fd();
  if (closed < 0) return -EBADF;
  unwatch();
  fd_.store(-1, std::memory_order_relaxed);
  ahead_.drop();
  if (reader_ != nullptr) runtime_->wake(reader_, -EBADF);
  if (writer_ != nullptr) runtime_->wake(writer_, -EBADF);
  return closed;
}

// At the end of the loop, or of a coroutine that served it: nobody waits for the system.
void Event::shut() {
  const int closed = detach();
  if (closed >= 0) sys::closeSoon(closed);
}

int Event::close() {
  const int closed = detach();
  if (closed < 0) return closed;
  if (mayWait() && sys::lingers(closed)) return closeElsewhere(closed);
  return sys::closeNow(closed);
}

int Event::closeElsewhere(int fd) {
  CloseErrand* const news = makeCloseErrand(runtime_->loop().loopId(), runningTask());
  if (news == nullptr) return sys::closeNow(fd);
  const auto done = [](void* context, uint64_t, int error) {
    auto* const errand = static_cast<CloseErrand*>(context);
    errand->error = error;
    const int posted = loop::Mailbox::post(loop::LetterPtr(errand));
    static_cast<void>(posted);  // -ENOENT: the loop has ended, nobody waits any more
  };
  // The runtime, because the event may be gone when the wait ends.
  Runtime* const runtime = runtime_;
  if (sys::submitClose(fd, done, news, 0) < 0) {
    CloseErrand::drop(news);
    return sys::closeNow(fd);
  }
  return static_cast<int>(runtime->wait(State::kClose, kForever, CloseErrand::forget, news));
}

// --- waiting

bool Event::mayWait() const {
  const Task* const task = runningTask();
  return task != nullptr && task->runtime == runtime_;
}

// 0: go on. After an error the event may be gone, as for `await`.
int Event::pace() {
  Task* const task = runningTask();
  if (task == nullptr || task->runtime != runtime_) return 0;
  if (task->turns > 0) [[likely]] {
    task->turns--;
    return 0;
  }
  const Runtime& runtime = *runtime_;
  const uint32_t handle = handle_;
  if (task->runtime->yieldOnce() == -ECANCELED) return -ECANCELED;
  return runtime.events_.get(handle) == this && fd() >= 0 ? 0 : -EBADF;
}

int Event::watch(uint32_t interest) {
  const uint32_t wanted = interest_ | interest;
  if (watched_ && wanted == interest_) [[likely]]
    return 0;
  sys::Poller& poller = runtime_->loop().poller();
  const uint64_t data = Runtime::kEventTag << 32 | handle_;
  const int changed = watched_ ? poller.modify(fd(), wanted, data) : poller.add(fd(), wanted, data);
  if (changed < 0) return changed;
  if (!watched_) runtime_->loop().disown(fd());
  watched_ = true;
  interest_ = wanted;
  return 0;
}

void Event::unwatch() {
  if (!watched_) return;
  runtime_->loop().poller().remove(fd());
  watched_ = false;
  interest_ = 0;
}

void Event::forget(void* self, Task* task) {
  auto* const event = static_cast<Event*>(self);
  if (event->reader_ == task) event->reader_ = nullptr;
  if (event->writer_ == task) event->writer_ = nullptr;
}

// 0: try again. After an error the event may be gone and is not looked at any more.
int64_t Event::await(State state, Limit& limit) {
  if (!mayWait()) return -EAGAIN;
  if (limit.isNow()) return -ETIME;
  const bool writes = state == State::kWrite;
  const int watched = watch(writes ? sys::kWrite : sys::kRead);
  if (watched < 0) return watched;
  (writes ? writer_ : reader_) = runningTask();
  return runtime_->wait(state, limit.deadlineNs(), forget, this);
}

void Event::ready(uint32_t mask) {
  const bool broken = (mask & sys::kException) != 0;
  uint32_t idle = 0;  // what nobody waits for
  Task* const reader = reader_;
  Task* const writer = writer_;
  if (reader == nullptr) {
    idle |= sys::kRead;
  } else if (broken || (mask & sys::kRead) != 0) {
    runtime_->wake(reader, 0);
  }
  if (writer == nullptr) {
    idle |= sys::kWrite;
  } else if (broken || (mask & sys::kWrite) != 0) {
    runtime_->wake(writer, 0);
  }
  if (broken && reader == nullptr && writer == nullptr) return unwatch();
  rest(mask & interest_ & idle);
}

// Ready, and nobody wants it: the poller is told only now, as most often somebody does.
void Event::rest(uint32_t unwanted) {
  if (unwanted == 0) return;
  interest_ &= ~unwanted;
  const uint64_t data = Runtime::kEventTag << 32 | handle_;
  if (runtime_->loop().poller().modify(fd(), interest_, data) < 0) unwatch();
}

// --- transfers

int64_t Event::receive(void* buffer, size_t size) {
  int64_t received = plain_ ? sys::readSome(fd(), buffer, size) : sys::recvSome(fd(), buffer, size);
  if (received == -ENOTSOCK) [[unlikely]] {
    plain_ = true;
    received = sys::readSome(fd(), buffer, size);
  }
  drained_ = received > 0 && static_cast<size_t>(received) < size;
  return received;
}

int64_t Event::send(const void* bytes, size_t size) {
  if (plain_) return sys::writeSome(fd(), bytes, size);
  const int64_t sent = sys::sendSome(fd(), bytes, size);
  if (sent != -ENOTSOCK) [[likely]]
    return sent;
  plain_ = true;
  return sys::writeSome(fd(), bytes, size);
}

int64_t Event::read(void* buffer, size_t size, const Wait& wait) {
  // From elsewhere: the descriptor's number is all that may be looked at.
  if (!runtime_->onItsThread()) return finished(wait, sys::readSome(fd(), buffer, size));
  if (reader_ != nullptr) return finished(wait, -EBUSY);
  if (const size_t taken = ahead_.take(buffer, size); taken > 0) {
    return finished(wait, static_cast<int64_t>(taken));
  }
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  const auto attempt = [&] { return receive(buffer, size); };
  return finished(wait, untilRead(limit, attempt));
}

int64_t Event::readExact(void* buffer, size_t size, const Wait& wait) {
  if (!runtime_->onItsThread()) return finished(wait, -EAGAIN);
  if (reader_ != nullptr) return finished(wait, -EBUSY);
  auto* const bytes = static_cast<uint8_t*>(buffer);
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  size_t got = ahead_.take(bytes, size);
  int64_t received = 1;
  const auto attempt = [&] { return receive(bytes + got, size - got); };
  while (got < size && received > 0) {
    received = untilRead(limit, attempt);
    if (received > 0) got += static_cast<size_t>(received);
  }
  finished(wait, static_cast<int64_t>(got));
  return received < 0 ? received : static_cast<int64_t>(got);
}

int64_t Event::write(const void* bytes, size_t size, const Wait& wait) {
  if (!runtime_->onItsThread()) return finished(wait, sys::writeSome(fd(), bytes, size));
  if (writer_ != nullptr) return finished(wait, -EBUSY);
  Limit limit(wait.timeoutNs, writeTimeoutNs_);
  while (true) {
    if (const int paced = pace(); paced < 0) return finished(wait, paced);
    const int64_t sent = send(bytes, size);
    if (sent != -EAGAIN) return finished(wait, sent);
    const int64_t waited = await(State::kWrite, limit);
    if (waited < 0) return finished(wait, waited);
  }
}

int64_t Event::writeAll(const void* bytes, size_t size, const Wait& wait) {
  if (!runtime_->onItsThread()) return finished(wait, -EAGAIN);
  if (writer_ != nullptr) return finished(wait, -EBUSY);
  const auto* const from = static_cast<const uint8_t*>(bytes);
  Limit limit(wait.timeoutNs, writeTimeoutNs_);
  size_t sent = 0;
  int64_t error = 0;
  while (sent < size && (error = error < 0 ? error : pace()) == 0) {
    const int64_t now = send(from + sent, size - sent);
    if (now >= 0) {
      sent += static_cast<size_t>(now);
    } else {
      error = now == -EAGAIN ? await(State::kWrite, limit) : now;
    }
  }
  finished(wait, static_cast<int64_t>(sent));
  return error < 0 ? error : static_cast<int64_t>(sent);
}

int64_t Event::accept(sys::Address* peer, const Wait& wait) {
  if (!runtime_->onItsThread()) return sys::acceptStream(fd(), peer);
  if (reader_ != nullptr) return -EBUSY;
  Limit limit(wait.timeoutNs, acceptTimeoutNs_);
  while (true) {
    if (const int paced = pace(); paced < 0) return paced;
    const int64_t accepted = sys::acceptStream(fd(), peer);
    if (accepted == -ECONNABORTED) continue;  // that client is gone; the next one is not
    if (accepted != -EAGAIN) return accepted;
    const int64_t waited = await(State::kAccept, limit);
    if (waited < 0) return waited;
  }
}

}  // namespace heddle::aco
