#pragma once

// The two queues between threads. Both take the atomic type as a template parameter, so that tests
// can replace it by one that switches threads at every operation, by seed.
//
// Mpsc<T>: many threads push, one takes. Intrusive (T has a member `T* next` that belongs to the
// queue while the element is in it), so it allocates nothing and never fails; whoever pushes must
// bound the number of elements.
//
// Spsc<T>: a bounded ring between exactly one pushing and one popping thread. Its one block comes
// from `Memory` (see base/malloc.h).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/malloc.h"

namespace heddle::base {

// Not std::hardware_destructive_interference_size: that one may differ between translation units.
constexpr size_t kCacheLineBytes = 64;

template <class T, template <class> class Atomic = std::atomic>
class Mpsc {
 public:
  Mpsc() = default;
  Mpsc(const Mpsc&) = delete;
  Mpsc& operator=(const Mpsc&) = delete;

  // Any thread. Returns true when the queue was empty, which is when the consumer has to be woken:
  // as it takes everything at once, whoever pushes onto a non-empty queue is covered by the wake-up
  // of the first.
  [[nodiscard]] bool push(T* element) {
    // Relaxed: the value is only compared and stored, never followed.
    T* head = head_.load(std::memory_order_relaxed);
    do {
      element->next = head;
      // Release: what the producer wrote into the element, `next` included, is visible to the
      // acquire in takeAll. A later push by another thread continues the release sequence, being a
      // read-modify-write.
    } while (!head_.compare_exchange_weak(head, element, std::memory_order_release,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  // The consumer only. Everything pushed so far, oldest first, linked by `next`; nullptr when
  // empty. Elements pushed by one thread keep their order.
  [[nodiscard]] T* takeAll() {
    if (empty()) return nullptr;
    // Acquire: pairs with the release of every push whose element we now own.
    T* newest = head_.exchange(nullptr, std::memory_order_acquire);
    T* oldest = nullptr;
    while (newest != nullptr) {
      T* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  // Any thread; a hint for all but the consumer, to whom `false` means that takeAll will find
  // something. Relaxed: nothing is read through the pointer.
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_relaxed) == nullptr; }

 private:
  // A stack that is only ever taken whole, so a recycled address at the head (ABA) is harmless:
  // `next` of the new element equals the head at the moment of the exchange, whatever happened in
  // between.
  Atomic<T*> head_{nullptr};
};

template <class T, template <class> class Atomic = std::atomic, class Memory = Malloc>
class Spsc {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "elements are copied as bytes and never destroyed");

 public:
  Spsc() = default;
  Spsc(const Spsc&) = delete;
  Spsc& operator=(const Spsc&) = delete;
  ~Spsc() {
    if (items_ != nullptr) Memory::release(items_);
  }

  // Before any other call and before the threads start. `capacity` is rounded up to a power of two,
  // at most 2^30. False when there is no memory for it.
  [[nodiscard]] bool init(uint32_t capacity) {
    if (items_ != nullptr || capacity == 0 || capacity > (1u << 30)) return false;
    uint32_t size = 1;
    while (size < capacity) size *= 2;
    items_ = static_cast<T*>(Memory::template allocate<alignof(T)>(size * sizeof(T)));
    mask_ = size - 1;
    return items_ != nullptr;
  }

  [[nodiscard]] uint32_t capacity() const { return mask_ + 1; }

  // Producer only. All of them or, when there is no room for all, none.
  [[nodiscard]] bool push(const T* items, uint32_t count) {
    if (freeSlots(count) < count) return false;
    // Relaxed: only this thread writes tail_.
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) items_[(tail + i) & mask_] = items[i];
    // Release: the elements are complete before the consumer's acquire of tail_ sees the new index.
    tail_.store(tail + count, std::memory_order_release);
    return true;
  }

  [[nodiscard]] bool push(const T& item) { return push(&item, 1); }

  // Producer only. At least `wanted` when there are that many; fewer mean that the ring is that
  // full now.
  [[nodiscard]] uint32_t freeSlots(uint32_t wanted = UINT32_MAX) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // our own
    uint32_t room = capacity() - (tail - cachedHead_);
    if (room < wanted) {
      // Acquire: pairs with the release in pop, so that the consumer has finished reading the slots
      // which we overwrite next.
      cachedHead_ = head_.load(std::memory_order_acquire);
      room = capacity() - (tail - cachedHead_);
    }
    return room;
  }

  // Consumer only. Copies up to `max` of the oldest elements out and returns their number, 0 when
  // empty.
  [[nodiscard]] uint32_t pop(T* out, uint32_t max) {
    // Relaxed: only this thread writes head_.
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (cachedTail_ - head < max) {
      // Acquire: pairs with the release in push, so that the elements are complete before we read
      // them.
      cachedTail_ = tail_.load(std::memory_order_acquire);
    }
    const uint32_t available = cachedTail_ - head;
    const uint32_t count = available < max ? available : max;
    if (count == 0) return 0;
    for (uint32_t i = 0; i < count; i++) out[i] = items_[(head + i) & mask_];
    // Release: our reads of the slots are over before the producer's acquire sees them free.
    head_.store(head + count, std::memory_order_release);
    return count;
  }

  [[nodiscard]] bool pop(T* out) { return pop(out, 1) == 1; }

  // Any thread; exact only when both sides are quiet. Relaxed: a hint, it publishes nothing.
  // `head_` is read first, so a pop in between can only make the answer larger than the truth,
  // never wrap it below zero.
  [[nodiscard]] uint32_t size() const {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    const uint32_t used = tail_.load(std::memory_order_relaxed) - head;
    return used <= capacity() ? used : capacity();
  }

 private:
  // Indexes run freely and wrap; their difference is the number of elements. Each side keeps the
  // last index of the other that it has seen on its own cache line, so an uncontended operation
  // touches no foreign line.
  T* items_ = nullptr;
  uint32_t mask_ = 0;
  alignas(kCacheLineBytes) Atomic<uint32_t> tail_{0};
  uint32_t cachedHead_ = 0;  // producer only
  alignas(kCacheLineBytes) Atomic<uint32_t> head_{0};
  uint32_t cachedTail_ = 0;  // consumer only
};

}  // namespace heddle::base
