// The table that native modules are given (include/heddle). Any thread.
#pragma once

#include "include/heddle/aco.h"

namespace heddle::aco {

[[nodiscard]] const heddle_api* nativeApi();

}  // namespace heddle::aco
