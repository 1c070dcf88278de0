// The C interface: translates arguments and nothing more. What it promises stands in the headers.
#include "aco/c_abi.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "aco/aco.h"
#include "sys/clock.h"

namespace heddle::aco {
namespace {

// What other compilers have laid out.
static_assert(sizeof(heddle_wait) == 16 || sizeof(void*) != 8);
static_assert(sizeof(heddle_frame) == 8);
static_assert(sizeof(heddle_address) == 136);
static_assert(sizeof(heddle_start) == 48 || sizeof(void*) != 8);
static_assert(sizeof(heddle_asynch) == 56 || sizeof(void*) != 8);
static_assert(sizeof(heddle_listen) == 56 || sizeof(void*) != 8);
static_assert(static_cast<int>(Phase::kWork) == HEDDLE_WORK &&
              static_cast<int>(Phase::kCleanup) == HEDDLE_CLEANUP &&
              static_cast<int>(Phase::kComplete) == HEDDLE_COMPLETE);
static_assert(kForever == HEDDLE_FOREVER);

Event* of(heddle_event* event) { return reinterpret_cast<Event*>(event); }
const Event* of(const heddle_event* event) { return reinterpret_cast<const Event*>(event); }
heddle_event* handleOf(Event* event) { return reinterpret_cast<heddle_event*>(event); }
Gate* of(heddle_gate* gate) { return reinterpret_cast<Gate*>(gate); }

Wait waitOf(const heddle_wait* wait) {
  return wait == nullptr ? Wait{} : Wait{wait->timeout_ns, wait->done};
}

const char* nameOf(const char* name) { return name == nullptr ? "" : name; }

void describe(const sys::Address& address, heddle_address* out) {
  static_assert(sizeof(out->host) >= sys::kHostTextBytes);
  *out = {};
  out->family = static_cast<int32_t>(sys::familyOf(address));
  out->port = sys::portOf(address);
  if (sys::formatHost(address, out->host, sizeof(out->host)) < 0) out->host[0] = '\0';
}

// --- the coroutine itself

int64_t startIn(uint32_t loop, const heddle_start& asked, const StartOptions& options) {
  Runtime* const here = Runtime::atHand();
  if (here != nullptr && (loop == 0 || loop == here->loop().loopId())) {
    return here->start(asked.procedure, asked.argument, options);
  }
  const uint32_t there = loop == 0 ? defaultLoop() : loop;
  return there == 0 ? -ENXIO : startOn(there, asked.procedure, asked.argument, options);
}

int64_t apiStart(const heddle_start* asked) {
  if (asked == nullptr || asked->procedure == nullptr) return -EINVAL;
  if (asked->argument_bytes > 0 && asked->argument == nullptr) return -EINVAL;
  StartOptions options;
  options.name = nameOf(asked->name);
  options.argumentBytes = asked->argument_bytes;
  if (asked->max_stack_bytes > 0) options.stack.maxStackBytes = asked->max_stack_bytes;
  options.stack.ownStack = (asked->flags & HEDDLE_START_OWN_STACK) != 0;
  options.stack.keepsFloatingControl = (asked->flags & HEDDLE_START_KEEPS_FLOATING) != 0;
  return startIn(asked->loop, *asked, options);
}

// The attribute that belongs to the type; the standard one does not.
__attribute__((noreturn)) void apiExit() { exit(); }

uint32_t apiLoop() {
  Runtime* const here = Runtime::atHand();
  return here == nullptr ? 0 : here->loop().loopId();
}

uint64_t apiSelf() { return self(); }

// The runtime of this thread, if that is where the word goes.
Runtime* here(uint32_t loop) {
  Runtime* const runtime = Runtime::current();
  return runtime != nullptr && (loop == 0 || loop == runtime->loop().loopId()) ? runtime : nullptr;
}

int apiUnpark(uint32_t loop, uint64_t id, uint64_t value) {
  Runtime* const runtime = here(loop);
  if (runtime != nullptr) return runtime->unpark(id, value);
  return loop == 0 ? -ENXIO : unparkOn(loop, id, value);
}

int apiCancel(uint32_t loop, uint64_t id) {
  Runtime* const runtime = here(loop);
  if (runtime != nullptr) return runtime->cancel(id);
  return loop == 0 ? -ENXIO : cancelOn(loop, id);
}

int64_t apiNow() { return sys::monotonicNs(); }

// --- events

int apiAdopt(int fd, heddle_event** out) {
  if (out == nullptr) return -EINVAL;
  Event* event = nullptr;
  const int adopted = Event::adopt(fd, &event);
  *out = handleOf(event);
  return adopted;
}

int apiRelease(heddle_event* event) { return of(event)->release(); }
int apiFree(heddle_event* event) { return of(event)->free(); }

int64_t apiRead(heddle_event* event, void* buffer, size_t size, const heddle_wait* wait) {
  return of(event)->read(buffer, size, waitOf(wait));
}

int64_t apiReadExact(heddle_event* event, void* buffer, size_t size, const heddle_wait* wait) {
  return of(event)->readExact(buffer, size, waitOf(wait));
}

int64_t apiReadUntil(heddle_event* event, void* buffer, size_t size, const void* delimiter,
                     size_t delimiterBytes, const heddle_wait* wait) {
  return of(event)->readUntil(buffer, size, delimiter, delimiterBytes, waitOf(wait));
}

int64_t apiReadFrame(heddle_event* event, void* buffer, size_t size, const heddle_frame* format,
                     const heddle_wait* wait) {
  FrameFormat form;
  if (format != nullptr) {
    form = {format->header_bytes, format->little_endian != 0, format->counts_header != 0};
  }
  return of(event)->readFrame(buffer, size, form, waitOf(wait));
}

int64_t apiWrite(heddle_event* event, const void* bytes, size_t size, const heddle_wait* wait) {
  return of(event)->write(bytes, size, waitOf(wait));
}

int64_t apiWriteAll(heddle_event* event, const void* bytes, size_t size, const heddle_wait* wait) {
  return of(event)->writeAll(bytes, size, waitOf(wait));
}

int64_t apiAccept(heddle_event* event, heddle_address* peer, const heddle_wait* wait) {
  sys::Address address{};
  const int64_t accepted = of(event)->accept(&address, waitOf(wait));
  if (accepted >= 0 && peer != nullptr) describe(address, peer);
  return accepted;
}

int apiClose(heddle_event* event) { return of(event)->close(); }

int apiSetTimeout(heddle_event* event, int direction, int64_t ns) {
  switch (direction) {
    case HEDDLE_READ:
      of(event)->setReadTimeout(ns);
      return 0;
    case HEDDLE_WRITE:
      of(event)->setWriteTimeout(ns);
      return 0;
    case HEDDLE_ACCEPT:
      of(event)->setAcceptTimeout(ns);
      return 0;
  }
  return -EINVAL;
}

int64_t apiTimeout(const heddle_event* event, int direction) {
  switch (direction) {
    case HEDDLE_READ:
      return of(event)->readTimeout();
    case HEDDLE_WRITE:
      return of(event)->writeTimeout();
    case HEDDLE_ACCEPT:
      return of(event)->acceptTimeout();
  }
  return -EINVAL;
}

void apiSetClosure(heddle_event* event, void* closure) { of(event)->setClosure(closure); }
void* apiClosure(const heddle_event* event) { return of(event)->closure(); }
int apiDescriptor(const heddle_event* event) { return of(event)->fd(); }
size_t apiBuffered(const heddle_event* event) { return of(event)->buffered(); }

// --- asynchronous calls

AsynchOptions optionsOf(const heddle_asynch* asked) {
  AsynchOptions options;
  if (asked == nullptr) return options;
  options.queue = asked->queue;
  options.subqueue = asked->subqueue;
  options.deadlineNs = asked->deadline_ns;
  options.gate = of(asked->gate);
  options.tryOnly = (asked->flags & HEDDLE_ASYNCH_TRY) != 0;
  options.copyBytes = asked->copy_bytes;
  options.result = asked->result;
  return options;
}

int apiAsynch(int64_t (*function)(void*), void* argument, const heddle_asynch* options) {
  return asynch(function, argument, optionsOf(options));
}

int apiAsynchPhased(int64_t (*function)(heddle_phase, void*), void* argument,
                    const heddle_asynch* options) {
  // Both enumerations are an int to whoever is called.
  return asynchPhased(reinterpret_cast<PhasedFunction>(function), argument, optionsOf(options));
}

heddle_gate* apiGateMake() { return reinterpret_cast<heddle_gate*>(Gate::make()); }
int apiGateWait(heddle_gate* gate, int64_t timeoutNs) { return of(gate)->wait(timeoutNs); }
int apiGateFree(heddle_gate* gate) { return of(gate)->free(); }

// --- listeners

int64_t apiListen(const heddle_listen* asked) {
  if (asked == nullptr || asked->serve == nullptr) return -EINVAL;
  Runtime* const runtime = Runtime::atHand();
  if (runtime == nullptr) return -ENXIO;
  ListenSpec spec;
  const char* const host = asked->host == nullptr ? "127.0.0.1" : asked->host;
  const int parsed = asked->path == nullptr
                         ? sys::parseAddress(host, asked->port, &spec.address)
                         : sys::unixAddress(asked->path, std::strlen(asked->path), &spec.address);
  if (parsed < 0) return parsed;
  if (asked->backlog > 0) spec.backlog = asked->backlog;
  spec.maxConnections = asked->max_connections;
  spec.procedure = asked->serve;
  spec.name = nameOf(asked->name);
  if (asked->max_stack_bytes > 0) spec.stack.maxStackBytes = asked->max_stack_bytes;
  return runtime->listen(spec);
}

int apiCloseListener(int64_t handle) {
  Runtime* const runtime = Runtime::current();
  return runtime == nullptr ? -ENXIO : runtime->closeListener(static_cast<uint32_t>(handle));
}

int apiListenerAddress(int64_t handle, heddle_address* out) {
  Runtime* const runtime = Runtime::current();
  if (runtime == nullptr) return -ENXIO;
  const Listener* const listener = runtime->listener(static_cast<uint32_t>(handle));
  if (listener == nullptr) return -EBADF;
  describe(listener->bound, out);
  return 0;
}

constexpr heddle_aco_api kAco = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_aco_api),
    .start = apiStart,
    .arg = arg,
    .arg_bytes = argBytes,
    .exit = apiExit,
    .self = apiSelf,
    .loop = apiLoop,
    .on_end = onEnd,
    .sleep = sleep,
    .park = park,
    .unpark = apiUnpark,
    .cancel = apiCancel,
    .enter_section = enterSection,
    .leave_section = leaveSection,
    .now_ns = apiNow,
    .adopt = apiAdopt,
    .release = apiRelease,
    .free_event = apiFree,
    .read = apiRead,
    .read_exact = apiReadExact,
    .read_until = apiReadUntil,
    .read_frame = apiReadFrame,
    .write = apiWrite,
    .write_all = apiWriteAll,
    .accept = apiAccept,
    .close = apiClose,
    .set_timeout = apiSetTimeout,
    .timeout = apiTimeout,
    .set_closure = apiSetClosure,
    .closure = apiClosure,
    .descriptor = apiDescriptor,
    .buffered = apiBuffered,
    .asynch = apiAsynch,
    .asynch_phased = apiAsynchPhased,
    .gate_make = apiGateMake,
    .gate_wait = apiGateWait,
    .gate_free = apiGateFree,
    .listen = apiListen,
    .close_listener = apiCloseListener,
    .listener_address = apiListenerAddress,
};

}  // namespace

const heddle_aco_api* acoApi() { return &kAco; }

}  // namespace heddle::aco
