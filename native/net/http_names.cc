#include "net/http_names.h"

namespace heddle::net {
namespace {

constexpr std::array<std::string_view, kMethodCount> kMethodNames = {
    "OTHER", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT",
};

constexpr std::array<std::string_view, kFieldCount> kFieldNames = {
    "",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "content-type",
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "cookie",
    "referer",
    "origin",
    "authorization",
    "cache-control",
    "if-none-match",
    "if-modified-since",
    "range",
    "expect",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "content-encoding",
    "te",
    "date",
    "via",
    "pragma",
    "keep-alive",
};

constexpr uint32_t kMaxFieldLen = 17;  // 16 bytes of pattern and `last`

constexpr bool isLowerLetter(char c) { return c >= 'a' && c <= 'z'; }

constexpr FieldPattern patternOf(std::string_view name, HttpField field) {
  FieldPattern pattern{};
  const size_t compared = name.size() < kScanBytes ? name.size() : kScanBytes;
  for (size_t i = 0; i < compared; i++) {
    pattern.name[i] = name[i];
    pattern.fold[i] = isLowerLetter(name[i]) ? 0x20 : 0;
  }
  pattern.need = (1u << compared) - 1;
  pattern.len = static_cast<uint8_t>(name.size());
  pattern.last = name.back();
  pattern.field = field;
  return pattern;
}

constexpr uint32_t slotOf(std::string_view name) {
  return fieldSlot(name.front(), name.back(), static_cast<uint32_t>(name.size()));
}

constexpr bool namesFit() {
  std::array<bool, kFieldSlots> used{};
  for (size_t i = 1; i < kFieldCount; i++) {
    const std::string_view name = kFieldNames[i];
    if (name.size() > kMaxFieldLen || used[slotOf(name)]) return false;
    if (!isLowerLetter(name.front()) || !isLowerLetter(name.back())) return false;
    used[slotOf(name)] = true;
  }
  return true;
}
static_assert(namesFit(), "choose other factors in fieldSlot");

constexpr std::array<FieldPattern, kFieldSlots> makePatterns() {
  std::array<FieldPattern, kFieldSlots> patterns{};
  for (uint8_t i = 1; i < kFieldCount; i++) {
    patterns[slotOf(kFieldNames[i])] = patternOf(kFieldNames[i], static_cast<HttpField>(i));
  }
  return patterns;
}

bool equalsFolded(std::string_view name, std::string_view lower) {
  for (size_t i = 0; i < lower.size(); i++) {
    const int fold = isLowerLetter(lower[i]) ? 0x20 : 0;
    if ((name[i] | fold) != lower[i]) return false;
  }
  return true;
}

}  // namespace

constinit const std::array<FieldPattern, kFieldSlots> kFieldPatterns = makePatterns();

HttpMethod methodOf(std::string_view name) {
  for (uint8_t i = 1; i < kMethodCount; i++) {
    if (name == kMethodNames[i]) return static_cast<HttpMethod>(i);
  }
  return HttpMethod::kOther;
}

HttpField fieldOf(std::string_view name) {
  if (name.empty() || name.size() > kMaxFieldLen) return HttpField::kOther;
  const HttpField field = kFieldPatterns[slotOf(name)].field;
  const std::string_view lower = kFieldNames[static_cast<uint8_t>(field)];
  if (lower.size() != name.size() || !equalsFolded(name, lower)) return HttpField::kOther;
  return field;
}

std::string_view methodName(HttpMethod method) {
  return kMethodNames[static_cast<uint8_t>(method)];
}

std::string_view fieldName(HttpField field) { return kFieldNames[static_cast<uint8_t>(field)]; }

}  // namespace heddle::net
