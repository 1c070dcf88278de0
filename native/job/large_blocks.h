// Bytes of jobs that are too large for slabs, kept for the next ones. Such a block is a mapping of
// its own: made anew for each result it costs a page fault every 4096 bytes, in which the threads
// of a process stand in each other's way, and its memory is in no cache.
//
// Bounded: kMostBytes altogether, the last given is the first taken. What nobody takes goes after
// kKeptNs, which the loops look after in their passes; nothing is kept where there is no loop, or
// memory is low. Kept blocks count as live ones of their memtype.
//
// Thread rule: any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::job {

// Larger blocks are mapped one by one by the engine of memtypes.
constexpr size_t kMostSmallBytes = size_t{256} * 1024;

// For more than kMostSmallBytes; up to a quarter more is taken. nullptr without memory.
[[nodiscard]] uint8_t* takeLarge(size_t bytes);
// As many bytes as it was taken for.
void giveLarge(uint8_t* block, size_t bytes);
// Frees what has been kept for too long, or all where memory is low.
void trimLarge(int64_t nowNs);
// When that has something to do; INT64_MAX: nothing is kept. A loop at rest gets up for it.
[[nodiscard]] int64_t largeDueNs();

// Blocks are kept between the first and the last loop.
void keepLargeBegin();
void keepLargeEnd();

// How many are kept.
[[nodiscard]] uint32_t countLarge();

}  // namespace heddle::job
