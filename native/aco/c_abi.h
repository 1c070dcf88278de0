// The part of the table for native modules that is about coroutines (include/heddle/aco.h). Any
// thread.
#pragma once

#include "include/heddle/aco.h"

namespace heddle::aco {

[[nodiscard]] const heddle_aco_api* acoApi();

}  // namespace heddle::aco
