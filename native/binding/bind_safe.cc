// Safe memory for JavaScript (`SafeBackend` in lib/backend/memory.ts).
#include <cerrno>
#include <cstring>

#include "binding/args.h"
#include "binding/isolate_memory.h"
#include "mem/epoch.h"
#include "mem/safe_block.h"

namespace heddle::binding {
namespace {

napi_value allocate(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  mem::SafeOptions options{.zeroed = args.boolean(1), .named = true};
  mem::SafeHolder* holder = nullptr;
  if (args.boolean(2)) {
    holder = IsolateMemory::of(env)->holder();
    if (holder == nullptr) return integer(env, -ENOMEM);
    holder->share();
    options.cleanup = mem::SafeHolder::deliver;
    options.context = holder;
  }
  void* const payload = mem::safeAllocate(args.real<size_t>(0), options);
  if (payload == nullptr) {
    if (holder != nullptr) holder->unshare();
    return integer(env, -ENOMEM);
  }
  return number(env, real(mem::SafeBlock::of(payload)->id));
}

napi_value size(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::EpochScope section;
  const mem::SafeBlock* const block = mem::safeFind(args.real<uint64_t>(0));
  return block == nullptr ? integer(env, -ENOENT) : number(env, real(block->payloadBytes));
}

napi_value free(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::SafeFault fault = mem::safeFreeById(args.real<uint64_t>(0));
  IsolateMemory::of(env)->letGo();
  return integer(env, fault == mem::SafeFault::kNone ? 0 : -ENOENT);
}

napi_value view(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  napi_value buffer = nullptr;
  const int made = IsolateMemory::of(env)->viewSafe(args.real<uint64_t>(0), &buffer);
  return made < 0 ? integer(env, made) : buffer;
}

napi_value write(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const Bytes bytes = bytesOf(env, args.at(1));
  const mem::EpochScope section;
  mem::SafeBlock* const block = mem::safeFind(args.real<uint64_t>(0));
  if (block == nullptr) return integer(env, -ENOENT);
  if (bytes.size > block->payloadBytes) return integer(env, -ERANGE);
  if (bytes.size > 0) std::memcpy(block->payload(), bytes.data, bytes.size);
  return integer(env, 0);
}

napi_value enter(napi_env env, napi_callback_info) {
  (void)mem::epochEnter();
  return undefined(env);
}

napi_value leave(napi_env env, napi_callback_info) {
  const int left = mem::epochLeave();
  IsolateMemory::of(env)->letGo();
  return integer(env, left);
}

napi_value inSection(napi_env env, napi_callback_info) { return flag(env, mem::epochInSection()); }

napi_value makeSection(napi_env env, napi_callback_info) {
  return integer(env, IsolateMemory::of(env)->makeSection());
}

napi_value swap(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, IsolateMemory::of(env)->swapSection(args.handle(0)));
}

napi_value dropSection(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  IsolateMemory* const memory = IsolateMemory::of(env);
  const int64_t levels = memory->dropSection(args.handle(0));
  memory->letGo();
  return integer(env, levels);
}

napi_value maintainTry(napi_env env, napi_callback_info) {
  return integer(env, mem::epochMaintain(mem::MaintainMode::kTry));
}

napi_value ticket(napi_env env, napi_callback_info) {
  return number(env, real(mem::epochs().maintainAsync()));
}

napi_value past(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return flag(env, mem::epochs().past(args.real<uint64_t>(0)));
}

napi_value letGo(napi_env env, napi_callback_info) {
  IsolateMemory::of(env)->letGo();
  return undefined(env);
}

napi_value takeReclaimed(napi_env env, napi_callback_info) {
  return number(env, real(IsolateMemory::of(env)->takeReclaimed()));
}

napi_value stats(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::SafeStats blocks = mem::safeStats();
  const mem::EpochStats epochs = mem::epochs().stats();
  return fillNumbers(
      env, args.at(0),
      {real(blocks.allocations), real(blocks.freesRequested), real(blocks.freesCompleted),
       real(blocks.bytesPending), real(epochs.cycles), real(epochs.highWaters), real(epochs.epoch),
       real(epochs.threads), real(epochs.backlogBytes())});
}

napi_value setAsynch(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, mem::epochPauseCollector(!args.boolean(0)));
}

napi_value setHighWater(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  mem::epochs().setHighWater(args.real<uint64_t>(0));
  return undefined(env);
}

constexpr Method kMethods[] = {
    {"allocate", allocate},
    {"size", size},
    {"free", free},
    {"view", view},
    {"write", write},
    {"enter", enter},
    {"leave", leave},
    {"inSection", inSection},
    {"makeSection", makeSection},
    {"swap", swap},
    {"dropSection", dropSection},
    {"maintainTry", maintainTry},
    {"ticket", ticket},
    {"past", past},
    {"letGo", letGo},
    {"takeReclaimed", takeReclaimed},
    {"stats", stats},
    {"setAsynch", setAsynch},
    {"setHighWater", setHighWater},
};

}  // namespace

napi_value safeObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

}  // namespace heddle::binding
