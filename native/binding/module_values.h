// Values of JavaScript as modules see them, and back. Thread rule: the isolate's thread, inside a
// call from JS.
#pragma once

#include <node_api.h>

#include <cstddef>

#include "module/values.h"

namespace heddle::binding {

// Options and arguments have no more of them.
constexpr uint32_t kMostModuleValues = 65'536;

// The next slot: the elements of the array as they are; where `type` is one of a number's, text's
// or truth's, as that. 0; -E2BIG: there are more than kMostModuleValues; -ENOMEM: no memory, or a
// pending exception.
[[nodiscard]] int addSlot(napi_env env, napi_value array, int32_t type, modules::ValuesMaker* into);
// nullptr without memory for it.
napi_value fromModule(napi_env env, const heddle_value& value);
// An array.
napi_value fromModule(napi_env env, const heddle_value* values, size_t count);

}  // namespace heddle::binding
