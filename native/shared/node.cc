#include "shared/node.h"

#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "mem/size_class.h"
#include "shared/table.h"

namespace heddle::shared {

namespace {

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kSharedNode); }

constexpr size_t kPageBytes = 4096;
constexpr size_t kSlotShareBytes = 2 * sizeof(Slot);

size_t nodeBytes(size_t keyBytes, size_t valueBytes) {
  return sizeof(Node) + (valueBytes == 0 ? keyBytes : Node::valueOffset(keyBytes) + valueBytes);
}

size_t blockBytes(size_t bytes) {
  if (bytes > mem::kMaxMediumBytes) return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  return mem::bytesOfClass(mem::classOfSlow(bytes));
}

}  // namespace

uint64_t costOf(size_t keyBytes, size_t valueBytes) {
  return blockBytes(nodeBytes(keyBytes, valueBytes)) + kSlotShareBytes;
}

bool Node::holds(const Value& value) const {
  if (valueKind != value.kind || valueBytes != value.bytes) return false;
  if (valueKind == ValueKind::kNumber) {
    return number.load(std::memory_order_relaxed) == value.number;
  }
  return valueBytes == 0 || std::memcmp(valueData(), value.data, valueBytes) == 0;
}

Node* makeNode(const Key& key, const Value& value, int64_t expiresNs) {
  void* const block = mem::allocateBytes(memtype(), nodeBytes(key.bytes, value.bytes));
  if (block == nullptr) return nullptr;
  if (!fitsSlot(block)) {
    mem::release(memtype(), block);
    return nullptr;
  }
  auto* const node = new (block) Node{};
  node->hash = key.hash;
  node->expiresNs = expiresNs;
  node->number.store(value.number, std::memory_order_relaxed);
  node->valueBytes = static_cast<uint32_t>(value.bytes);
  node->keyBytes = static_cast<uint16_t>(key.bytes);
  node->keyKind = key.kind;
  node->valueKind = value.kind;
  node->mark.store(kFresh, std::memory_order_relaxed);
  auto* const data = reinterpret_cast<unsigned char*>(node + 1);
  if (key.bytes > 0) std::memcpy(data, key.data, key.bytes);
  if (value.bytes > 0) std::memcpy(data + Node::valueOffset(key.bytes), value.data, value.bytes);
  return node;
}

void dropNode(Node* node) { mem::release(memtype(), node); }

void reclaimNode(mem::Retired* retired) { dropNode(static_cast<Node*>(retired)); }

}  // namespace heddle::shared
