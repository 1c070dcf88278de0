#include "coro/stack.h"

#include "coro/instrumented.h"
#include "mem/failpoint.h"
#include "sys/memory.h"

namespace heddle::coro {

namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kColours = 48;  // of a page's 64 lines: the frames below need some as well

}  // namespace

bool Stack::open(size_t bytes, size_t colour) {
  const size_t shift = colour % kColours * kLineBytes;
  const size_t usable = sys::wholePages(bytes + shift);
  const size_t apart = underValgrind ? kFrameOfValgrind : 0;
  const size_t guard = kGuardBytes + apart;
  const size_t whole = guard + usable + apart;
  if (mem::mustFail()) return false;
  char* const start = static_cast<char*>(sys::reserveMemory(whole, sys::pageBytes()));
  if (start == nullptr) return false;
  if (sys::commitMemory(start + guard, usable) < 0) {
    sys::unmapMemory(start, whole);
    return false;
  }
  map = start;
  mapBytes = whole;
  low = start + guard;
  top = low + usable - shift;
  number = announceStack(low, top);
  return true;
}

void Stack::close() {
  if (map == nullptr) return;
  withdrawStack(number);
  sys::unmapMemory(map, mapBytes);
  *this = {};
}

}  // namespace heddle::coro
