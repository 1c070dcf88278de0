#include "mem/registry.h"

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace heddle::mem {

namespace {

struct Registry {
  std::mutex lock;  // guards writing and the limit
  std::atomic<uint32_t> count{0};
  uint32_t limit = kMaxTypes;
  TypeInfo types[kMaxTypes + 1];
};

constinit Registry registry{};

bool isValid(const Definition& definition) {
  const char* description = definition.description;
  if (description == nullptr || *description == '\0') return false;
  if (std::strlen(description) > kMaxDescriptionBytes) return false;
  const bool fixed = definition.kind == Kind::kFixed;
  if (fixed != (definition.bytes > 0)) return false;
  if (fixed && definition.early) return false;
  if (definition.bytes > PTRDIFF_MAX - kMaxAlign) return false;
  if (!std::has_single_bit(definition.align) || definition.align > kMaxAlign) return false;
  return definition.fill <= 255 || definition.fill == kNoFill;
}

bool isSame(const TypeInfo& info, const Definition& definition) {
  return info.kind == definition.kind && info.bytes == definition.bytes &&
         info.align == definition.align && info.fill == definition.fill &&
         info.scratch == definition.scratch && info.early == definition.early;
}

void define(TypeInfo& info, const Definition& definition) {
  std::strcpy(info.description, definition.description);
  info.kind = definition.kind;
  info.scratch = definition.scratch;
  info.early = definition.early;
  info.align = definition.align;
  info.fill = definition.fill;
  info.bytes = definition.bytes;
  // Blocks are multiples of 16 bytes also when less is asked for, see the states in arena.h.
  const size_t unit = definition.align > kDefaultAlign ? definition.align : kDefaultAlign;
  info.blockBytes = (definition.bytes + unit - 1) & ~(unit - 1);
}

}  // namespace

int64_t registerMemtype(const Definition& definition) {
  if (!isValid(definition)) return -EINVAL;
  std::lock_guard<std::mutex> held(registry.lock);
  const Memtype known = memtypeByName(definition.description);
  if (known != kNoMemtype) {
    return isSame(registry.types[known], definition) ? int64_t{known} : int64_t{-EINVAL};
  }
  const uint32_t count = memtypeCount();
  if (count >= registry.limit) return -ENOSPC;
  define(registry.types[count + 1], definition);
  // Release: the entry is complete before the acquire in memtypeCount admits its id.
  registry.count.store(count + 1, std::memory_order_release);
  return count + 1;
}

const TypeInfo* findType(Memtype type) {
  return type != kNoMemtype && type <= memtypeCount() ? &registry.types[type] : nullptr;
}

bool isFixed(Memtype type) {
  const TypeInfo* info = findType(type);
  return info != nullptr && info->kind == Kind::kFixed;
}

Memtype memtypeByName(const char* description) {
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    if (std::strcmp(registry.types[type].description, description) == 0) return type;
  }
  return kNoMemtype;
}

// Acquire: pairs with the release in registerMemtype.
uint32_t memtypeCount() { return registry.count.load(std::memory_order_acquire); }

int setMemtypeLimit(uint32_t limit) {
  std::lock_guard<std::mutex> held(registry.lock);
  if (limit > kMaxTypes || limit < memtypeCount()) return -EINVAL;
  registry.limit = limit;
  return 0;
}

bool isOfModule(Memtype type, const char* module) {
  const TypeInfo* info = findType(type);
  if (info == nullptr) return false;
  const size_t length = std::strlen(module);
  return std::strncmp(info->description, module, length) == 0 && info->description[length] == ':';
}

}  // namespace heddle::mem
