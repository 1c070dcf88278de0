#pragma once

// Pins hold a safe block back from its release beyond sections. An isolate needs them: what
// JavaScript sees of a block it sees until the isolate takes it away, and it can do that only on
// its own thread, between callbacks.
//
// A holder stands for one isolate. It pins blocks, hears of those that are freed (takeDue), lets
// them go (unpin). It also receives the blocks whose cleanup is to run on its thread
// (takeReclaimed). Both lists are filled by any thread and emptied by the holder's.

#include <atomic>
#include <cstdint>
#include <mutex>

#include "mem/safe_block.h"

namespace heddle::mem {

class SafeHolder;

struct SafePin {
  SafeBlock* block = nullptr;
  SafeHolder* holder = nullptr;
  void* view = nullptr;  // the holder's
  bool isDue = false;    // the block is freed and the holder told; under the block's lock

  // Of the block; under its lock.
  SafePin* next = nullptr;
  SafePin** place = nullptr;
  // Of the holder's list of due pins; under the holder's lock.
  SafePin* nextDue = nullptr;
  bool isListed = false;
};

class SafeHolder {
 public:
  // Called by any thread when there is something to take; it must only post.
  using Wake = void (*)(void* context);

  // For `make`.
  SafeHolder(Wake wake, void* context) : wake_(wake), context_(context) {}
  SafeHolder(const SafeHolder&) = delete;
  SafeHolder& operator=(const SafeHolder&) = delete;

  // nullptr without memory. The maker has a share in it, which ends with unshare.
  [[nodiscard]] static SafeHolder* make(Wake wake, void* context);
  // On the holder's thread, once: nothing is woken any more, reclaimed blocks that wait are
  // released, and later ones are as they come. Then the maker unpins all it has, and unshares.
  void close();

  // nullptr: the block is freed or unknown, or (`*outOfMemory`) there is no memory.
  [[nodiscard]] SafePin* pin(uint64_t id, bool* outOfMemory);
  // The holder's thread, taken from the list or not. Releases the block when it was the last.
  static void unpin(SafePin* pin);

  // Pins whose blocks have been freed, each once; nullptr when there is none.
  [[nodiscard]] SafePin* takeDue();
  // The next block for whose end the holder's thread is to do something; endReclaimed follows.
  [[nodiscard]] SafeBlock* takeReclaimed();
  void endReclaimed(SafeBlock* block);
  // Relaxed: a look, before each of the above takes the lock.
  [[nodiscard]] bool hasDue() const { return hasDue_.load(std::memory_order_relaxed); }

  // The context of blocks that are allocated with `deliver` as their cleanup: each has a share.
  void share();
  void unshare();
  static SafeRelease deliver(void* payload, size_t bytes, void* holder);

 private:
  friend void notifyPins(SafeBlock* block);

  void addDue(SafePin* pin);
  void withdraw(SafePin* pin);
  bool addReclaimed(SafeBlock* block);

  std::atomic<uint32_t> shares_{1};
  std::atomic<bool> hasDue_{false};
  std::mutex lock_;
  Wake wake_;  // nullptr once closed
  void* const context_;
  SafePin* due_ = nullptr;
  Retired* reclaimed_ = nullptr;
  Retired** lastReclaimed_ = &reclaimed_;
};

// The block is freed: its pins become due.
void notifyPins(SafeBlock* block);

}  // namespace heddle::mem
