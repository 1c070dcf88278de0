// Addresses: text and system form.

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "sys/socket.h"

namespace heddle::sys {
namespace {

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

void clear(Address* out) { std::memset(out, 0, sizeof *out); }

uint32_t parseScope(const char* text) {
  if (*text == '\0') return 0;
  char* end = nullptr;
  errno = 0;
  const unsigned long number = std::strtoul(text, &end, 10);
  const bool isNumber = text[0] >= '0' && text[0] <= '9' && *end == '\0';
  if (isNumber) return errno == 0 && number <= UINT32_MAX ? static_cast<uint32_t>(number) : 0;
  return if_nametoindex(text);
}

int parseIpv6(const char* host, int port, Address* out) {
  char text[INET6_ADDRSTRLEN];
  const char* percent = std::strchr(host, '%');
  const size_t length =
      percent != nullptr ? static_cast<size_t>(percent - host) : std::strlen(host);
  if (length >= sizeof text) return -EINVAL;
  std::memcpy(text, host, length);
  text[length] = '\0';

  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return -EINVAL;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<uint16_t>(port));
  if (percent != nullptr) {
    v6.sin6_scope_id = parseScope(percent + 1);
    if (v6.sin6_scope_id == 0) return -EINVAL;
  }
  std::memcpy(&out->ss, &v6, sizeof v6);
  out->len = sizeof v6;
  return 0;
}

int formatIpv6(const Address& address, char* out, size_t size) {
  sockaddr_in6 v6;
  std::memcpy(&v6, &address.ss, sizeof v6);
  if (inet_ntop(AF_INET6, &v6.sin6_addr, out, static_cast<socklen_t>(size)) == nullptr)
    return -ENOSPC;
  size_t length = std::strlen(out);
  if (v6.sin6_scope_id == 0) return static_cast<int>(length);

  char name[IF_NAMESIZE + 12];
  if (if_indextoname(v6.sin6_scope_id, name) == nullptr) {
    uint32_t rest = v6.sin6_scope_id;
    char* digit = name + sizeof name - 1;
    *digit = '\0';
    for (; rest != 0; rest /= 10) *--digit = static_cast<char>('0' + rest % 10);
    std::memmove(name, digit, std::strlen(digit) + 1);
  }
  const size_t nameLength = std::strlen(name);
  if (length + 1 + nameLength >= size) return -ENOSPC;
  out[length++] = '%';
  std::memcpy(out + length, name, nameLength + 1);
  return static_cast<int>(length + nameLength);
}

int formatUnix(const Address& address, char* out, size_t size) {
  sockaddr_un un;
  std::memcpy(&un, &address.ss, sizeof un);
  size_t length = address.len > kPathOffset ? address.len - kPathOffset : 0;
  if (length > sizeof un.sun_path) length = sizeof un.sun_path;
  // A path may or may not count its terminator; an abstract name is all its bytes.
  if (length > 0 && un.sun_path[0] != '\0') length = strnlen(un.sun_path, length);
  if (length >= size) return -ENOSPC;
  std::memcpy(out, un.sun_path, length);
  out[length] = '\0';
  return static_cast<int>(length);
}

}  // namespace

int parseAddress(const char* host, int port, Address* out) {
  if (host == nullptr || port < 0 || port > 65535) return -EINVAL;
  clear(out);
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host, &v4.sin_addr) != 1) return parseIpv6(host, port, out);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<uint16_t>(port));
  std::memcpy(&out->ss, &v4, sizeof v4);
  out->len = sizeof v4;
  return 0;
}

int unixAddress(const char* path, size_t length, Address* out) {
  if (length == 0) return -EINVAL;
  const bool abstract = path[0] == '\0';
  if (!abstract && std::memchr(path, '\0', length) != nullptr) return -EINVAL;
  sockaddr_un un{};
  if (length + (abstract ? 0 : 1) > sizeof un.sun_path) return -ENAMETOOLONG;
  clear(out);
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path, length);
  std::memcpy(&out->ss, &un, sizeof un);
  out->len = static_cast<socklen_t>(kPathOffset + length + (abstract ? 0 : 1));
  return 0;
}

Family familyOf(const Address& address) {
  switch (address.ss.ss_family) {
    case AF_INET:
      return Family::kIpv4;
    case AF_INET6:
      return Family::kIpv6;
    case AF_UNIX:
      return Family::kUnix;
    default:
      return Family::kOther;
  }
}

int portOf(const Address& address) {
  if (address.ss.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address.ss, sizeof v4);
    return ntohs(v4.sin_port);
  }
  if (address.ss.ss_family != AF_INET6) return 0;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address.ss, sizeof v6);
  return ntohs(v6.sin6_port);
}

int formatHost(const Address& address, char* out, size_t size) {
  if (size == 0) return -ENOSPC;
  out[0] = '\0';
  switch (familyOf(address)) {
    case Family::kIpv6:
      return formatIpv6(address, out, size);
    case Family::kUnix:
      return formatUnix(address, out, size);
    case Family::kOther:
      return 0;
    case Family::kIpv4:
      break;
  }
  sockaddr_in v4;
  std::memcpy(&v4, &address.ss, sizeof v4);
  if (inet_ntop(AF_INET, &v4.sin_addr, out, static_cast<socklen_t>(size)) == nullptr)
    return -ENOSPC;
  return static_cast<int>(std::strlen(out));
}

}  // namespace heddle::sys
