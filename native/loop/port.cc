#include "loop/port.h"

#include <cerrno>

namespace heddle::loop {

namespace {
constexpr size_t kFirstDeferredWords = 1024;
}

int Port::open() { return deferred_.reserve(kFirstDeferredWords) ? 0 : -ENOMEM; }

void Port::turnTo(int32_t* inbox, uint8_t* recv) {
  memory_.inbox = inbox;
  memory_.recv = recv;
  goesOn_ = true;
  used_ = 0;
  recvUsed_ = 0;
  wantsAnswer_ = false;
}

void Port::readFrom(int32_t* outbox, uint32_t words, uint8_t* send, uint32_t bytes, uint8_t* recv) {
  memory_.outbox = outbox;
  memory_.outboxWords = words;
  memory_.send = send;
  memory_.sendBytes = bytes;
  memory_.recv = recv;
}

void Port::begin() {
  if (!goesOn_) {
    used_ = 0;
    recvUsed_ = 0;
  }
  collecting_ = true;
  lacksRoom_ = false;
  size_t taken = 0;
  while (taken < deferred_.size() && hasRoom()) {
    const int32_t head = deferred_[taken];
    const uint32_t words = static_cast<uint32_t>(head) >> 8;
    if (loop::wantsAnswer(head & 0xff)) wantsAnswer_ = true;
    std::memcpy(memory_.inbox + used_, deferred_.data() + taken, words * sizeof(int32_t));
    used_ += words;
    taken += words;
  }
  deferred_.removeFront(taken);
}

uint32_t Port::seal() {
  collecting_ = false;
  return used_;
}

void Port::defer(const int32_t* record, uint32_t words) {
  const size_t wanted = deferred_.size() + words;
  if (wanted > deferred_.capacity() / 2) static_cast<void>(deferred_.reserve(wanted * 2));
  int32_t* const at = wanted > deferred_.capacity() ? nullptr : deferred_.extend(words);
  if (at == nullptr) mem::stopWithoutMemory(mem::Builtin::kDeferred, wanted * sizeof(int32_t));
  std::memcpy(at, record, words * sizeof(int32_t));
  deferred_.commit(words);
}

}  // namespace heddle::loop
