#pragma once

// A coroutine that runs into the guard below its stack is ended there: the fault's handler, on a
// signal stack, lets the thread go on where it resumed the coroutine (resume() returns
// kOverflowed). Any other fault goes to whoever handled it before.

namespace heddle::coro {

// For the calling thread. 0 or a negative errno. Where the system has no such thing: 0, and an
// overflow is what it was.
[[nodiscard]] int openOverflows();
void closeOverflows();

}  // namespace heddle::coro
