// A shared map's engine. `get` is the hot path: three calls of Node-API for a number under a string
// (the arguments, the key's units, the result), with the map found by the function's data pointer.
#include <cerrno>
#include <cmath>
#include <cstring>

#include "binding/args.h"
#include "binding/bind_shared.h"
#include "binding/environment.h"
#include "binding/hold.h"
#include "binding/shared_arguments.h"
#include "mem/typed_array.h"
#include "mem/typed_object.h"

namespace heddle::binding {
namespace {

using shared::Node;
using shared::SharedMap;

constexpr size_t kScratchBytes = 65'536;
// Words of control, as lib/backend/shared.ts has them.
enum Control : uint8_t { kLength, kKind, kPresent, kCell, kVersion, kControlWords };
// Longer texts are not remembered: many of them would be a lot of memory.
constexpr uint32_t kMaxRememberedBytes = 256;

class MapHold final : public Hold {
 public:
  // nullptr without memory; the map is the caller's then.
  static MapHold* make(napi_env env, SharedMap* map);
  napi_value object(napi_env env);

  [[nodiscard]] SharedMap& map() const { return *map_; }
  [[nodiscard]] int32_t& control(Control word) const { return control_[word]; }
  // What get returns for a node that is there.
  [[nodiscard]] napi_value valueOf(napi_env env, const Node& node) const;
  // Tells JavaScript whether it may remember what was found, or that nothing was (versions.h).
  void offer(const shared::Key& key, uint32_t version, bool mayRemember) const;

  [[nodiscard]] int openWalk();
  // nullptr when there is no such walk.
  [[nodiscard]] shared::WalkPlace* walk(int cursor);
  void closeWalk(int cursor);

 private:
  struct Walk {
    shared::WalkPlace place;
    bool open;
  };

  void release(napi_env env) override;
  [[nodiscard]] bool makeViews(napi_env env);
  void destroy() override { Memory::destroy(this); }

  using Memory = mem::Typed<MapHold, mem::Builtin::kMapHold>;
  friend Memory;

  SharedMap* map_ = nullptr;
  // One ArrayBuffer, which the reference keeps.
  uint8_t* scratch_ = nullptr;
  int32_t* control_ = nullptr;
  napi_ref scratchRef_ = nullptr;
  // An ArrayBuffer over the numbers and marks of versions.h; nullptr where this runtime has none
  // over memory of others. Detached when the hold is closed.
  napi_ref versionsRef_ = nullptr;
  mem::TypedArray<Walk, mem::Builtin::kMapHold> walks_;
};

// --- the hold

MapHold* MapHold::make(napi_env env, SharedMap* map) {
  MapHold* const hold = Memory::make();
  if (hold == nullptr) return nullptr;
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value scratch = nullptr;
  constexpr size_t kBytes = kScratchBytes + kControlWords * sizeof(int32_t);
  if (napi_create_arraybuffer(env, kBytes, &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint8_array, kScratchBytes, buffer, 0, &scratch) !=
          napi_ok ||
      napi_create_reference(env, scratch, 1, &hold->scratchRef_) != napi_ok) {
    Memory::destroy(hold);
    return nullptr;
  }
  hold->map_ = map;
  hold->scratch_ = static_cast<uint8_t*>(data);
  hold->control_ = reinterpret_cast<int32_t*>(hold->scratch_ + kScratchBytes);
  return hold;
}

// The views may be collected after the map has gone: what they show is counted.
bool MapHold::makeViews(napi_env env) {
  shared::Versions* const versions = map_->versions();
  const auto drop = [](napi_env, void*, void* held) {
    static_cast<shared::Versions*>(held)->drop();
  };
  versions->hold();
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, versions->memory(), shared::Versions::kMemoryBytes,
                                       drop, versions, &buffer) != napi_ok) {
    versions->drop();
    return false;
  }
  return napi_create_reference(env, buffer, 1, &versionsRef_) == napi_ok;
}

void MapHold::release(napi_env env) {
  map_->close();
  napi_delete_reference(env, scratchRef_);
  if (versionsRef_ == nullptr) return;
  napi_value buffer = nullptr;
  if (napi_get_reference_value(env, versionsRef_, &buffer) == napi_ok && buffer != nullptr) {
    napi_detach_arraybuffer(env, buffer);
  }
  napi_delete_reference(env, versionsRef_);
}

void MapHold::offer(const shared::Key& key, uint32_t version, bool mayRemember) const {
  if (!mayRemember || !shared::Versions::isStable(version)) {
    control(kCell) = -1;
    return;
  }
  control(kCell) = static_cast<int32_t>(shared::Versions::cellOf(key.hash));
  control(kVersion) = static_cast<int32_t>(version);
}

