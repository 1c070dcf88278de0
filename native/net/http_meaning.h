// What the known fields of a head mean for its body and its connection (RFC 9112 sections 6 and 9).
#pragma once

#include <cstdint>

#include "net/http_names.h"
#include "net/http_parser.h"

namespace heddle::net {

// Why a head is refused; the values are status codes.
enum class Refusal : uint16_t {
  kNone = 0,
  kBadRequest = 400,
  kUriTooLong = 414,
  kExpectationFailed = 417,
  kHeadTooLarge = 431,
  kNotImplemented = 501,
  kVersionNotSupported = 505,
};

constexpr uint32_t fieldBit(HttpField field) { return 1u << static_cast<uint32_t>(field); }
static_assert(kFieldCount <= 32);

inline constexpr uint32_t kMeaningfulFields =
    fieldBit(HttpField::kHost) | fieldBit(HttpField::kConnection) |
    fieldBit(HttpField::kContentLength) | fieldBit(HttpField::kTransferEncoding) |
    fieldBit(HttpField::kExpect) | fieldBit(HttpField::kUpgrade);

// Gathers the fields of one request and writes what they mean to its HttpHead, which must be clear
// (contentLength -1) and have http10 set before finish().
class HeadMeaning {
 public:
  explicit HeadMeaning(HttpHead* head) : head_(head) {}

  // One field line, its value trimmed; most fields mean nothing here.
  Refusal add(HttpField field, const char* value, uint32_t len) {
    return isMeaningful(field) ? addMeaningful(field, value, len) : Refusal::kNone;
  }

  // What only the whole head can tell.
  Refusal finish();

 private:
  static bool isMeaningful(HttpField field) {
    return (kMeaningfulFields >> static_cast<uint32_t>(field) & 1) != 0;
  }

  Refusal addMeaningful(HttpField field, const char* value, uint32_t len);
  Refusal host(const char* value, uint32_t len);
  Refusal contentLength(const char* value, uint32_t len);
  Refusal transferEncoding(const char* value, uint32_t len);
  void connection(const char* value, uint32_t len);

  Refusal framing() const;

  HttpHead* const head_;
  bool sawTransferEncoding_ = false;
  bool sawOtherCoding_ = false;
  bool sawExpect_ = false;
  bool sawOtherExpectation_ = false;
  bool sawUpgrade_ = false;
  bool wantsClose_ = false;
  bool wantsKeepAlive_ = false;
  bool wantsUpgrade_ = false;
};

}  // namespace heddle::net
