// What the connections of one listener, or one outgoing connection, have in common. Shared and
// counted, as connections outlive their listener. Times are milliseconds, 0 switches a time or a
// limit off. Thread rule: the loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "mem/typed_object.h"
#include "net/http_parser.h"

namespace heddle::net {

struct HttpSettings {
  HttpLimits limits;
  int64_t maxBodyBytes = 1 << 20;
  uint32_t headTimeoutMs = 10'000;
  uint32_t requestTimeoutMs = 60'000;
  uint32_t keepAliveTimeoutMs = 5'000;
  uint32_t writeTimeoutMs = 30'000;
  uint32_t maxRequestsPerConnection = 0;
  uint32_t maxPipelined = 32;
};

struct Settings {
  uint32_t refs = 1;
  uint32_t listener = 0;  // handle, 0 for outgoing connections
  uint32_t connections = 0;
  uint32_t idleTimeoutMs = 0;
  uint32_t highWaterBytes = 65536;
  uint32_t lowWaterBytes = 16384;
  uint64_t maxWriteBufferBytes = 64u << 20;
  bool noDelay = true;
  bool autoClose = true;
  bool paused = false;
  bool http = false;
  bool draining = false;  // the listener asked its connections to finish
  HttpSettings httpSettings;

  // A connection's timer is never armed further ahead than this. No deadline that appears later can
  // then be nearer than the next check, so that changing a deadline costs nothing on the hot path.
  uint32_t checkEveryMs() const {
    uint32_t least = 0;
    const auto consider = [&least](uint32_t ms) {
      if (ms != 0) least = least == 0 ? ms : std::min(least, ms);
    };
    if (!http) return idleTimeoutMs;
    consider(httpSettings.headTimeoutMs);
    consider(httpSettings.requestTimeoutMs);
    consider(httpSettings.keepAliveTimeoutMs);
    consider(httpSettings.writeTimeoutMs);
    return least;
  }
};

using SettingsPool = mem::Typed<Settings, mem::Builtin::kSettings>;

inline Settings* retain(Settings* settings) {
  settings->refs++;
  return settings;
}

inline void release(Settings* settings) {
  if (--settings->refs == 0) SettingsPool::destroy(settings);
}

}  // namespace heddle::net
