// System calls on plain descriptors (`Sys` in lib/backend/backend.ts).
#include <cerrno>

#include "binding/args.h"
#include "binding/bind.h"
#include "binding/environment.h"
#include "binding/loose_descriptors.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

// A new descriptor (or an error), for JS to keep.
napi_value opened(napi_env env, int fd) {
  return integer(env, noteDescriptor(Environment::of(env), fd));
}

napi_value read(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const Bytes into = bytesOf(env, args.at(1));
  return integer(env, sys::readSome(args.i32(0), into.data, into.size));
}

napi_value write(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const Bytes from = bytesOf(env, args.at(1));
  return integer(env, sys::writeSome(args.i32(0), from.data, from.size));
}

napi_value accept(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return opened(env, sys::acceptStream(args.i32(0), nullptr));
}

napi_value close(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  // First: as soon as it is closed, another thread may be given its number.
  forgetDescriptor(args.i32(0));
  return integer(env, sys::closeFd(args.i32(0)));
}

napi_value setBlocking(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  return integer(env, sys::setBlocking(args.i32(0), args.boolean(1)));
}

napi_value two(napi_env env, int result, const int fds[2]) {
  if (result < 0) return integer(env, result);
  napi_value array;
  napi_create_array_with_length(env, 2, &array);
  napi_set_element(env, array, 0, opened(env, fds[0]));
  napi_set_element(env, array, 1, opened(env, fds[1]));
  return array;
}

napi_value pair(napi_env env, napi_callback_info) {
  int fds[2];
  const int result = sys::pair(fds);
  return two(env, result, fds);
}

napi_value pipe(napi_env env, napi_callback_info) {
  int fds[2];
  const int result = sys::pipe(fds);
  return two(env, result, fds);
}

napi_value listenFd(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  sys::Address address;
  const int read = readAddress(env, args.at(0), &address);
  if (read < 0) return integer(env, read);
  sys::ListenFlags flags;
  flags.backlog = Fields(env, args.at(0)).integer<int>("backlog", 511);
  return opened(env, sys::listenStream(address, flags));
}

napi_value tryBind(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  sys::Address address;
  const int read = readAddress(env, args.at(0), &address);
  if (read < 0) return integer(env, read);
  sys::ListenFlags flags;
  flags.ipv6Only = Fields(env, args.at(0)).boolean("ipv6Only", false);
  return integer(env, sys::tryBind(address, flags));
}

napi_value connectFd(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  sys::Address address;
  const int read = readAddress(env, args.at(0), &address);
  if (read < 0) return integer(env, read);
  bool inProgress = false;
  return opened(env, sys::connectStream(address, &inProgress));
}

napi_value socketError(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const int error = sys::socketError(args.i32(0));
  return integer(env, -error);
}

napi_value address(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  return descriptorAddress(env, args.i32(0), args.boolean(1));
}

napi_value descriptorLimit(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  if (args.count() == 0) return integer(env, sys::descriptorLimit());
  double wanted = 0;
  if (napi_get_value_double(env, args.at(0), &wanted) != napi_ok) {
    return integer(env, sys::descriptorLimit());
  }
  return integer(env, sys::raiseDescriptorLimit(saturated<int64_t>(wanted)));
}

napi_value descriptorFlags(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, sys::birthFlags(args.i32(0)));
}

constexpr Method kMethods[] = {
    {"read", read},
    {"write", write},
    {"accept", accept},
    {"close", close},
    {"setBlocking", setBlocking},
    {"pair", pair},
    {"pipe", pipe},
    {"listenFd", listenFd},
    {"tryBind", tryBind},
    {"connectFd", connectFd},
    {"socketError", socketError},
    {"address", address},
    {"descriptorLimit", descriptorLimit},
    {"descriptorFlags", descriptorFlags},
};

}  // namespace

napi_value sysObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

}  // namespace heddle::binding
