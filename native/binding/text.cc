#include "binding/text.h"

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::binding {
namespace {

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kText); }

}  // namespace

Text::~Text() {
  if (heap_ != nullptr) mem::release(memtype(), heap_);
}

// One call for a short string: it fits when there is room left.
Text::Result Text::read(napi_env env, napi_value value, size_t maxUnits) {
  size_t count = 0;
  if (napi_get_value_string_utf16(env, value, units_, kStackUnits, &count) != napi_ok) {
    return Result::kNotText;
  }
  if (count == kStackUnits - 1) return readLong(env, value, maxUnits);
  narrow(units_, count, narrow_);
  return Result::kRead;
}

Text::Result Text::readLong(napi_env env, napi_value value, size_t maxUnits) {
  size_t count = 0;
  napi_get_value_string_utf16(env, value, nullptr, 0, &count);
  if (count > maxUnits) return Result::kTooLong;
  heap_ = mem::allocateBytes(memtype(), (count + 1) * sizeof(char16_t));
  if (heap_ == nullptr) return Result::kNoMemory;
  auto* const units = static_cast<char16_t*>(heap_);
  napi_get_value_string_utf16(env, value, units, count + 1, &count);
  narrow(units, count, static_cast<uint8_t*>(heap_));
  return Result::kRead;
}

// `into` may be where the units are: what is written has been read.
void Text::narrow(const char16_t* units, size_t count, uint8_t* into) {
  char16_t all = 0;
  for (size_t i = 0; i < count; i++) all |= units[i];
  latin1_ = all < 256;
  if (!latin1_) {
    data_ = units;
    bytes_ = count * sizeof(char16_t);
    return;
  }
  for (size_t i = 0; i < count; i++) into[i] = static_cast<uint8_t>(units[i]);
  data_ = into;
  bytes_ = count;
}

}  // namespace heddle::binding
