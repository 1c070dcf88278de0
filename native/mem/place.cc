#include "mem/place.h"

namespace heddle::mem {

Place placeOf(uintptr_t address) {
  if (!isInArena(address)) return {};
  const uint32_t slot = slotAt(address);
  // Acquire: the slab's record is complete, should the address be a guess.
  const Tag tag = tagAt(slot).load(std::memory_order_acquire);
  const bool live = typeOfTag(tag) != kNoMemtype;
  const Memtype type = live ? typeOfTag(tag) : retiredType(tag);
  if (type == kNoMemtype) return {};
  const Slab* slab = slabOf(slot, tag);
  Store* store = slab->store;
  const auto offset = static_cast<uint32_t>(address - reinterpret_cast<uintptr_t>(startOf(slab)));
  if (offset / store->blockBytes >= store->capacity) return {};
  if (offset % store->blockBytes != 0) return {store, Fault::kInterior, type};
  const bool free = !live || stateAt(address).load(std::memory_order_relaxed) == kFree;
  return {store, free ? Fault::kDoubleFree : Fault::kNone, type};
}

Place checkPlace(Memtype type, const void* block) {
  Place place = placeOf(reinterpret_cast<uintptr_t>(block));
  if (place.fault == Fault::kNone && place.actual != type) place.fault = Fault::kWrongType;
  return place;
}

}  // namespace heddle::mem
