#pragma once

// Address space and pages from the system. Any thread. Sizes are bytes and multiples of the page
// size unless said otherwise; addresses are those handed out here. Failure is nullptr or a negative
// errno, and then nothing has changed.

#include <cstddef>
#include <cstdint>

namespace heddle::sys {

[[nodiscard]] size_t pageBytes();
[[nodiscard]] inline size_t wholePages(size_t bytes) {
  return (bytes + pageBytes() - 1) / pageBytes() * pageBytes();
}

// Address space without memory behind it: touching it faults until it is committed. `align` is a
// power of two.
[[nodiscard]] void* reserveMemory(size_t bytes, size_t align);

// Makes a part of a reservation readable and writable, zeroed on first use.
[[nodiscard]] int commitMemory(void* start, size_t bytes);

// Gives the pages back to the system; the range stays usable and reads as zeros.
void purgeMemory(void* start, size_t bytes);

// Zeroed, readable and writable; pages appear when touched.
[[nodiscard]] void* mapMemory(size_t bytes);
void unmapMemory(void* start, size_t bytes);

// Makes a mapping larger where it lies; the new part is zeroed. False when what follows is taken,
// or the system cannot.
[[nodiscard]] bool growMemory(void* start, size_t bytes, size_t newBytes);

// Moves a mapping's pages to the start of another, at least as large, without copying; what was
// there goes, and `start` is unmapped. False when the system cannot.
[[nodiscard]] bool moveMemory(void* start, size_t bytes, void* to, size_t toBytes);

// What the machine has and what this process uses of it; 0 when unknown.
[[nodiscard]] uint64_t physicalMemoryBytes();
[[nodiscard]] uint64_t residentMemoryBytes();

}  // namespace heddle::sys
