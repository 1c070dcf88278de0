// Reads arguments and builds results for the binding. Thread rule: the isolate's thread, inside a
// call from JS. A wrong type reads as the default; the TypeScript layer has checked before.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace heddle::binding {

// The integer nearest to a number of JavaScript, which may be anything: the plain conversion is
// undefined where the result does not fit.
template <class T>
T saturated(double value) {
  constexpr T kMax = std::numeric_limits<T>::max();
  constexpr T kMin = std::numeric_limits<T>::min();
  // Of a 64-bit kMax the double is one too large, hence >=.
  if (value >= static_cast<double>(kMax)) return kMax;
  if (value <= static_cast<double>(kMin)) return kMin;
  return std::isnan(value) ? T{0} : static_cast<T>(value);
}

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// A string argument, cut at a length that no name, address or path has. In place, so that reading
// one needs no memory.
class ShortText {
 public:
  static constexpr size_t kMaxBytes = 1023;

  ShortText() { bytes_[0] = '\0'; }
  ShortText(napi_env env, napi_value value);

  // Ends with a NUL; may have others.
  const char* c_str() const { return bytes_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[kMaxBytes + 1];
  size_t size_ = 0;
};

Bytes bytesOf(napi_env env, napi_value value);
inline ShortText stringOf(napi_env env, napi_value value) { return ShortText(env, value); }
napi_value number(napi_env env, double value);
napi_value text(napi_env env, const char* value, size_t size);
napi_value flag(napi_env env, bool value);
napi_value undefined(napi_env env);

// The fields of an options object.
class Fields {
 public:
  Fields(napi_env env, napi_value object) : env_(env), object_(object) {}
  double number(const char* name, double otherwise) const;
  // Out of range it is the nearest that fits: Infinity is the largest, NaN 0.
  template <class T>
  T integer(const char* name, T otherwise) const {
    return saturated<T>(number(name, static_cast<double>(otherwise)));
  }
  uint32_t u32(const char* name, uint32_t otherwise) const {
    return integer<uint32_t>(name, otherwise);
  }
  bool boolean(const char* name, bool otherwise) const;
  ShortText text(const char* name) const { return stringOf(env_, value(name)); }
  // The value of an object field; false when it is missing or no object.
  bool object(const char* name, napi_value* out) const;
  napi_value value(const char* name) const;
  napi_env env() const { return env_; }

 private:
  napi_env env_;
  napi_value object_;
};

// The arguments of one call.
template <size_t kMax>
class Args {
 public:
  Args(napi_env env, napi_callback_info info) : env_(env) {
    count_ = kMax;
    napi_get_cb_info(env, info, &count_, values_, nullptr, &data_);
  }
  template <class T>
  T* data() const {
    return static_cast<T*>(data_);
  }
  size_t count() const { return count_ < kMax ? count_ : kMax; }
  napi_value at(size_t i) const { return values_[i]; }
  int32_t i32(size_t i) const {
    int32_t value = 0;
    napi_get_value_int32(env_, values_[i], &value);
    return value;
  }
  // Handles use all 32 bits; JS sees them as signed numbers.
  uint32_t handle(size_t i) const { return static_cast<uint32_t>(i32(i)); }
  bool boolean(size_t i) const {
    bool value = false;
    napi_get_value_bool(env_, values_[i], &value);
    return value;
  }
  // The nearest integer that fits.
  template <class T>
  T real(size_t i) const {
    double value = 0;
    napi_get_value_double(env_, values_[i], &value);
    return saturated<T>(value);
  }

 private:
  napi_env env_;
  size_t count_;
  napi_value values_[kMax];
  void* data_ = nullptr;
};

inline napi_value integer(napi_env env, int64_t value) {
  napi_value result;
  if (value >= INT32_MIN && value <= INT32_MAX) {
    napi_create_int32(env, static_cast<int32_t>(value), &result);
  } else {
    napi_create_double(env, static_cast<double>(value), &result);
  }
  return result;
}

inline double real(uint64_t value) { return static_cast<double>(value); }

// Writes numbers where JavaScript wants them; fewer when it has less room.
template <size_t N>
napi_value fillNumbers(napi_env env, napi_value into, const double (&numbers)[N]) {
  const Bytes room = bytesOf(env, into);
  const size_t bytes = room.size < sizeof numbers ? room.size : sizeof numbers;
  if (bytes > 0) std::memcpy(room.data, numbers, bytes);
  return undefined(env);
}

struct Method {
  const char* name;
  napi_callback call;
};

// Adds functions to an object; `data` is what Args::data returns in them.
template <size_t N>
void addMethods(napi_env env, napi_value object, const Method (&methods)[N], void* data) {
  for (const Method& method : methods) {
    napi_value function;
    napi_create_function(env, method.name, NAPI_AUTO_LENGTH, method.call, data, &function);
    napi_set_named_property(env, object, method.name, function);
  }
}

}  // namespace heddle::binding
