#include "job/request.h"

#include <bit>
#include <cstring>

namespace heddle::job {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are copied as they lie");

constexpr double kMaxWhole = 9007199254740991;  // 2^53 - 1

}  // namespace

const uint8_t* Request::take(size_t bytes) {
  if (bytes > left_) ok_ = false;
  if (!ok_) return nullptr;
  const uint8_t* const taken = at_;
  at_ += bytes;
  left_ -= bytes;
  return taken;
}

uint32_t Request::number() {
  uint32_t value = 0;
  const uint8_t* const from = take(sizeof value);
  if (from != nullptr) std::memcpy(&value, from, sizeof value);
  return value;
}

int64_t Request::large() {
  double value = 0;
  const uint8_t* const from = take(sizeof value);
  if (from != nullptr) std::memcpy(&value, from, sizeof value);
  // Written so that a number that is none fails as well.
  if (!(value >= 0 && value <= kMaxWhole)) ok_ = false;
  if (!ok_) return 0;
  const auto whole = static_cast<int64_t>(value);
  if (static_cast<double>(whole) != value) ok_ = false;
  return ok_ ? whole : 0;
}

const char* Request::text() {
  const uint32_t size = number();
  const uint8_t* const bytes = take(size);
  if (bytes != nullptr && (size == 0 || std::memchr(bytes, 0, size) != bytes + size - 1))
    ok_ = false;
  return ok_ ? reinterpret_cast<const char*>(bytes) : "";
}

const uint8_t* Request::rest(size_t* size) {
  *size = ok_ ? left_ : 0;
  return take(*size);
}

}  // namespace heddle::job
