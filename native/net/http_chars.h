// Classes of bytes in the HTTP grammar (RFC 9110 section 5.6.2, RFC 3986 section 2).
#pragma once

#include <array>
#include <cstdint>

namespace heddle::net {

enum HttpCharClass : uint8_t {
  kTokenChar = 1,  // tchar: what methods and field names are made of
  kHostChar = 2,   // reg-name without percent signs
  kHexChar = 4,
  kDigitChar = 8,
  kValueChar = 16,  // field-content: visible, obs-text, SP, HTAB
};

constexpr bool containsChar(const char* set, char c) {
  for (; *set != '\0'; set++) {
    if (*set == c) return true;
  }
  return false;
}

constexpr std::array<uint8_t, 256> makeHttpChars() {
  std::array<uint8_t, 256> classes{};
  for (uint32_t i = 0; i < 256; i++) {
    const char c = static_cast<char>(i);
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    uint32_t bits = 0;
    if (digit || alpha || containsChar("!#$%&'*+-.^_`|~", c)) bits |= kTokenChar;
    if (digit || alpha || containsChar("-._~!$&'()*+,;=", c)) bits |= kHostChar;
    if (hex) bits |= kHexChar;
    if (digit) bits |= kDigitChar;
    if ((i >= 0x20 && i != 0x7f) || c == '\t') bits |= kValueChar;
    classes[i] = static_cast<uint8_t>(bits);
  }
  return classes;
}

inline constexpr std::array<uint8_t, 256> kHttpChars = makeHttpChars();

constexpr bool isHttpChar(char c, HttpCharClass wanted) {
  return (kHttpChars[static_cast<uint8_t>(c)] & wanted) != 0;
}

constexpr bool isHttpBlank(char c) { return c == ' ' || c == '\t'; }

}  // namespace heddle::net
