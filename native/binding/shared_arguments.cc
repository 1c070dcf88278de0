#include "binding/shared_arguments.h"

#include <cerrno>
#include <cstring>

namespace heddle::binding {
namespace {

using shared::KeyKind;
using shared::ValueKind;

// UTF-16 has half as many units, which the core finds too long itself.
constexpr size_t kMaxKeyUnits = shared::kMaxKeyBytes;

napi_value textValue(napi_env env, bool latin1, const unsigned char* data, size_t bytes) {
  napi_value result = nullptr;
  if (latin1) {
    napi_create_string_latin1(env, reinterpret_cast<const char*>(data), bytes, &result);
  } else {
    napi_create_string_utf16(env, reinterpret_cast<const char16_t*>(data), bytes / 2, &result);
  }
  return result;
}

napi_value numberValue(napi_env env, double number) {
  napi_value result = nullptr;
  const auto whole = static_cast<int32_t>(number > INT32_MIN && number < INT32_MAX ? number : 0);
  // Of the zeroes one is no integer.
  if (std::bit_cast<uint64_t>(static_cast<double>(whole)) == std::bit_cast<uint64_t>(number)) {
    napi_create_int32(env, whole, &result);
  } else {
    napi_create_double(env, number, &result);
  }
  return result;
}

napi_value nullValue(napi_env env) {
  napi_value result = nullptr;
  napi_get_null(env, &result);
  return result;
}

}  // namespace

KeyArgument::KeyArgument(napi_env env, napi_value value) {
  switch (text_.read(env, value, kMaxKeyUnits)) {
    case Text::Result::kRead:
      name_ = {text_.isLatin1() ? KeyKind::kLatin1 : KeyKind::kUtf16, text_.data(), text_.bytes()};
      break;
    case Text::Result::kNotText: {
      const Bytes bytes = bytesOf(env, value);
      name_ = {KeyKind::kBytes, bytes.data, bytes.size};
      break;
    }
    case Text::Result::kTooLong:
      name_ = {KeyKind::kLatin1, nullptr, shared::kMaxKeyBytes + 1};
      break;
    case Text::Result::kNoMemory:
      status_ = -ENOMEM;
      break;
  }
}

ValueArgument::ValueArgument(napi_env env, int32_t kind, napi_value value) {
  if (kind == kPlainValue) {
    readPlain(env, value);
    return;
  }
  const Bytes bytes = bytesOf(env, value);
  value_ = shared::Value::of(kind == kCloneValue ? ValueKind::kClone : ValueKind::kBytes,
                             bytes.data, bytes.size);
}

void ValueArgument::readPlain(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    value_ = shared::Value::of(number);
    return;
  }
  switch (text_.read(env, value, shared::kMaxValueBytes)) {
    case Text::Result::kRead:
      value_ = shared::Value::of(text_.isLatin1() ? ValueKind::kLatin1 : ValueKind::kUtf16,
                                 text_.data(), text_.bytes());
      return;
    case Text::Result::kTooLong:
      value_ = shared::Value::of(ValueKind::kLatin1, nullptr, shared::kMaxValueBytes + 1);
      return;
    case Text::Result::kNoMemory:
      status_ = -ENOMEM;
      return;
    case Text::Result::kNotText:
      break;
  }
  napi_valuetype type = napi_object;
  napi_typeof(env, value, &type);
  bool isTrue = false;
  napi_get_value_bool(env, value, &isTrue);
  if (type == napi_boolean) {
    value_ = shared::Value::constant(isTrue ? ValueKind::kTrue : ValueKind::kFalse);
  } else if (type == napi_null) {
    value_ = shared::Value::constant(ValueKind::kNull);
  } else if (type != napi_undefined) {
    status_ = -EINVAL;
  }
}

ForeignKind foreignKind(const shared::Node& node) {
  if (node.valueKind == ValueKind::kBytes) return kBytesValue;
  return node.valueKind == ValueKind::kClone ? kCloneValue : kPlainValue;
}

napi_value plainValue(napi_env env, const shared::Node& node) {
  switch (node.valueKind) {
    case ValueKind::kNumber:
      return numberValue(env, node.numberNow());
    case ValueKind::kLatin1:
    case ValueKind::kUtf16:
      return textValue(env, node.valueKind == ValueKind::kLatin1, node.valueData(),
                       node.valueBytes);
    case ValueKind::kFalse:
    case ValueKind::kTrue:
      return flag(env, node.valueKind == ValueKind::kTrue);
    case ValueKind::kNull:
      return nullValue(env);
    default:
      return nullptr;
  }
}

napi_value keyValue(napi_env env, const shared::Node& node) {
  if (node.keyKind == KeyKind::kBytes) return uint8Array(env, node.keyData(), node.keyBytes);
  return textValue(env, node.keyKind == KeyKind::kLatin1, node.keyData(), node.keyBytes);
}

napi_value copyOf(napi_env env, const void* data, size_t bytes) {
  void* copy = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, bytes, &copy, &buffer) != napi_ok) return nullptr;
  if (bytes > 0) std::memcpy(copy, data, bytes);
  return buffer;
}

napi_value uint8Array(napi_env env, const void* data, size_t bytes) {
  napi_value array = nullptr;
  napi_create_typedarray(env, napi_uint8_array, bytes, copyOf(env, data, bytes), 0, &array);
  return array;
}

}  // namespace heddle::binding
