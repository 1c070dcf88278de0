// Validates `uri-host [ ":" port ]` (RFC 9110 section 7.2): what a Host field and the authority of
// a request target may be.
#pragma once

#include <cstdint>

namespace heddle::net {

enum class HostPort : uint8_t { kOptional, kRequired };

// An empty host is refused; a Host field may be empty, which its caller knows.
bool isHostAndPort(const char* text, uint32_t len, HostPort port);

}  // namespace heddle::net
