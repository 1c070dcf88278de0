#include "job/large_blocks.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>

#include "base/immortal.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "mem/poison.h"
#include "mem/pressure.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

constexpr uint32_t kMost = 16;
constexpr size_t kMostBytes = size_t{16} << 20;
constexpr int64_t kKeptNs = 1'000'000'000;

struct Kept {
  uint8_t* block;
  size_t bytes;
  int64_t sinceNs;
};

void freeBlock(uint8_t* block) { mem::release(mem::builtinType(mem::Builtin::kJobBytes), block); }

// Process-wide by nature: results are made on one thread and used up on another.
class LargeBlocks {
 public:
  uint8_t* take(size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock_);
    for (uint32_t at = count_; at-- > 0;) {
      if (kept_[at].bytes == bytes) return remove(at).block;
    }
    return nullptr;
  }

  // False: it is to be freed.
  bool keep(uint8_t* block, size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock_);
    if (loops_ == 0 || count_ == kMost || bytes > kMostBytes - bytes_) return false;
    mem::poison(block, bytes);
    kept_[count_++] = {block, bytes, sys::monotonicNs()};
    bytes_ += bytes;
    noteOldest();
    return true;
  }

  void trim(int64_t nowNs) {
    const int64_t due = dueNs();
    if (due == INT64_MAX) return;
    if (mem::isMemoryLow()) return freeUntil(INT64_MAX);
    if (due <= nowNs) freeUntil(nowNs - kKeptNs);
  }

  int64_t dueNs() const {
    // Relaxed: a hint; a loop that misses a change sees it in its next pass.
    const int64_t oldest = oldestNs_.load(std::memory_order_relaxed);
    return oldest == INT64_MAX ? INT64_MAX : oldest + kKeptNs;
  }

  void loop(int change) {
    {
      const std::lock_guard<std::mutex> guard(lock_);
      loops_ += change;
      if (loops_ > 0) return;
    }
    freeUntil(INT64_MAX);
  }

  uint32_t count() {
    const std::lock_guard<std::mutex> guard(lock_);
    return count_;
  }

 private:
  // Those that have been there since then, without the lock for it.
  void freeUntil(int64_t sinceNs) {
    Kept gone[kMost];
    uint32_t count = 0;
    {
      const std::lock_guard<std::mutex> guard(lock_);
      while (count_ > 0 && kept_[0].sinceNs <= sinceNs) gone[count++] = remove(0);
    }
    while (count > 0) freeBlock(gone[--count].block);
  }

  Kept remove(uint32_t at) {
    const Kept kept = kept_[at];
    std::copy(kept_ + at + 1, kept_ + count_, kept_ + at);
    count_--;
    bytes_ -= kept.bytes;
    mem::unpoison(kept.block, kept.bytes);
    noteOldest();
    return kept;
  }

  void noteOldest() {
    oldestNs_.store(count_ == 0 ? INT64_MAX : kept_[0].sinceNs, std::memory_order_relaxed);
  }

  std::mutex lock_;   // everything below
  Kept kept_[kMost];  // oldest first
  uint32_t count_ = 0;
  size_t bytes_ = 0;
  int loops_ = 0;
  std::atomic<int64_t> oldestNs_{INT64_MAX};  // written under the lock
};

LargeBlocks& blocks() {
  static base::Immortal<LargeBlocks> instance;
  return *instance;
}

// To a quarter of its power of two, so that sizes that differ a little share their blocks.
size_t rounded(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / 4;
  return (bytes + step - 1) / step * step;
}

}  // namespace

uint8_t* takeLarge(size_t bytes) {
  const size_t whole = rounded(bytes);
  uint8_t* const kept = blocks().take(whole);
  if (kept != nullptr) return kept;
  return static_cast<uint8_t*>(
      mem::allocateBytes(mem::builtinType(mem::Builtin::kJobBytes), whole));
}

void giveLarge(uint8_t* block, size_t bytes) {
  if (mem::isMemoryLow() || !blocks().keep(block, rounded(bytes))) freeBlock(block);
}

void trimLarge(int64_t nowNs) { blocks().trim(nowNs); }

int64_t largeDueNs() { return blocks().dueNs(); }

void keepLargeBegin() { blocks().loop(1); }

void keepLargeEnd() { blocks().loop(-1); }

uint32_t countLarge() { return blocks().count(); }

}  // namespace heddle::job
