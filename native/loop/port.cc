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

void Port::defer(const int32_t* record, uint32_t words) {
  deferred_.insert(deferred_.end(), record, record + words);
}

}  // namespace heddle::loop
