// A watched descriptor, or a recurrent event, of one loop.
#pragma once

#include <cstdint>

#include "mem/typed_object.h"

namespace heddle::loop {

struct Watch {
  // Upper half of the poller data of watches; the lower half is the handle.
  static constexpr uint64_t kTag = 1;

  uint32_t handle = 0;
  int fd = -1;
  uint32_t mask = 0;      // what is reported by itself, or kAsked
  Watch* next = nullptr;  // recurrent: the one added after it

  // Of a watch with the mask kAsked, kept by Asks.
  uint32_t readBytes = 0;  // bytes that the read under way may take, 0: none is
  uint8_t waited = 0;      // readiness that is to be reported once
  uint8_t interest = 0;    // what the poller looks for
  bool detached = false;   // taken out of the poller

  uint64_t pollerData() const { return kTag << 32 | handle; }
};

using Watches = mem::Typed<Watch, mem::Builtin::kEvent>;

}  // namespace heddle::loop
