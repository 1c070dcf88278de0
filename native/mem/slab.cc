#include "mem/slab.h"

#include <bit>

#include "mem/heap.h"
#include "mem/poison.h"
#include "mem/registry.h"

namespace heddle::mem {

namespace {

constexpr size_t kBytesPerWord = sizeof(Word) + sizeof(RemoteWord);

size_t alignUp(size_t bytes, size_t align) { return (bytes + align - 1) & ~(align - 1); }

uint64_t bitsOfWord(const Slab& slab, uint32_t word) {
  const uint32_t blocks = slab.capacity - word * 64;
  return blocks >= 64 ? ~uint64_t{0} : (uint64_t{1} << blocks) - 1;
}

void shape(Slab& slab, const Bin& bin, size_t slotBytes) {
  slab.blockBytes = bin.blockBytes;
  slab.magic = bin.medium ? 0 : 0xffffffffu / bin.blockBytes + 1;
  // The header's words are counted for a few blocks more than fit beside it.
  const size_t atMost = (slotBytes - kSlabHeaderBytes) / bin.blockBytes;
  const size_t headerBytes = kSlabHeaderBytes + (atMost + 63) / 64 * kBytesPerWord;
  slab.firstOffset = static_cast<uint32_t>(alignUp(headerBytes, bin.align));
  slab.capacity = static_cast<uint32_t>((slotBytes - slab.firstOffset) / bin.blockBytes);
}

}  // namespace

// Relaxed stores: nobody else knows an address in here yet.
Slab* makeSlab(Heap* owner, Bin* bin) {
  Arena& arena = arenaOf(*bin);
  auto* slab = static_cast<Slab*>(arena.acquire());
  if (slab == nullptr) return nullptr;
  shape(*slab, *bin, arena.slotBytes());
  slab->bin = bin;
  slab->type = static_cast<uint16_t>(bin->type);
  slab->vsize = !isFixed(bin->type);
  slab->remoteWords.store(0, std::memory_order_relaxed);
  slab->used = 0;
  slab->listed = false;
  slab->nonEmpty = 0;
  slab->next = slab->previous = nullptr;
  for (uint32_t word = 0; word < slab->wordCount(); word++) {
    slab->words()[word].free.store(bitsOfWord(*slab, word), std::memory_order_relaxed);
    slab->words()[word].take.store(0, std::memory_order_relaxed);
    slab->remotes()[word].bits.store(0, std::memory_order_relaxed);
    slab->remotes()[word].next = nullptr;
    slab->nonEmpty |= uint64_t{1} << word;
  }
  slab->owner.store(owner, std::memory_order_relaxed);
  slab->tag.store(tagOf(bin->type), std::memory_order_relaxed);
  poison(slab->blockAt(0), arena.slotBytes() - slab->firstOffset);
  return slab;
}

void releaseSlab(Slab* slab, Arena& arena) {
  slab->tag.store(kRetiredMark | slab->type, std::memory_order_relaxed);
  unpoison(slab, arena.slotBytes());
  arena.release(slab);
}

bool isValidSlab(Slab* slab, bool idle) {
  if (slab->tag.load(std::memory_order_relaxed) != tagOf(slab->type)) return false;
  uint32_t unused = 0;
  uint32_t remoteWords = 0;
  for (uint32_t word = 0; word < slab->wordCount(); word++) {
    const uint64_t free = slab->words()[word].free.load(std::memory_order_relaxed);
    const uint64_t take = slab->words()[word].take.load(std::memory_order_relaxed);
    const uint64_t remote = slab->remotes()[word].bits.load(std::memory_order_relaxed);
    const uint64_t all = free | take | remote;
    if ((all & ~bitsOfWord(*slab, word)) != 0) return false;
    if ((free & take) != 0 || (remote & (free | take)) != 0) return false;
    if ((free != 0) != ((slab->nonEmpty >> word & 1) != 0)) return false;
    const bool reserving = slab->bin->slab == slab && slab->bin->word == &slab->words()[word];
    if (take != 0 && !reserving) return false;
    unused += static_cast<uint32_t>(std::popcount(free));
    remoteWords += remote != 0;
  }
  if (slab->used != slab->capacity - unused) return false;
  if (slab->bin->slab != slab && slab->listed != (slab->nonEmpty != 0)) return false;
  return !idle || remoteWords == slab->remoteWords.load(std::memory_order_relaxed);
}

uint32_t liveBlocks(Slab* slab) {
  uint32_t idle = 0;
  for (uint32_t word = 0; word < slab->wordCount(); word++) {
    idle += static_cast<uint32_t>(
        std::popcount(slab->words()[word].free.load(std::memory_order_relaxed)) +
        std::popcount(slab->words()[word].take.load(std::memory_order_relaxed)) +
        std::popcount(slab->remotes()[word].bits.load(std::memory_order_relaxed)));
  }
  return slab->capacity - idle;
}

}  // namespace heddle::mem
