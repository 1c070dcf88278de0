#include "job/function.h"

#include <algorithm>
#include <cerrno>

#include "job/worker.h"

namespace heddle::job {

// In front of the output, so that result and output are one block.
constexpr size_t kNumberBytes = sizeof(double);

bool NativeCall::stopping() const {
  return claim_ != nullptr && __atomic_load_n(claim_, __ATOMIC_RELAXED) == Claim::SIGNALLED;
}

uint8_t* NativeCall::reserve(size_t bytes) {
  if (bytes > kMaxOutput) return nullptr;
  // Emptied by a call that failed: it stays so.
  if (result_.empty() || result_.size() < kNumberBytes + bytes) {
    uint8_t* const block = Payload::allocate(kNumberBytes + bytes);
    if (block == nullptr) return nullptr;
    Payload larger(block, kNumberBytes + bytes);
    if (used_ > 0) std::memcpy(block + kNumberBytes, result_.data() + kNumberBytes, used_);
    result_ = std::move(larger);
  }
  used_ = bytes;
  return result_.data() + kNumberBytes;
}

void NativeCall::setSize(size_t bytes) {
  const size_t room = result_.empty() ? 0 : result_.size() - kNumberBytes;
  used_ = std::min(bytes, room);
}

void NativeCall::fail(int error, const char* text) { fail(error, text, std::strlen(text)); }

void NativeCall::fail(int error, const char* text, size_t bytes) {
  error_ = error < 0 ? error : -EINVAL;
  textBytes_ = std::min(bytes, kMaxText);
  std::memcpy(text_, text, textBytes_);
}

bool NativeCall::deliver(Job* job) {
  if (failed()) {
    uint8_t answer[sizeof(int32_t) + kMaxText];
    const int32_t error = error_;
    std::memcpy(answer, &error, sizeof error);
    std::memcpy(answer + sizeof error, text_, textBytes_);
    job->outcome = JobOutcome::ERROR;
    return job->setResult(answer, sizeof error + textBytes_);
  }
  job->outcome = JobOutcome::VALUE;
  if (result_.empty()) {
    uint8_t answer[kNumberBytes];
    std::memcpy(answer, &number_, sizeof number_);
    return job->setResult(answer, sizeof answer);
  }
  std::memcpy(result_.data(), &number_, sizeof number_);
  result_.shrink(kNumberBytes + used_);
  job->setResult(std::move(result_));
  return true;
}

}  // namespace heddle::job
