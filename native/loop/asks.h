// What coroutines of JavaScript ask of descriptors: read so many bytes as soon as there are any, or
// tell when a descriptor is ready. One record asks and one answers; a read lands in the receive
// slab. A wait costs no call into native code and, as a rule, none of the multiplexer's: its
// interest is widened by an ask that needs it and narrowed only when a descriptor is ready though
// nobody asks.
//
// Every ask is answered once, unless it is withdrawn or the watch removed first; an answer may be
// under way then. An answer for which the batch has no room waits with the descriptor for the next
// pass. Errors are answers.
//
// Thread rule: the loop's thread. The watches are the loop's.
#pragma once

#include <cstdint>

#include "loop/port.h"
#include "loop/watch.h"
#include "sys/poller.h"

namespace heddle::loop {

class Asks {
 public:
  // Of a new watch: whoever adopts a descriptor is most likely about to read.
  static constexpr uint8_t kFirstInterest = sys::kRead;

  Asks(Port* port, sys::Poller* poller) : port_(port), poller_(poller) {}

  // FD_READ. `watch` is open under its number still. bytes 0 withdraws.
  void read(Watch* watch, uint32_t bytes);
  // FD_WAIT. mask 0 withdraws.
  void wait(Watch* watch, uint32_t mask);
  // Either, of a descriptor that is no longer the watch's.
  void refuse(const Watch* watch, int32_t kind);
  // The poller reports the descriptor. False when the batch has no room for the answer: report it
  // again.
  [[nodiscard]] bool ready(Watch* watch, uint32_t mask);

 private:
  static uint8_t wanted(const Watch* watch);
  [[nodiscard]] bool answerRead(Watch* watch);
  // The poller looks at least for what is asked. An error has been answered when it returns.
  void widen(Watch* watch);
  void narrow(Watch* watch, uint32_t mask);
  void fail(Watch* watch, int result);

  Port* port_;
  sys::Poller* poller_;
};

}  // namespace heddle::loop
