#pragma once

// A coroutine's clean-ups: a list of nodes in typed memory, newest first.

namespace heddle::coro {

struct End {
  void (*run)(void*);
  void* argument;
  End* older;
};

// Runs and frees all, also those that are added meanwhile.
void runEnds(End*& newest);

}  // namespace heddle::coro
