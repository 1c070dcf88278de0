#include "shared/table.h"

#include <bit>
#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::shared {

namespace {

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kSharedTable); }

Table tableOf(mem::Retired* retired) {
  auto* const header = static_cast<TableHeader*>(retired);
  return Table(uint64_t{header->shift} << kAddressBits | reinterpret_cast<uintptr_t>(header));
}

}  // namespace

Table makeTable(size_t slots) {
  const size_t bytes = sizeof(TableHeader) + slots * sizeof(Slot);
  void* const block = mem::allocateBytes(memtype(), bytes);
  if (block == nullptr) return Table(0);
  if (!fitsSlot(block)) {
    mem::release(memtype(), block);
    return Table(0);
  }
  auto* const header = new (block) TableHeader{};
  header->shift = 64 - static_cast<uint32_t>(std::countr_zero(slots));
  const Table table = tableOf(header);
  for (size_t at = 0; at < slots; at++) new (&table.slot(at)) Slot(kEmpty);
  return table;
}

void fillTable(Table table, const Node* node) {
  size_t at = table.home(node->hash);
  // Relaxed: the store of the table's word publishes all slots.
  while (table.slot(at).load(std::memory_order_relaxed) != kEmpty) at = (at + 1) & table.mask();
  table.slot(at).store(slotWord(node), std::memory_order_relaxed);
}

size_t tableBytes(Table table) { return sizeof(TableHeader) + table.slots() * sizeof(Slot); }

void reclaimTable(mem::Retired* retired) {
  mem::release(memtype(), static_cast<TableHeader*>(retired));
}

void reclaimTableAndNodes(mem::Retired* retired) {
  const Table table = tableOf(retired);
  for (size_t at = 0; at < table.slots(); at++) {
    Node* const node = table.nodeAt(at);
    if (node != nullptr) dropNode(node);
  }
  reclaimTable(retired);
}

}  // namespace heddle::shared
