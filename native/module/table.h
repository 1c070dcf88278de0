// The table that native modules are given (include/heddle). Any thread.
#pragma once

#include "include/heddle/module.h"

namespace heddle::modules {

[[nodiscard]] const heddle_api* nativeApi();

}  // namespace heddle::modules
