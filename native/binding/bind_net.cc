#include <algorithm>
#include <cerrno>

#include "binding/args.h"
#include "binding/bind.h"

namespace heddle::binding {
namespace {

// Connections keep time in 32 bits that wrap, and compare by the sign of a difference: 24 days.
uint32_t timeout(const Fields& fields, const char* name, uint32_t otherwise) {
  return std::min(fields.u32(name, otherwise), uint32_t{INT32_MAX});
}

void readHttp(const Fields& fields, net::HttpSettings* out) {
  out->limits.maxHeadBytes = std::min(fields.u32("maxHeadBytes", 16384), net::kMaxHeadBytes);
  out->limits.maxHeaders = std::min(fields.u32("maxHeaders", 100), net::kMaxHeaders);
  out->maxBodyBytes = fields.integer<int64_t>("maxBodyBytes", 1 << 20);
  out->headTimeoutMs = timeout(fields, "headTimeoutMs", 10'000);
  out->requestTimeoutMs = timeout(fields, "requestTimeoutMs", 60'000);
  out->keepAliveTimeoutMs = timeout(fields, "keepAliveTimeoutMs", 5'000);
  out->writeTimeoutMs = timeout(fields, "writeTimeoutMs", 30'000);
  out->maxRequestsPerConnection = fields.u32("maxRequestsPerConnection", 0);
  out->maxPipelined = std::clamp(fields.u32("maxPipelined", 32), 1u, 32u);
}

}  // namespace

int readAddress(napi_env env, napi_value object, sys::Address* out) {
  const Fields fields(env, object);
  if (fields.text("kind").view() == "unix") {
    const ShortText path = fields.text("path");
    return sys::unixAddress(path.c_str(), path.size(), out);
  }
  return sys::parseAddress(fields.text("host").c_str(), fields.integer<int>("port", 0), out);
}

void readSettings(napi_env env, napi_value object, net::Settings* out) {
  const Fields fields(env, object);
  out->idleTimeoutMs = timeout(fields, "idleTimeoutMs", 0);
  out->highWaterBytes = fields.u32("highWaterBytes", 65536);
  out->lowWaterBytes = fields.u32("lowWaterBytes", 16384);
  out->maxWriteBufferBytes = fields.integer<uint64_t>("maxWriteBufferBytes", 64 << 20);
  if (out->maxWriteBufferBytes == 0) out->maxWriteBufferBytes = UINT64_MAX;
  out->noDelay = fields.boolean("noDelay", true);
  out->autoClose = fields.boolean("autoClose", true);
  out->paused = fields.boolean("paused", false);
  napi_value http;
  out->http = fields.object("http", &http);
  if (!out->http) return;
  out->paused = false;  // HTTP is read by the driver
  readHttp(Fields(env, http), &out->httpSettings);
  if (out->httpSettings.maxBodyBytes <= 0) out->httpSettings.maxBodyBytes = INT64_MAX;
}

int readListenSpec(napi_env env, napi_value object, net::ListenSpec* out) {
  const Fields fields(env, object);
  out->share = fields.integer<int>("share", -1);
  out->holds = fields.boolean("holds", false);
  out->backlog = fields.integer<int>("backlog", 511);
  out->reusePort = fields.boolean("reusePort", false);
  out->ipv6Only = fields.boolean("ipv6Only", false);
  out->maxConnections = fields.u32("maxConnections", 0);
  out->acceptsPerPass = fields.u32("acceptsPerPass", 64);
  readSettings(env, object, &out->settings);
  return readAddress(env, object, &out->address);
}

int readConnectSpec(napi_env env, napi_value object, net::ConnectSpec* out) {
  readSettings(env, object, &out->settings);
  return readAddress(env, object, &out->address);
}

napi_value addressObject(napi_env env, const sys::Address& address) {
  char host[sys::kHostTextBytes];
  const int size = sys::formatHost(address, host, sizeof(host));
  const sys::Family family = sys::familyOf(address);
  napi_value result;
  if (size < 0 || family == sys::Family::kOther) {
    napi_get_undefined(env, &result);
    return result;
  }
  const char* const name = family == sys::Family::kIpv4   ? "IPv4"
                           : family == sys::Family::kIpv6 ? "IPv6"
                                                          : "unix";
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "family", text(env, name, NAPI_AUTO_LENGTH));
  napi_set_named_property(env, result, "address", text(env, host, static_cast<size_t>(size)));
  napi_set_named_property(env, result, "port", integer(env, sys::portOf(address)));
  return result;
}

napi_value descriptorAddress(napi_env env, int fd, bool peer) {
  sys::Address address;
  const int found = peer ? sys::peerAddress(fd, &address) : sys::localAddress(fd, &address);
  if (found >= 0) return addressObject(env, address);
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

}  // namespace heddle::binding
