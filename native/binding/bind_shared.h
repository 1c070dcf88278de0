// `exports.shared`: maps and counters that all isolates see (`SharedBackend` in
// lib/backend/shared.ts).
#pragma once

#include <node_api.h>

#include "shared/counter.h"
#include "shared/map.h"

namespace heddle::binding {

napi_value sharedObject(napi_env env);

// The engine's object over a map or counter that has just been opened, which is closed with it; or
// -ENOMEM as a number, when it has been closed.
napi_value mapObject(napi_env env, shared::SharedMap* map);
napi_value openCounter(napi_env env, const shared::Name& name);

}  // namespace heddle::binding
