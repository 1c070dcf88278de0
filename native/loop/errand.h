// A letter that brings work instead of a record: `run` is called on the loop's thread, in the phase
// of the triggers.
//
// Whoever sends one derives from it and owns no more of it once it is posted: exactly one of `run`
// and `drop` is called, exactly once, and ends it. `drop` is for a loop that is gone, has no room,
// or ends with the errand still in its mailbox; it runs on whichever thread finds that out, and may
// hold locks of the mailbox: it gives memory back and does nothing else.
#pragma once

#include "loop/letter.h"

namespace heddle::loop {

class Loop;

struct Errand : Letter {
  using Run = void (*)(Errand* self, Loop& loop);
  using Drop = void (*)(Errand* self);

  // A reply to something that the loop itself has begun always fits its mailbox: there are no more
  // of them than the loop allowed. A request of another thread's is refused when that is full.
  enum Urgency : int32_t { kRequest = 0, kReply = 1 };

  Errand(uint32_t toIn, Run runIn, Drop dropIn, Urgency urgency)
      : Letter{nullptr, toIn, kErrand, urgency, 0, 0}, run(runIn), drop(dropIn) {}

  const Run run;
  const Drop drop;
};

}  // namespace heddle::loop
