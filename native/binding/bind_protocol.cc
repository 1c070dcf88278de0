// The protocol's numbers as the core was compiled with them, so that a test can compare both sides.
#include "binding/args.h"
#include "binding/bind.h"
#include "loop/protocol.h"

namespace heddle::binding {
namespace {

struct Entry {
  const char* name;
  int32_t value;
};

#define HEDDLE_ENTRY(name, value) {#name, value},
constexpr Entry kIn[] = {HEDDLE_IN_KINDS(HEDDLE_ENTRY)};
constexpr Entry kOut[] = {HEDDLE_OUT_KINDS(HEDDLE_ENTRY)};
constexpr Entry kControl[] = {HEDDLE_CONTROL_CELLS(HEDDLE_ENTRY)};
constexpr Entry kClock[] = {HEDDLE_CLOCK_CELLS(HEDDLE_ENTRY)};
constexpr Entry kPhase[] = {HEDDLE_PHASES(HEDDLE_ENTRY)};
constexpr Entry kRequestFlag[] = {HEDDLE_REQUEST_FLAGS(HEDDLE_ENTRY)};
constexpr Entry kRespondFlag[] = {HEDDLE_RESPOND_FLAGS(HEDDLE_ENTRY)};
constexpr Entry kCloseReason[] = {HEDDLE_CLOSE_REASONS(HEDDLE_ENTRY)};
#undef HEDDLE_ENTRY

template <size_t N>
void addTable(napi_env env, napi_value object, const char* name, const Entry (&entries)[N]) {
  napi_value table;
  napi_create_object(env, &table);
  for (const Entry& entry : entries) {
    napi_set_named_property(env, table, entry.name, integer(env, entry.value));
  }
  napi_set_named_property(env, object, name, table);
}

}  // namespace

napi_value protocolObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addTable(env, object, "In", kIn);
  addTable(env, object, "Out", kOut);
  addTable(env, object, "Control", kControl);
  addTable(env, object, "Clock", kClock);
  addTable(env, object, "Phase", kPhase);
  addTable(env, object, "RequestFlag", kRequestFlag);
  addTable(env, object, "RespondFlag", kRespondFlag);
  addTable(env, object, "CloseReason", kCloseReason);
  return object;
}

}  // namespace heddle::binding
