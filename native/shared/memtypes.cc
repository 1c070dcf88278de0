#include "shared/memtypes.h"

namespace heddle::shared {

constinit Memtypes memtypes{};

namespace {

int registerOne(const mem::Definition& definition, mem::Memtype* out) {
  const int64_t id = mem::registerMemtype(definition);
  if (id < 0) return static_cast<int>(id);
  *out = static_cast<mem::Memtype>(id);
  return 0;
}

}  // namespace

int registerMemtypes() {
  // The last one written: when it is there, all are.
  if (memtypes.node != mem::kNoMemtype) return 0;
  constexpr auto kVsize = mem::Kind::kVsize;
  // Shards lie on cache lines of their own.
  const mem::Definition map{.description = "shared:map", .kind = kVsize, .align = 64};
  const mem::Definition table{.description = "shared:map-table", .kind = kVsize};
  const mem::Definition counter{.description = "shared:counter", .kind = kVsize};
  const mem::Definition node{.description = "shared:map-node", .kind = kVsize};
  int result = registerOne(map, &memtypes.map);
  if (result == 0) result = registerOne(table, &memtypes.table);
  if (result == 0) result = registerOne(counter, &memtypes.counter);
  if (result == 0) result = registerOne(node, &memtypes.node);
  return result;
}

}  // namespace heddle::shared
