#include "binding/module_values.h"

#include <cerrno>
#include <cmath>
#include <cstring>

#include "binding/args.h"

namespace heddle::binding {
namespace {

constexpr double kMostExact = 9007199254740991;  // 2^53 - 1

heddle_value plain(int32_t type) {
  heddle_value value{};
  value.type = type;
  return value;
}

heddle_value ofNumber(double number, int32_t type) {
  // -0 is no whole number: it would come back as another one.
  const bool isWhole = std::trunc(number) == number && std::fabs(number) <= kMostExact &&
                       !(number == 0 && std::signbit(number));
  if (type == HEDDLE_NONE) type = isWhole ? HEDDLE_INT64 : HEDDLE_DOUBLE;
  heddle_value value = plain(type);
  switch (type) {
    case HEDDLE_DOUBLE:
      value.as.real = number;
      break;
    case HEDDLE_UINT64:
      value.as.natural = saturated<uint64_t>(number);
      break;
    case HEDDLE_BOOL:
      value.as.integer = number != 0 ? 1 : 0;
      break;
    default:
      value.type = HEDDLE_INT64;
      value.as.integer = saturated<int64_t>(number);
  }
  return value;
}

// What fits neither of 64 bits is told as OTHER.
heddle_value ofBigint(napi_env env, napi_value from, int32_t type) {
  heddle_value value = plain(HEDDLE_INT64);
  bool fits = false;
  if (type != HEDDLE_UINT64) {
    napi_get_value_bigint_int64(env, from, &value.as.integer, &fits);
    if (fits) return value;
  }
  napi_get_value_bigint_uint64(env, from, &value.as.natural, &fits);
  value.type = fits ? HEDDLE_UINT64 : HEDDLE_OTHER;
  return value;
}

bool addText(napi_env env, napi_value from, modules::ValuesMaker* into) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, from, nullptr, 0, &size) != napi_ok) return false;
  char* const room = into->addRoom(HEDDLE_TEXT, size);
  return room != nullptr && napi_get_value_string_utf8(env, from, room, size + 1, &size) == napi_ok;
}

bool addObject(napi_env env, napi_value from, modules::ValuesMaker* into) {
  bool isTyped = false;
  napi_is_typedarray(env, from, &isTyped);
  if (!isTyped) return into->add(plain(HEDDLE_OTHER));
  const Bytes bytes = bytesOf(env, from);
  char* const room = into->addRoom(HEDDLE_BYTES, bytes.size);
  if (room != nullptr && bytes.size > 0) std::memcpy(room, bytes.data, bytes.size);
  return room != nullptr;
}

bool addValue(napi_env env, napi_value from, int32_t type, modules::ValuesMaker* into) {
  napi_valuetype kind = napi_undefined;
  napi_typeof(env, from, &kind);
  switch (kind) {
    case napi_undefined:
    case napi_null:
      return into->add(plain(HEDDLE_NONE));
    case napi_boolean: {
      heddle_value value = plain(HEDDLE_BOOL);
      bool is = false;
      napi_get_value_bool(env, from, &is);
      value.as.integer = is ? 1 : 0;
      return into->add(value);
    }
    case napi_number: {
      double number = 0;
      napi_get_value_double(env, from, &number);
      return into->add(ofNumber(number, type));
    }
    case napi_bigint:
      return into->add(ofBigint(env, from, type));
    case napi_string:
      return addText(env, from, into);
    case napi_object:
      return addObject(env, from, into);
    default:
      return into->add(plain(HEDDLE_OTHER));
  }
}

napi_value ofInteger(napi_env env, int64_t value) {
  if (std::fabs(static_cast<double>(value)) <= kMostExact) return integer(env, value);
  napi_value made = nullptr;
  napi_create_bigint_int64(env, value, &made);
  return made;
}

napi_value ofNatural(napi_env env, uint64_t value) {
  if (static_cast<double>(value) <= kMostExact) return integer(env, static_cast<int64_t>(value));
  napi_value made = nullptr;
  napi_create_bigint_uint64(env, value, &made);
  return made;
}

napi_value ofBytes(napi_env env, const void* bytes, size_t size) {
  void* room = nullptr;
  napi_value buffer = nullptr;
  napi_value made = nullptr;
  if (napi_create_arraybuffer(env, size, &room, &buffer) != napi_ok) return nullptr;
  if (size > 0) std::memcpy(room, bytes, size);
  napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &made);
  return made;
}

}  // namespace

int addSlot(napi_env env, napi_value array, int32_t type, modules::ValuesMaker* into) {
  uint32_t length = 0;
  if (!into->beginSlot() || napi_get_array_length(env, array, &length) != napi_ok) return -ENOMEM;
  if (length > kMostModuleValues) return -E2BIG;
  for (uint32_t i = 0; i < length; i++) {
    napi_handle_scope scope;
    napi_value element = nullptr;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return -ENOMEM;
    const bool added =
        napi_get_element(env, array, i, &element) == napi_ok && addValue(env, element, type, into);
    napi_close_handle_scope(env, scope);
    if (!added) return -ENOMEM;
  }
  return 0;
}

napi_value fromModule(napi_env env, const heddle_value& value) {
  switch (value.type) {
    case HEDDLE_INT64:
      return ofInteger(env, value.as.integer);
    case HEDDLE_UINT64:
      return ofNatural(env, value.as.natural);
    case HEDDLE_DOUBLE:
      return number(env, value.as.real);
    case HEDDLE_BOOL:
      return flag(env, value.as.integer != 0);
    case HEDDLE_TEXT:
      return text(env, value.as.text, value.size);
    case HEDDLE_BYTES:
      return ofBytes(env, value.as.bytes, value.size);
    default:
      return undefined(env);
  }
}

napi_value fromModule(napi_env env, const heddle_value* values, size_t count) {
  napi_value array = nullptr;
  if (napi_create_array_with_length(env, count, &array) != napi_ok) return nullptr;
  for (size_t i = 0; i < count; i++) {
    napi_value const value = fromModule(env, values[i]);
    if (value != nullptr) napi_set_element(env, array, static_cast<uint32_t>(i), value);
  }
  return array;
}

}  // namespace heddle::binding