bool mayRemember(const Node& node) {
  return node.expiresNs == 0 && foreignKind(node) == kPlainValue &&
         node.valueBytes <= kMaxRememberedBytes;
}

napi_value MapHold::valueOf(napi_env env, const Node& node) const {
  const ForeignKind kind = foreignKind(node);
  if (kind == kPlainValue) return plainValue(env, node);
  control(kLength) = static_cast<int32_t>(node.valueBytes);
  control(kKind) = kind;
  if (node.valueBytes > kScratchBytes) return copyOf(env, node.valueData(), node.valueBytes);
  std::memcpy(scratch_, node.valueData(), node.valueBytes);
  napi_value scratch = nullptr;
  napi_get_reference_value(env, scratchRef_, &scratch);
  return scratch;
}

int MapHold::openWalk() {
  size_t at = 0;
  while (at < walks_.size() && walks_[at].open) at++;
  if (at == walks_.size() && !walks_.push({})) return -ENOMEM;
  walks_[at] = {{}, true};
  return static_cast<int>(at);
}

shared::WalkPlace* MapHold::walk(int cursor) {
  if (cursor < 0 || static_cast<size_t>(cursor) >= walks_.size()) return nullptr;
  Walk& walk = walks_[static_cast<size_t>(cursor)];
  return walk.open ? &walk.place : nullptr;
}

void MapHold::closeWalk(int cursor) {
  if (walk(cursor) != nullptr) walks_[static_cast<size_t>(cursor)].open = false;
}

// --- methods

// The engine's durations: -1 is the map's own, 0 is none.
int64_t readTtl(napi_env env, napi_value value) {
  double ms = -1;
  napi_get_value_double(env, value, &ms);
  return ms < 0 ? shared::kDefaultTtl : nanoseconds(ms);
}

napi_value get(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return nullptr;
  const KeyArgument key(env, args.at(0));
  hold->control(kPresent) = 0;
  hold->control(kCell) = -1;
  napi_value result = nullptr;
  if (key.status() < 0) return nullptr;
  uint32_t version = 0;
  bool remembers = true;
  hold->map().readVersioned(key.key(), &version, [&](const Node& node) {
    hold->control(kPresent) = 1;
    remembers = mayRemember(node);
    result = hold->valueOf(env, node);
  });
  hold->offer(key.key(), version, remembers);
  return result;
}

napi_value has(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return flag(env, false);
  const KeyArgument key(env, args.at(0));
  return flag(env, key.status() == 0 && hold->map().has(key.key()));
}

napi_value set(napi_env env, napi_callback_info info) {
  const Args<5> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return integer(env, -EBADF);
  const KeyArgument key(env, args.at(0));
  if (key.status() < 0) return integer(env, key.status());
  const ValueArgument value(env, args.i32(1), args.at(2));
  if (value.status() < 0) return integer(env, value.status());
  const auto mode = static_cast<shared::SetMode>(args.i32(4));
  const int64_t ttlNs = readTtl(env, args.at(3));
  return integer(env, hold->map().set(key.key(), value.value(), mode, ttlNs));
}

napi_value remove(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return integer(env, -EBADF);
  const KeyArgument key(env, args.at(0));
  return integer(env, key.status() < 0 ? key.status() : hold->map().remove(key.key()));
}

napi_value compareAndSet(napi_env env, napi_callback_info info) {
  const Args<6> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return integer(env, -EBADF);
  const KeyArgument key(env, args.at(0));
  if (key.status() < 0) return integer(env, key.status());
  // A kind of -1: none expected, none to store.
  const int32_t expectedKind = args.i32(1);
  const int32_t kind = args.i32(3);
  const ValueArgument expected(env, expectedKind < 0 ? kBytesValue : expectedKind, args.at(2));
  if (expected.status() < 0) return integer(env, expected.status());
  const ValueArgument value(env, kind < 0 ? kBytesValue : kind, args.at(4));
  if (value.status() < 0) return integer(env, value.status());
  return integer(env, hold->map().compareAndSet(
                          key.key(), expectedKind < 0 ? nullptr : &expected.value(),
                          kind < 0 ? nullptr : &value.value(), readTtl(env, args.at(5))));
}

napi_value increment(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return number(env, std::nan(""));
  const KeyArgument key(env, args.at(0));
  double by = 0;
  napi_get_value_double(env, args.at(1), &by);
  double sum = std::nan("");
  int status = key.status();
  if (status == 0) status = hold->map().increment(key.key(), by, readTtl(env, args.at(2)), &sum);
  hold->control(kLength) = status;
  return number(env, sum);
}

