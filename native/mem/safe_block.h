#pragma once

// Memory that several threads read without a lock: freed at once by its user, released only after
// every section that was open then has ended. (SM-01, SM-04, SM-05)
//
//   auto* text = static_cast<char*>(safeAllocate(12));
//   … publish it; others read it inside sections (mem/epoch.h) …
//   … unlink it, then …
//   safeFree(text);
//
// Who calls takes part in the epochs (epochAttachThread). As with memtypes there are two doors:
// safeFree aborts on misuse and says what was wrong, trySafeFree tells and changes nothing.
//
// A block can have an id, under which any thread finds it until it is freed, and pins
// (mem/safe_pin.h), which hold the release back.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mem/epoch.h"
#include "mem/fault.h"

namespace heddle::mem {

struct SafePin;

enum class SafeRelease {
  kNow,
  kLater,  // whoever ran the cleanup calls safeRelease when it is done
};

// Runs exactly once, right before the memory is released, on the thread that reclaims. It must not
// wait; it may enter sections, allocate and free.
using SafeCleanup = SafeRelease (*)(void* payload, size_t bytes, void* context);

// Lies before the payload. Everything but `holds` and `state` is written before it is shared, or
// under the lock of mem/safe_pin.cc (`pins`).
struct alignas(16) SafeBlock : Retired {
  static constexpr uint64_t kMagic = 0x5afe'b10c'ca11'ab1eu;

  uint64_t magic = kMagic;
  uint64_t id = 0;  // kNoId: nobody finds it
  size_t payloadBytes = 0;
  SafeCleanup cleanup = nullptr;
  void* context = nullptr;
  SafePin* pins = nullptr;
  // One for the block until its grace period is over, one for each pin.
  std::atomic<uint32_t> holds{1};
  std::atomic<bool> freed{false};

  [[nodiscard]] void* payload() { return this + 1; }
  [[nodiscard]] static SafeBlock* of(void* payload) { return static_cast<SafeBlock*>(payload) - 1; }
};

struct SafeOptions {
  bool zeroed = false;
  // Whether safeFind finds it.
  bool named = false;
  SafeCleanup cleanup = nullptr;
  void* context = nullptr;
};

// 16-byte aligned; 0 bytes is a block like others. nullptr without memory.
[[nodiscard]] void* safeAllocate(size_t bytes, const SafeOptions& options = {});
// `count` times `bytes` zeroes; nullptr also when the product does not fit.
[[nodiscard]] void* safeAllocateZeroed(size_t count, size_t bytes);
// A copy, or a copy of the text with its NUL.
[[nodiscard]] void* safeDuplicate(const void* data, size_t bytes);
[[nodiscard]] char* safeDuplicateString(const char* text);

enum class SafeFault : uint8_t {
  kNone,
  kDoubleFree,
  kCorrupt,   // not a safe block, or its header is damaged
  kNoThread,  // the calling thread takes no part in the epochs
};

// nullptr is fine. The block may be readable for a while, but is no longer the caller's.
[[nodiscard]] SafeFault trySafeFree(void* payload);
void safeFree(void* payload);
[[nodiscard]] const char* describeSafeFault(SafeFault fault);

// By id. In a section; what is found stays until the section ends.
[[nodiscard]] SafeBlock* safeFind(uint64_t id);
// kDoubleFree when nothing has the id any more: one caller wins.
[[nodiscard]] SafeFault safeFreeById(uint64_t id);

// For a cleanup that answered kLater. Any thread.
void safeRelease(void* payload);

struct SafeStats {
  uint64_t allocations;
  // requested >= completed always; equal when nothing is pending.
  uint64_t freesRequested, freesCompleted;
  uint64_t bytesPending;
};
[[nodiscard]] SafeStats safeStats();

// Gives one hold back; for pins and for the end of the grace period.
void safeDrop(SafeBlock* block);

}  // namespace heddle::mem
