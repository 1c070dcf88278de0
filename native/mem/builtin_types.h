#pragma once

// The memtypes of the core itself: the three that every program may count on (event, message body,
// asynchronous job) and one for each thing that a subsystem keeps, so that the memory report
// accounts for everything.
//
//   event          one for each watched descriptor and each recurrent event of a loop
//   message body   what waits in native memory to be read by JavaScript: posted bytes, and input of
//                  HTTP that nobody has asked for yet or whose head is not complete
//   job            for job queues
//
// vsize types are registered when the program is loaded; a fixed one by the file that knows the
// size (mem/typed_object.h), also at load. The ids do not change afterwards. Any thread.

#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "mem/fault.h"
#include "mem/registry.h"

namespace heddle::mem {

enum BuiltinTraits : uint8_t {
  kPlain = 0,
  kStays = 1,  // the process keeps its blocks when everything else has ended, to use them again
  kEarly = 2,  // see Definition
};

// name, description, kind, alignment, traits
#define HEDDLE_BUILTIN_TYPES(X)                                \
  X(kEvent, "core:event", kFixed, 16, kPlain)                  \
  X(kMessageBody, "core:message-body", kVsize, 16, kPlain)     \
  X(kAsyncJob, "core:async-job", kVsize, 16, kPlain)           \
  X(kSystem, "sys:supply", kVsize, 16, kPlain)                 \
  X(kEpochRecord, "epoch:record", kVsize, 64, kStays | kEarly) \
  X(kLoop, "loop:loop", kVsize, 16, kPlain)                    \
  X(kLoopTable, "loop:table", kVsize, 16, kPlain)              \
  X(kTimers, "loop:timers", kVsize, 16, kPlain)                \
  X(kTimerSlab, "loop:timer-slab", kFixed, 16, kPlain)         \
  X(kLetter, "loop:letter", kFixed, 16, kPlain)                \
  X(kDeferred, "port:deferred", kVsize, 16, kPlain)            \
  X(kBatch, "port:batch", kVsize, 64, kPlain)                  \
  X(kHandedOver, "port:handed-over", kVsize, 16, kPlain)       \
  X(kDedicated, "loop:dedicated", kVsize, 64, kPlain)          \
  X(kCoroutine, "coro:coroutine", kFixed, 64, kPlain)          \
  X(kCoroutineSave, "coro:save", kVsize, 16, kPlain)           \
  X(kCoroutineEnd, "coro:end", kFixed, 16, kPlain)             \
  X(kCoroutineStack, "coro:stack", kVsize, 64, kPlain)         \
  X(kNet, "net:net", kVsize, 16, kPlain)                       \
  X(kConnections, "net:connections", kVsize, 16, kPlain)       \
  X(kListeners, "net:listeners", kVsize, 16, kPlain)           \
  X(kSettings, "net:settings", kFixed, 16, kPlain)             \
  X(kTodo, "net:todo", kVsize, 16, kPlain)                     \
  X(kOutput, "net:output", kFixed, 16, kPlain)                 \
  X(kSegment, "net:segment", kVsize, 16, kPlain)               \
  X(kHttpSide, "http:side", kFixed, 16, kPlain)                \
  X(kHeldResponse, "http:held-response", kFixed, 16, kPlain)   \
  X(kHeldBytes, "http:held-bytes", kVsize, 16, kPlain)         \
  X(kAcoRuntime, "aco:runtime", kVsize, 16, kPlain)            \
  X(kAcoTasks, "aco:coroutines", kVsize, 16, kPlain)           \
  X(kAcoArgument, "aco:argument", kVsize, 16, kPlain)          \
  X(kAcoEvents, "aco:events", kVsize, 16, kPlain)              \
  X(kAcoBytes, "aco:read-ahead", kVsize, 16, kPlain)           \
  X(kAcoListeners, "aco:listeners", kVsize, 16, kPlain)        \
  X(kAcoService, "aco:service", kFixed, 16, kPlain)            \
  X(kAcoGate, "aco:gate", kFixed, 16, kPlain)                  \
  X(kAcoCall, "aco:call", kVsize, 16, kPlain)                  \
  X(kAcoErrand, "aco:errand", kVsize, 16, kPlain)              \
  X(kAcoName, "aco:name", kVsize, 16, kStays)                  \
  X(kSharedMap, "shared:map", kVsize, 64, kPlain)              \
  X(kSharedTable, "shared:map-table", kVsize, 16, kPlain)      \
  X(kSharedNode, "shared:map-node", kVsize, 16, kPlain)        \
  X(kSharedCounter, "shared:counter", kVsize, 16, kPlain)      \
  X(kSafeBlock, "safe:block", kVsize, 16, kPlain)              \
  X(kSafeTable, "safe:table", kVsize, 16, kStays)              \
  X(kSafePin, "safe:pin", kFixed, 16, kPlain)                  \
  X(kSafeHolder, "safe:holder", kFixed, 16, kPlain)            \
  X(kSafeView, "safe:view", kFixed, 16, kPlain)                \
  X(kLooseBlock, "memory:loose-block", kFixed, 16, kPlain)     \
  X(kBufferView, "memory:view", kFixed, 16, kPlain)            \
  X(kLentBlock, "memory:lent-block", kFixed, 16, kPlain)       \
  X(kHandles, "memory:handles", kVsize, 16, kPlain)            \
  X(kSharedVersions, "shared:versions", kVsize, 64, kPlain)    \
  X(kEnvironment, "binding:environment", kVsize, 16, kEarly)   \
  X(kEngine, "binding:engine", kVsize, 16, kPlain)             \
  X(kPin, "binding:pin", kFixed, 16, kPlain)                   \
  X(kUvHandle, "binding:uv-handle", kVsize, 16, kPlain)        \
  X(kMapHold, "binding:map", kVsize, 16, kPlain)               \
  X(kCounterHold, "binding:counter", kVsize, 16, kPlain)       \
  X(kText, "binding:text", kVsize, 16, kPlain)                 \
  X(kJobBytes, "job:bytes", kVsize, 16, kPlain)                \
  X(kJobQueue, "job:queue", kVsize, 64, kStays)                \
  X(kJobWorker, "job:worker", kVsize, 64, kPlain)              \
  X(kJobWaiting, "job:waiting", kVsize, 16, kPlain)            \
  X(kJobDesk, "job:desk", kVsize, 64, kPlain)                  \
  X(kJobTable, "job:table", kVsize, 16, kPlain)                \
  X(kJobName, "job:name", kVsize, 16, kStays)                  \
  X(kModuleLibraries, "module:libraries", kVsize, 16, kStays)  \
  X(kModule, "module:module", kVsize, 16, kPlain)              \
  X(kModuleSelf, "module:self", kVsize, 16, kPlain)            \
  X(kModuleHook, "module:hook", kVsize, 16, kPlain)            \
  X(kModulePlan, "module:providers", kVsize, 16, kPlain)       \
  X(kModuleValues, "module:values", kVsize, 16, kPlain)        \
  X(kModuleBytes, "module:bytes", kVsize, 16, kPlain)          \
  X(kModuleEvents, "module:events", kVsize, 16, kPlain)        \
  X(kModuleJob, "module:job", kVsize, 16, kPlain)              \
  X(kModulePost, "module:post", kVsize, 16, kPlain)            \
  X(kModuleDesk, "module:desk", kVsize, 16, kPlain)            \
  X(kLooseTable, "binding:loose-descriptors", kVsize, 16, kStays)

enum class Builtin : uint8_t {
#define HEDDLE_NAME(name, description, kind, align, traits) name,
  HEDDLE_BUILTIN_TYPES(HEDDLE_NAME)
#undef HEDDLE_NAME
      kCount
};

constexpr Kind kindOf(Builtin which) {
  constexpr Kind kKinds[] = {
#define HEDDLE_KIND(name, description, kind, align, traits) Kind::kind,
      HEDDLE_BUILTIN_TYPES(HEDDLE_KIND)
#undef HEDDLE_KIND
  };
  return kKinds[static_cast<size_t>(which)];
}

constexpr uint32_t alignOf(Builtin which) {
  constexpr uint32_t kAligns[] = {
#define HEDDLE_ALIGN(name, description, kind, align, traits) align,
      HEDDLE_BUILTIN_TYPES(HEDDLE_ALIGN)
#undef HEDDLE_ALIGN
  };
  return kAligns[static_cast<size_t>(which)];
}

// Written while the program is loaded, read only from then on.
extern constinit Memtype builtinTypes[static_cast<size_t>(Builtin::kCount)];

// kNoMemtype for a fixed type whose subsystem is not part of the program.
[[nodiscard]] inline Memtype builtinType(Builtin which) {
  return builtinTypes[static_cast<size_t>(which)];
}

// For the file that knows what a fixed type's blocks hold, at load. Returns the id.
Memtype defineBuiltin(Builtin which, size_t bytes);

// Prints the built-in types that have live blocks, except those whose blocks stay; whether there
// were any. The check at the end of every test program.
bool printLiveBuiltins(std::FILE* out);

// Where a want of memory has no answer: says of which type and how much, and aborts.
[[noreturn]] void stopWithoutMemory(Builtin which, size_t bytes);

}  // namespace heddle::mem