napi_value ttl(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (hold->isClosed()) return integer(env, -1);
  const KeyArgument key(env, args.at(0));
  const int64_t leftNs = key.status() < 0 ? -1 : hold->map().ttlNs(key.key());
  if (leftNs < 0) return integer(env, -1);
  return number(env, leftNs == shared::kNever ? HUGE_VAL : static_cast<double>(leftNs) / 1e6);
}

napi_value clear(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  if (!hold->isClosed()) hold->map().clear();
  return nullptr;
}

napi_value scanOpen(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  auto* const hold = args.data<MapHold>();
  return integer(env, hold->isClosed() ? -EBADF : hold->openWalk());
}

napi_value scanNext(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  auto* const hold = args.data<MapHold>();
  shared::WalkPlace* const place = hold->isClosed() ? nullptr : hold->walk(args.i32(0));
  if (place == nullptr) return nullptr;
  napi_value list;
  napi_create_array(env, &list);
  uint32_t length = 0;
  const bool more = hold->map().walk(place, [&](const Node& node) {
    const ForeignKind kind = foreignKind(node);
    const napi_value value = kind == kPlainValue
                                 ? plainValue(env, node)
                                 : uint8Array(env, node.valueData(), node.valueBytes);
    napi_set_element(env, list, length++, keyValue(env, node));
    napi_set_element(env, list, length++, integer(env, kind));
    napi_set_element(env, list, length++, value != nullptr ? value : undefined(env));
  });
  if (more) return list;
  hold->closeWalk(args.i32(0));
  return nullptr;
}

napi_value scanClose(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  auto* const hold = args.data<MapHold>();
  if (!hold->isClosed()) hold->closeWalk(args.i32(0));
  return nullptr;
}

napi_value stats(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const auto* const hold = args.data<MapHold>();
  const shared::MapStats sums = hold->isClosed() ? shared::MapStats{} : hold->map().stats();
  const struct {
    const char* name;
    uint64_t value;
  } fields[] = {
      {"entries", sums.entries},
      {"bytes", sums.bytes},
      {"evictions", sums.evictions},
      {"expirations", sums.expirations},
  };
  napi_value result;
  napi_create_object(env, &result);
  for (const auto& field : fields) {
    napi_set_named_property(env, result, field.name, number(env, static_cast<double>(field.value)));
  }
  return result;
}

napi_value close(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  args.data<MapHold>()->close(env);
  return nullptr;
}

constexpr Method kMethods[] = {
    {"get", get},
    {"has", has},
    {"set", set},
    {"delete", remove},
    {"compareAndSet", compareAndSet},
    {"increment", increment},
    {"ttl", ttl},
    {"clear", clear},
    {"scanOpen", scanOpen},
    {"scanNext", scanNext},
    {"scanClose", scanClose},
    {"stats", stats},
    {"close", close},
};

napi_value MapHold::object(napi_env env) {
  napi_value object;
  napi_value scratch;
  napi_value buffer;
  napi_value control;
  napi_create_object(env, &object);
  napi_get_reference_value(env, scratchRef_, &scratch);
  napi_get_typedarray_info(env, scratch, nullptr, nullptr, nullptr, &buffer, nullptr);
  napi_create_typedarray(env, napi_int32_array, kControlWords, buffer, kScratchBytes, &control);
  napi_set_named_property(env, object, "scratch", scratch);
  if (makeViews(env)) {
    napi_value versions;
    napi_value marks;
    napi_value memory;
    constexpr size_t kCells = shared::Versions::kCells;
    napi_get_reference_value(env, versionsRef_, &memory);
    napi_create_typedarray(env, napi_int32_array, kCells, memory, 0, &versions);
    napi_create_typedarray(env, napi_uint8_array, kCells, memory, kCells * sizeof(uint32_t),
                           &marks);
    napi_set_named_property(env, object, "versions", versions);
    if (map_->isLimited()) napi_set_named_property(env, object, "marks", marks);
  }
  napi_set_named_property(env, object, "control", control);
  addMethods(env, object, kMethods);
  return object;
}

}  // namespace

napi_value mapObject(napi_env env, SharedMap* map) {
  MapHold* const hold = MapHold::make(env, map);
  if (hold == nullptr) {
    map->close();
    return integer(env, -ENOMEM);
  }
  Environment::of(env)->add(hold);
  return hold->object(env);
}

}  // namespace heddle::binding
