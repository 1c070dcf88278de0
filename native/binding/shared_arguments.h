// Keys and values of shared maps, from JavaScript and back. Thread rule: the isolate's thread,
// inside a call from JS. Sizes are checked by the core.
#pragma once

#include <node_api.h>

#include <cmath>

#include "binding/args.h"
#include "binding/text.h"
#include "shared/map.h"

namespace heddle::binding {

// How bytes were made; 0 stands for a plain value. As ValueKind in lib/backend/shared.ts.
enum ForeignKind : int32_t { kPlainValue = 0, kBytesValue = 1, kCloneValue = 2 };

// A string or a Uint8Array. Borrows from it: within one call.
class KeyArgument {
 public:
  KeyArgument(napi_env env, napi_value value);

  // 0; -ENOMEM.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] shared::Key key() const { return {name_.kind, name_.data, name_.bytes}; }
  [[nodiscard]] const shared::Name& name() const { return name_; }

 private:
  int status_ = 0;
  shared::Name name_{};
  Text text_;
};

// Of the kind: a plain value, or bytes.
class ValueArgument {
 public:
  ValueArgument(napi_env env, int32_t kind, napi_value value);

  // 0; -ENOMEM; -EINVAL for what is no plain value.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const shared::Value& value() const { return value_; }

 private:
  void readPlain(napi_env env, napi_value value);

  int status_ = 0;
  shared::Value value_{};
  Text text_;
};

// A time to live, which lasts a nanosecond at least unless it is 0.
[[nodiscard]] inline int64_t nanoseconds(double ms) {
  return saturated<int64_t>(std::ceil(ms * 1e6));
}

// kPlainValue for all but bytes and clones.
[[nodiscard]] ForeignKind foreignKind(const shared::Node& node);
// The plain value, nullptr being undefined. In a section, as the others below.
[[nodiscard]] napi_value plainValue(napi_env env, const shared::Node& node);
[[nodiscard]] napi_value keyValue(napi_env env, const shared::Node& node);
// A fresh ArrayBuffer with a copy.
[[nodiscard]] napi_value copyOf(napi_env env, const void* data, size_t bytes);
[[nodiscard]] napi_value uint8Array(napi_env env, const void* data, size_t bytes);

}  // namespace heddle::binding
