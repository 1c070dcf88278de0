#include "aco/task.h"

namespace heddle::aco {

const char* stateName(State state) {
  constexpr const char* kNames[] = {"running", "ready", "sleep",  "read", "write",
                                    "accept",  "close", "asynch", "gate", "park"};
  return kNames[static_cast<size_t>(state)];
}

}  // namespace heddle::aco
