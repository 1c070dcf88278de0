// Conversions that several binding files share: specifications from objects, addresses to objects.
#pragma once

#include <node_api.h>

#include "net/listener.h"
#include "sys/socket.h"

namespace heddle::binding {

// 0 or a negative errno (EINVAL: no such address).
[[nodiscard]] int readAddress(napi_env env, napi_value object, sys::Address* out);
[[nodiscard]] int readListenSpec(napi_env env, napi_value object, net::ListenSpec* out);
[[nodiscard]] int readConnectSpec(napi_env env, napi_value object, net::ConnectSpec* out);
void readSettings(napi_env env, napi_value object, net::Settings* out);
napi_value addressObject(napi_env env, const sys::Address& address);
// undefined when the descriptor has no such address.
napi_value descriptorAddress(napi_env env, int fd, bool peer);

napi_value sysObject(napi_env env);
napi_value protocolObject(napi_env env);
// `AcoBackend` in lib/backend/aco.ts, and `AcoEngine`.
napi_value acoObject(napi_env env);
class Engine;
napi_value acoEngineObject(Engine* engine);
// `JobsBackend` in lib/backend/jobs.ts, and `JobsEngine`.
napi_value jobsObject(napi_env env);
napi_value jobsEngineObject(Engine* engine);

}  // namespace heddle::binding
