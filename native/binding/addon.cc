// Module initialisation and the backend's own calls; everything else is in the file named after it.
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "binding/args.h"
#include "binding/bind.h"
#include "binding/bind_shared.h"
#include "binding/engine.h"
#include "binding/environment.h"
#include "binding/isolate_memory.h"
#include "binding/module_host.h"
#include "sys/clock.h"
#include "sys/poller.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

// The monotonic time at which performance.now() was 0. Read after performance.now(), so that the
// loop's clock is never ahead of it and a timer is never early by either. False when the program
// has put something else in its place; what that threw is pending.
bool readOriginNs(napi_env env, int64_t* out) {
  napi_value global;
  napi_value performance;
  napi_value now;
  napi_value result;
  double ms = 0;
  if (napi_get_global(env, &global) != napi_ok ||
      napi_get_named_property(env, global, "performance", &performance) != napi_ok ||
      napi_get_named_property(env, performance, "now", &now) != napi_ok ||
      napi_call_function(env, performance, now, 0, nullptr, &result) != napi_ok ||
      napi_get_value_double(env, result, &ms) != napi_ok) {
    return false;
  }
  *out = sys::monotonicNs() - saturated<int64_t>(ms * 1e6);
  return true;
}

loop::PortMemory readMemory(napi_env env, napi_value object) {
  const Fields fields(env, object);
  const Bytes inbox = bytesOf(env, fields.value("inbox"));
  const Bytes recv = bytesOf(env, fields.value("recv"));
  const Bytes outbox = bytesOf(env, fields.value("outbox"));
  const Bytes send = bytesOf(env, fields.value("send"));
  const Bytes control = bytesOf(env, fields.value("control"));
  const Bytes clock = bytesOf(env, fields.value("clock"));
  loop::PortMemory memory;
  if (control.size < loop::kControlWords * sizeof(int32_t)) return memory;
  if (clock.size < loop::kClockCells * sizeof(double)) return memory;
  memory.inbox = reinterpret_cast<int32_t*>(inbox.data);
  memory.inboxWords = static_cast<uint32_t>(inbox.size / sizeof(int32_t));
  memory.recv = recv.data;
  memory.recvBytes = static_cast<uint32_t>(recv.size);
  memory.outbox = reinterpret_cast<int32_t*>(outbox.data);
  memory.outboxWords = static_cast<uint32_t>(outbox.size / sizeof(int32_t));
  memory.send = send.data;
  memory.sendBytes = static_cast<uint32_t>(send.size);
  memory.control = reinterpret_cast<int32_t*>(control.data);
  memory.clock = reinterpret_cast<double*>(clock.data);
  return memory;
}

// Leaves the first exception alone: it says more.
napi_value refuse(napi_env env, const char* code, const char* message) {
  bool isPending = false;
  napi_is_exception_pending(env, &isPending);
  if (!isPending) napi_throw_error(env, code, message);
  return nullptr;
}

napi_value refuseLoop(napi_env env, int error) {
  if (error == -ENOMEM) return refuse(env, "ENOMEM", "no memory for the loop");
  if (error == -EAGAIN) return refuse(env, "EAGAIN", "no thread for the loop");
  const char* code = error == -EMFILE ? "EMFILE" : "ENFILE";
  return refuse(env, code, "no descriptor for the loop's multiplexer");
}

napi_value resourceLabel(napi_env env, const ShortText& name) {
  constexpr std::string_view kPrefix = "heddle:";
  char label[kPrefix.size() + ShortText::kMaxBytes];
  std::memcpy(label, kPrefix.data(), kPrefix.size());
  std::memcpy(label + kPrefix.size(), name.c_str(), name.size());
  return text(env, label, kPrefix.size() + name.size());
}

