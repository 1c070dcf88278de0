#pragma once

// What the shared structures count their memory by. Registered once per process, before the first
// of them exists; whoever has one in hand may read the ids.

#include "mem/memtype.h"

namespace heddle::shared {

struct Memtypes {
  mem::Memtype map;      // "shared:map", a map without its entries
  mem::Memtype table;    // "shared:map-table", a shard's slots
  mem::Memtype node;     // "shared:map-node", an entry: key and value
  mem::Memtype counter;  // "shared:counter"
};

// Written by registerMemtypes alone.
extern constinit Memtypes memtypes;

// Any number of times, by one thread at a time (the lists of names hold a lock). 0, or -ENOSPC when
// the process has as many memtypes as it may.
[[nodiscard]] int registerMemtypes();

}  // namespace heddle::shared
