// Texts in blocks of vsize types.
#include <cstdio>
#include <cstring>

#include "mem/memtype.h"

namespace heddle::mem {

char* duplicateString(Memtype type, const char* text) {
  return duplicateBytes(type, text, std::strlen(text));
}

char* duplicateBytes(Memtype type, const void* data, size_t bytes) {
  if (bytes >= PTRDIFF_MAX) return nullptr;
  auto* copy = static_cast<char*>(allocateBytes(type, bytes + 1));
  if (copy == nullptr) return nullptr;
  if (bytes > 0) std::memcpy(copy, data, bytes);
  copy[bytes] = '\0';
  return copy;
}

char* formatTextList(Memtype type, const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  char* text = nullptr;
  if (length >= 0) text = static_cast<char*>(allocateBytes(type, static_cast<size_t>(length) + 1));
  if (text != nullptr) std::vsnprintf(text, static_cast<size_t>(length) + 1, format, again);
  va_end(again);
  return text;
}

char* formatText(Memtype type, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char* text = formatTextList(type, format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace heddle::mem