napi_value createEngine(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  const loop::PortMemory memory = readMemory(env, args.at(0));
  constexpr uint32_t kLeastBytes = 131'072;
  if (memory.control == nullptr || memory.inboxWords < 4 * loop::Port::kLongestRecord ||
      memory.recvBytes < kLeastBytes || memory.sendBytes < kLeastBytes) {
    return refuse(env, "EINVAL", "the port's memory is too small");
  }
  const Fields fields(env, args.at(1));
  Engine::Options options;
  if (!readOriginNs(env, &options.loop.originNs)) {
    return refuse(env, "EINVAL", "performance.now() does not tell the time");
  }
  options.loop.maxSleepNs = saturated<int64_t>(fields.number("maxSleepMs", 200) * 1e6);
  options.loop.maxTimersPerPass = fields.u32("maxTimersPerPass", 1024);
  options.loop.maxEventsPerWait = fields.u32("maxEventsPerWait", 1024);
  options.sections = fields.boolean("sections", true);
  options.dedicated = fields.boolean("dedicated", false);
  Engines::Ptr engine = Engines::makePtr(env, memory, options);
  if (engine == nullptr) return refuse(env, "ENOMEM", "no memory for the loop");
  Engine* const raw = engine.get();
  const ShortText name = fields.text("name");
  const int opened = raw->open(args.at(0), args.at(2), resourceLabel(env, name), name.c_str());
  Environment::of(env)->add(std::move(engine));
  if (opened < 0) {
    raw->close();
    return refuseLoop(env, opened);
  }
  return engineObject(raw);
}

napi_value post(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const Bytes bytes = bytesOf(env, args.at(1));
  if (bytes.size > loop::Mailbox::kMaxBytes) return integer(env, -EMSGSIZE);  // not even copied
  const auto size = static_cast<uint32_t>(bytes.size);
  return integer(env, loop::Mailbox::post(loop::makePost(args.handle(0), bytes.data, size)));
}

napi_value trigger(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  return integer(env, loop::Mailbox::post(loop::makeLetter(args.handle(0), loop::In::TRIGGER,
                                                           args.i32(1), args.i32(2))));
}

napi_value wake(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, loop::Mailbox::wake(args.handle(0)));
}

napi_value uncaught(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  napi_fatal_exception(env, args.at(0));
  return nullptr;
}

napi_value reportMemoryAtEnd(napi_env, napi_callback_info) {
  Environment::reportMemoryAtEnd();
  return nullptr;
}

constexpr Method kMethods[] = {
    {"createEngine", createEngine}, {"post", post},
    {"trigger", trigger},           {"wake", wake},
    {"uncaught", uncaught},         {"reportMemoryAtEnd", reportMemoryAtEnd},
};

napi_value capabilities(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "backend", text(env, "native", NAPI_AUTO_LENGTH));
  napi_set_named_property(env, object, "implementation",
                          text(env, sys::pollerName(), NAPI_AUTO_LENGTH));
  napi_set_named_property(env, object, "systemDescriptors", flag(env, true));
  napi_set_named_property(env, object, "reusePort", flag(env, sys::kSpreadsByReusePort));
  napi_set_named_property(env, object, "threadedClose", flag(env, true));
  napi_set_named_property(env, object, "sharedBlocks", flag(env, true));
  napi_set_named_property(env, object, "sharedQueues", flag(env, true));
  napi_set_named_property(env, object, "nativeCoroutines", flag(env, true));
  napi_set_named_property(env, object, "dedicatedLoops", flag(env, true));
  napi_set_named_property(env, object, "nativeModules", flag(env, true));
  return object;
}

napi_value init(napi_env env, napi_value exports) {
  sys::ignoreBrokenPipe();
  if (!Environment::begin(env)) return refuse(env, "ENOMEM", "no memory for the environment");
  addMethods(env, exports, kMethods, nullptr);
  napi_set_named_property(env, exports, "sys", sysObject(env));
  napi_set_named_property(env, exports, "shared", sharedObject(env));
  napi_set_named_property(env, exports, "protocol", protocolObject(env));
  napi_set_named_property(env, exports, "memory", memoryObject(env));
  napi_set_named_property(env, exports, "safe", safeObject(env));
  napi_set_named_property(env, exports, "aco", acoObject(env));
  napi_set_named_property(env, exports, "jobs", jobsObject(env));
  napi_set_named_property(env, exports, "modules", modulesObject(env));
  napi_set_named_property(env, exports, "capabilities", capabilities(env));
  return exports;
}

}  // namespace
}  // namespace heddle::binding

NAPI_MODULE_INIT() { return heddle::binding::init(env, exports); }
