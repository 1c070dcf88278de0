// Typed memory for JavaScript (`MemoryBackend` in lib/backend/memory.ts).
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "binding/args.h"
#include "binding/isolate_memory.h"
#include "binding/pressure_bells.h"
#include "mem/loose_blocks.h"
#include "mem/memtype.h"
#include "mem/pressure.h"

namespace heddle::binding {
namespace {

napi_value engine(napi_env env, napi_callback_info) {
  return text(env, mem::engineName(), NAPI_AUTO_LENGTH);
}

napi_value setEngine(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, mem::setEngine(stringOf(env, args.at(0)).c_str()));
}

napi_value setMapThreshold(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  mem::setMapThreshold(args.real<size_t>(0));
  return integer(env, 0);
}

napi_value setPressure(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  mem::PressureMarks marks;
  marks.limitBytes = args.real<uint64_t>(0);
  marks.highPercent = args.real<uint32_t>(1);
  marks.goalPercent = args.real<uint32_t>(2);
  return integer(env, mem::setPressureMarks(marks, pressureChanged, nullptr));
}

napi_value pressureMarks(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::PressureMarks marks = mem::pressureMarks();
  return fillNumbers(env, args.at(0),
                     {real(marks.limitBytes), real(marks.highPercent), real(marks.goalPercent)});
}

napi_value setTypeLimit(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, mem::setMemtypeLimit(args.real<uint32_t>(0)));
}

napi_value setLeaks(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  setLeakReport(args.boolean(0));
  return undefined(env);
}

napi_value registerType(napi_env env, napi_callback_info info) {
  const Args<5> args(env, info);
  const ShortText description = stringOf(env, args.at(0));
  mem::Definition definition{.description = description.c_str()};
  definition.kind = args.i32(1) == 0 ? mem::Kind::kFixed : mem::Kind::kVsize;
  definition.bytes = args.real<size_t>(2);
  definition.align = args.real<uint32_t>(3);
  const int32_t pattern = args.i32(4);
  definition.fill = pattern < 0 ? mem::kNoFill : static_cast<uint32_t>(pattern);
  return integer(env, mem::registerMemtype(definition));
}

napi_value typeCount(napi_env env, napi_callback_info) { return integer(env, mem::memtypeCount()); }

napi_value type(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::TypeInfo* const found = mem::findType(args.handle(0));
  if (found == nullptr) return undefined(env);
  napi_value object;
  napi_create_object(env, &object);
  const auto set = [env, object](const char* name, napi_value value) {
    napi_set_named_property(env, object, name, value);
  };
  set("description", text(env, found->description, NAPI_AUTO_LENGTH));
  set("kind", integer(env, found->kind == mem::Kind::kFixed ? 0 : 1));
  set("size", number(env, real(found->bytes)));
  set("align", integer(env, found->align));
  set("fill", integer(env, found->fill == mem::kNoFill ? -1 : static_cast<int>(found->fill)));
  return object;
}

napi_value find(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const ShortText description = stringOf(env, args.at(0));
  // None has a NUL in it.
  const bool isName = description.view().find('\0') == std::string_view::npos;
  return integer(env, isName ? mem::memtypeByName(description.c_str()) : mem::kNoMemtype);
}

napi_value usage(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const mem::Usage used = mem::usageOf(args.handle(0));
  return fillNumbers(
      env, args.at(1),
      {real(used.live), real(used.peak), real(used.total), real(used.bytes), real(used.peakBytes),
       real(used.mappedBytes), real(used.remoteFrees), real(used.slabs), real(used.cached)});
}

napi_value totals(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const mem::Totals all = mem::memoryTotals();
  return fillNumbers(env, args.at(0),
                     {real(all.live), real(all.bytes), real(all.mappedBytes), real(all.heldBytes),
                      real(all.residentBytes), real(all.physicalBytes),
                      real(mem::unclaimedBlocks()), real(abandonedBlocks())});
}

napi_value allocate(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  TypedBlock block;
  block.type = args.handle(0);
  block.bytes = args.real<size_t>(1);
  const bool zeroed = args.boolean(2);
  mem::FaultReport report;
  block.memory = mem::isFixed(block.type) ? mem::tryAllocate(block.type, report)
                                          : mem::tryAllocateBytes(block.type, block.bytes, report);
  if (block.memory == nullptr) {
    return integer(env, report.fault == mem::Fault::kNone ? -ENOMEM : -EINVAL);
  }
  if (zeroed && block.bytes > 0) std::memset(block.memory, 0, block.bytes);
  const int64_t handle = IsolateMemory::of(env)->add(block);
  if (handle < 0) mem::release(block.type, block.memory);
  return integer(env, handle);
}

