// What is known of an armed timer. Entries lie where their queue or heap keeps them; the table of
// places says where, by the timer's id.
#pragma once

#include <cstdint>

namespace heddle::loop {

struct TimerEntry {
  int64_t deadlineNs;
  uint32_t id;
  uint32_t tag;
};
static_assert(sizeof(TimerEntry) == 16, "a million timers are budgeted at 24 bytes each");

}  // namespace heddle::loop
