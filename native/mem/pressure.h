#pragma once

// Memory pressure: how much the engine holds from the system, against a limit with two marks. When
// the held bytes reach the high mark the process is low on memory until they have fallen to the
// goal. The callback hears each change once. Any thread.

#include <cstdint>

namespace heddle::mem {

// Runs on the thread whose allocation or free crossed the mark, with no lock held; it may allocate
// and free, and must not block. Two threads may run it at once; `ctx` must stay valid for good.
using PressureCallback = void (*)(void* ctx, bool low, uint64_t heldBytes);

struct PressureMarks {
  uint64_t limitBytes = 0;  // 0: no limit, never low
  uint32_t highPercent = 95;
  uint32_t goalPercent = 90;  // at most highPercent
};

// EINVAL when the percentages are out of order or above 100. Takes effect at once, callback
// included.
[[nodiscard]] int setPressureMarks(const PressureMarks& marks, PressureCallback callback,
                                   void* ctx);

// As set last.
[[nodiscard]] PressureMarks pressureMarks();

[[nodiscard]] bool isMemoryLow();

// Slabs and mapped blocks, used or cached by threads; without what has been handed back, and
// without the empty slabs that the arena keeps.
[[nodiscard]] uint64_t heldBytes();

// For the engine: `delta` more bytes are held. Call it without locks.
void changeHeld(int64_t delta);

}  // namespace heddle::mem
