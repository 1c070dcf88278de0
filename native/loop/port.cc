#include "loop/port.h"

namespace heddle::loop {

void Port::begin() {
  used_ = 0;
  recvUsed_ = 0;
  collecting_ = true;
  lacksRoom_ = false;
  size_t taken = 0;
  while (taken < deferred_.size() && hasRoom()) {
    const uint32_t words = static_cast<uint32_t>(deferred_[taken]) >> 8;
    std::memcpy(memory_.inbox + used_, deferred_.data() + taken, words * sizeof(int32_t));
    used_ += words;
    taken += words;
  }
  deferred_.erase(deferred_.begin(), deferred_.begin() + static_cast<ptrdiff_t>(taken));
}

uint32_t Port::seal() {
  collecting_ = false;
  return used_;
}

void Port::put(const int32_t* record, uint32_t words) {
  // Once one record had to be deferred, all later ones are, so that their order holds.
  if (!collecting_ || !deferred_.empty() || used_ + words > memory_.inboxWords) {
    deferred_.insert(deferred_.end(), record, record + words);
    return;
  }
  std::memcpy(memory_.inbox + used_, record, words * sizeof(int32_t));
  used_ += words;
}

}  // namespace heddle::loop
