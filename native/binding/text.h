// A string of JavaScript in the canonical form of the core: Latin-1 if all its units are below 256,
// UTF-16 otherwise; exact, lone surrogates included. Short ones lie on the stack. Lives within one
// call from JS.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace heddle::binding {

class Text {
 public:
  enum class Result { kRead, kNotText, kTooLong, kNoMemory };

  Text() = default;
  ~Text();
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  // Once. Units beyond the limit are not looked at.
  Result read(napi_env env, napi_value value, size_t maxUnits);

  [[nodiscard]] const void* data() const { return data_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] bool isLatin1() const { return latin1_; }

 private:
  static constexpr size_t kStackUnits = 256;

  Result readLong(napi_env env, napi_value value, size_t maxUnits);
  void narrow(const char16_t* units, size_t count, uint8_t* into);

  const void* data_ = nullptr;
  size_t bytes_ = 0;
  bool latin1_ = true;
  void* heap_ = nullptr;
  char16_t units_[kStackUnits];
  uint8_t narrow_[kStackUnits];
};

}  // namespace heddle::binding