napi_value resize(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  return integer(env, IsolateMemory::of(env)->resize(args.handle(0), args.real<size_t>(1)));
}

napi_value free(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, IsolateMemory::of(env)->free(args.handle(0)));
}

napi_value view(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  napi_value buffer = nullptr;
  const int made = IsolateMemory::of(env)->view(args.handle(0), &buffer);
  return made < 0 ? integer(env, made) : buffer;
}

napi_value write(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const TypedBlock* const block = IsolateMemory::of(env)->block(args.handle(0));
  if (block == nullptr) return integer(env, -EBADF);
  const Bytes bytes = bytesOf(env, args.at(1));
  if (bytes.size > block->bytes) return integer(env, -ERANGE);
  if (bytes.size > 0) std::memcpy(block->memory, bytes.data, bytes.size);
  return integer(env, 0);
}

napi_value address(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const TypedBlock* const block = IsolateMemory::of(env)->block(args.handle(0));
  napi_value result;
  napi_create_bigint_uint64(env, block == nullptr ? 0 : reinterpret_cast<uintptr_t>(block->memory),
                            &result);
  return result;
}

napi_value release(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, IsolateMemory::of(env)->giveUp(args.handle(0)));
}

napi_value adopt(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto token = args.real<uint64_t>(0);
  mem::LooseBlock loose;
  if (!mem::claimBlock(token, &loose)) return integer(env, -EBADF);
  const int64_t handle =
      IsolateMemory::of(env)->add({loose.memory, loose.bytes, loose.type, nullptr});
  if (handle < 0) {
    // Its token is gone, so the block would be lost to everybody.
    mem::release(loose.type, loose.memory);
    return integer(env, handle);
  }
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "handle", integer(env, handle));
  napi_set_named_property(env, object, "type", integer(env, loose.type));
  napi_set_named_property(env, object, "size", number(env, real(loose.bytes)));
  return object;
}

napi_value isLow(napi_env env, napi_callback_info) { return flag(env, mem::isMemoryLow()); }

napi_value changes(napi_env env, napi_callback_info) {
  return number(env, real(pressureChanges()));
}

napi_value collect(napi_env env, napi_callback_info) {
  mem::collectMemory();
  return undefined(env);
}

napi_value abort(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  std::fprintf(stderr, "heddle: %s\n", stringOf(env, args.at(0)).c_str());
  std::abort();
}

napi_value listen(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, IsolateMemory::of(env)->listen(args.at(0)));
}

constexpr Method kMethods[] = {
    {"engine", engine},
    {"setEngine", setEngine},
    {"setMapThreshold", setMapThreshold},
    {"setPressure", setPressure},
    {"pressureMarks", pressureMarks},
    {"setTypeLimit", setTypeLimit},
    {"setLeakReport", setLeaks},
    {"register", registerType},
    {"typeCount", typeCount},
    {"type", type},
    {"find", find},
    {"usage", usage},
    {"totals", totals},
    {"allocate", allocate},
    {"resize", resize},
    {"free", free},
    {"view", view},
    {"write", write},
    {"address", address},
    {"release", release},
    {"adopt", adopt},
    {"isLow", isLow},
    {"pressureChanges", changes},
    {"collect", collect},
    {"abort", abort},
    {"listen", listen},
};

napi_value engineNames(napi_env env) {
  // A list separated by comma and blank.
  const std::string_view all = mem::kEngineNames;
  napi_value names;
  napi_create_array(env, &names);
  uint32_t count = 0;
  for (size_t at = 0; at < all.size();) {
    size_t end = all.find(", ", at);
    if (end == std::string_view::npos) end = all.size();
    napi_set_element(env, names, count++, text(env, all.data() + at, end - at));
    at = end + 2;
  }
  return names;
}

}  // namespace

napi_value memoryObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  napi_set_named_property(env, object, "engines", engineNames(env));
  napi_set_named_property(env, object, "isNative", flag(env, true));
  return object;
}

}  // namespace heddle::binding
