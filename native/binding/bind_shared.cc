#include "binding/bind_shared.h"

#include "binding/args.h"
#include "binding/shared_arguments.h"

namespace heddle::binding {
namespace {

napi_value openMap(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const Fields fields(env, args.at(0));
  const KeyArgument name(env, fields.value("name"));
  if (name.status() < 0) return integer(env, name.status());
  shared::MapSpec spec;
  spec.maxBytes = fields.integer<uint64_t>("maxBytes", 0);
  spec.ttlNs = nanoseconds(fields.number("ttlMs", 0));
  shared::SharedMap* map = nullptr;
  const int opened = shared::SharedMap::open(name.name(), spec, &map);
  return opened < 0 ? integer(env, opened) : mapObject(env, map);
}

napi_value openCounterByName(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const KeyArgument name(env, args.at(0));
  return name.status() < 0 ? integer(env, name.status()) : openCounter(env, name.name());
}

constexpr Method kMethods[] = {
    {"openMap", openMap},
    {"openCounter", openCounterByName},
};

}  // namespace

napi_value sharedObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

}  // namespace heddle::binding
