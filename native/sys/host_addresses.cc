#include "sys/host_addresses.h"

#include <netdb.h>

#include <cstring>

namespace heddle::sys {
namespace {

// The numbers of libuv, which are the same on all systems; Node knows them by name.
int resolverError(int error) {
  switch (error) {
    case EAI_AGAIN:
      return -3001;
    case EAI_BADFLAGS:
      return -3002;
    case EAI_FAMILY:
      return -3004;
    case EAI_MEMORY:
      return -ENOMEM;
    case EAI_NONAME:
      return -3008;
    case EAI_SERVICE:
      return -3010;
    case EAI_SOCKTYPE:
      return -3011;
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
      return -3000;
#endif
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
    case EAI_NODATA:
      return -3007;
#endif
    case EAI_SYSTEM:
      return errno != 0 ? -errno : -3003;
    default:
      return -3003;  // EAI_FAIL, and what we do not know
  }
}

int familyNumber(Family family) {
  if (family == Family::kIpv4) return AF_INET;
  return family == Family::kIpv6 ? AF_INET6 : AF_UNSPEC;
}

}  // namespace

HostAddresses::~HostAddresses() {
  if (first_ != nullptr) freeaddrinfo(first_);
}

int HostAddresses::ask(const char* host, Family family) {
  addrinfo hints{};
  hints.ai_family = familyNumber(family);
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for each kind
  const int error = getaddrinfo(host, nullptr, &hints, &first_);
  if (error != 0) {
    first_ = nullptr;
    return resolverError(error);
  }
  at_ = first_;
  return 0;
}

bool HostAddresses::next(Address* out) {
  while (at_ != nullptr) {
    const addrinfo& entry = *at_;
    at_ = entry.ai_next;
    if (entry.ai_addrlen > sizeof out->ss) continue;
    std::memset(out, 0, sizeof *out);
    std::memcpy(&out->ss, entry.ai_addr, entry.ai_addrlen);
    out->len = entry.ai_addrlen;
    if (familyOf(*out) == Family::kIpv4 || familyOf(*out) == Family::kIpv6) return true;
  }
  return false;
}

}  // namespace heddle::sys
