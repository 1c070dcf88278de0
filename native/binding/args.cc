#include "binding/args.h"

namespace heddle::binding {

Bytes bytesOf(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer;
  size_t offset = 0;
  bool isTyped = false;
  napi_is_typedarray(env, value, &isTyped);
  if (!isTyped) return {};
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok)
    return {};
  size_t width = 1;
  if (type == napi_int32_array || type == napi_uint32_array || type == napi_float32_array)
    width = 4;
  if (type == napi_float64_array || type == napi_bigint64_array || type == napi_biguint64_array)
    width = 8;
  if (type == napi_int16_array || type == napi_uint16_array) width = 2;
  return {static_cast<uint8_t*>(data), length * width};
}

ShortText::ShortText(napi_env env, napi_value value) {
  if (napi_get_value_string_utf8(env, value, bytes_, sizeof bytes_, &size_) == napi_ok) return;
  size_ = 0;
  bytes_[0] = '\0';
}

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value text(napi_env env, const char* value, size_t size) {
  napi_value result;
  napi_create_string_utf8(env, value, size, &result);
  return result;
}

napi_value flag(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

napi_value Fields::value(const char* name) const {
  napi_value result = nullptr;
  if (napi_get_named_property(env_, object_, name, &result) != napi_ok)
    napi_get_undefined(env_, &result);
  return result;
}

double Fields::number(const char* name, double otherwise) const {
  double result = otherwise;
  napi_get_value_double(env_, value(name), &result);
  return result;
}

bool Fields::boolean(const char* name, bool otherwise) const {
  bool result = otherwise;
  napi_get_value_bool(env_, value(name), &result);
  return result;
}

bool Fields::object(const char* name, napi_value* out) const {
  *out = value(name);
  napi_valuetype type = napi_undefined;
  napi_typeof(env_, *out, &type);
  return type == napi_object;
}

}  // namespace heddle::binding
