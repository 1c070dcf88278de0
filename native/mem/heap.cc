#include "mem/heap.h"

#include <mutex>

#include "mem/failpoint.h"
#include "mem/registry.h"
#include "sys/memory.h"

namespace heddle::mem {

__thread Heap* currentHeap __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

struct Heaps {
  std::atomic<Heap*> first{nullptr};
  std::mutex lock;  // guards the orphans, and makes their holder the owner of each
  Heap* orphans = nullptr;
};

constinit Heaps heaps;

size_t pagesFor(size_t bytes) {
  const size_t page = sys::pageBytes();
  return (bytes + page - 1) / page * page;
}

// Fresh pages: all members are zero, which is what they start from.
template <class T>
T* mapZeroed(size_t count) {
  return mustFail() ? nullptr : static_cast<T*>(sys::mapMemory(pagesFor(count * sizeof(T))));
}

Heap* makeHeap() {
  Heap* heap = mapZeroed<Heap>(1);
  if (heap == nullptr) return nullptr;
  // Relaxed: the value is only compared and stored.
  Heap* first = heaps.first.load(std::memory_order_relaxed);
  do {
    heap->nextHeap = first;
    // Release: the heap is complete before the acquire in firstHeap shows it.
  } while (!heaps.first.compare_exchange_weak(first, heap, std::memory_order_release,
                                              std::memory_order_relaxed));
  return heap;
}

Heap* adopt() {
  std::lock_guard<std::mutex> held(heaps.lock);
  Heap* heap = heaps.orphans;
  if (heap == nullptr) return nullptr;
  heaps.orphans = heap->nextOrphan;
  heap->orphan.store(false, std::memory_order_relaxed);
  return heap;
}

void enlist(Bin& bin, Slab* slab) {
  slab->listed = true;
  slab->next = nullptr;
  slab->previous = bin.lastPartial;
  (bin.lastPartial != nullptr ? bin.lastPartial->next : bin.partial) = slab;
  bin.lastPartial = slab;
}

void delist(Bin& bin, Slab* slab) {
  slab->listed = false;
  (slab->previous != nullptr ? slab->previous->next : bin.partial) = slab->next;
  (slab->next != nullptr ? slab->next->previous : bin.lastPartial) = slab->previous;
}

// Makes the lowest word with free blocks the one to allocate from.
void reserveWord(Bin& bin, Slab* slab) {
  const auto index = static_cast<uint32_t>(std::countr_zero(slab->nonEmpty));
  Word& word = slab->words()[index];
  const uint64_t bits = word.free.load(std::memory_order_relaxed);
  slab->nonEmpty &= slab->nonEmpty - 1;
  word.free.store(0, std::memory_order_relaxed);
  word.take.store(bits, std::memory_order_relaxed);
  slab->used += static_cast<uint32_t>(std::popcount(bits));
  bin.word = &word;
  bin.base = slab->blockAt(index * 64);
}

// The opposite: what is reserved is free again, and the bin has no slab.
void unreserve(Bin& bin) {
  Slab* slab = bin.slab;
  if (slab == nullptr) return;
  const uint64_t bits = bin.word != nullptr ? bin.word->take.load(std::memory_order_relaxed) : 0;
  if (bits != 0) {
    const uint64_t free = bin.word->free.load(std::memory_order_relaxed);
    bin.word->take.store(0, std::memory_order_relaxed);
    bin.word->free.store(free | bits, std::memory_order_relaxed);
    slab->nonEmpty |= uint64_t{1} << (bin.word - slab->words());
    slab->used -= static_cast<uint32_t>(std::popcount(bits));
  }
  bin.slab = nullptr;
  bin.word = nullptr;
  slabChanged(slab);
}

template <class Visit>
void forEachBin(Heap& heap, Visit&& visit) {
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    if (heap.shares[type].bin.blockBytes != 0) visit(heap.shares[type].bin);
    Bin* bins = heap.vsize[type] != nullptr ? heap.vsize[type] : heap.aligned[type];
    if (bins == nullptr) continue;
    for (uint32_t i = 0; i < kSizeClasses; i++) visit(bins[i]);
  }
}

Slab* slabOf(RemoteWord* word) {
  const auto address = reinterpret_cast<uintptr_t>(word);
  Arena& arena = smallArena.contains(address) ? smallArena : mediumArena;
  return static_cast<Slab*>(arena.slotOf(address));
}

void giveBack(Slab* slab, uint32_t index, uint64_t bits) {
  Word& word = slab->words()[index];
  word.free.store(word.free.load(std::memory_order_relaxed) | bits, std::memory_order_relaxed);
  slab->nonEmpty |= uint64_t{1} << index;
  slab->used -= static_cast<uint32_t>(std::popcount(bits));
  slabChanged(slab);
}

void leaveHeap(Heap& heap) {
  forEachBin(heap, [](Bin& bin) { unreserve(bin); });
  std::lock_guard<std::mutex> held(heaps.lock);
  heap.nextOrphan = heaps.orphans;
  heaps.orphans = &heap;
  // Sequentially consistent, with the exchange in drain: a thread that pushes a word either sees
  // the orphan and sweeps it, or its word is found here.
  heap.orphan.store(true, std::memory_order_seq_cst);
  drain(heap);
}

// After a push onto an orphan: nobody else would take the word over.
void sweepOrphan(Heap& heap) {
  std::lock_guard<std::mutex> held(heaps.lock);
  // Relaxed: the lock orders it. Adopted meanwhile: its thread drains it.
  if (heap.orphan.load(std::memory_order_relaxed)) drain(heap);
}

// True once this thread's hook has run: heaps are leased from then on.
__thread bool threadPastEnd = false;

struct ThreadEnd {
  bool armed = false;
  ~ThreadEnd() {
    threadPastEnd = true;
    Heap* heap = currentHeap;
    currentHeap = nullptr;
    if (heap != nullptr) leaveHeap(*heap);
  }
};

thread_local ThreadEnd threadEnd;

Heap* enterThread() {
  Heap* heap = adopt();
  if (heap == nullptr) heap = makeHeap();
  if (heap == nullptr) return nullptr;
  if (!threadPastEnd) {
    threadEnd.armed = true;  // the first use registers the destructor
    currentHeap = heap;
  }
  return heap;
}

}  // namespace

HeapLease::HeapLease() : heap_(currentHeap != nullptr ? currentHeap : enterThread()) {}

HeapLease::~HeapLease() {
  if (heap_ != nullptr && heap_ != currentHeap) leaveHeap(*heap_);
}

Heap* firstHeap() { return heaps.first.load(std::memory_order_acquire); }

void slabChanged(Slab* slab) {
  Bin& bin = *slab->bin;
  if (bin.slab == slab) return;
  if (slab->used == 0) {
    if (slab->listed) delist(bin, slab);
    releaseSlab(slab, arenaOf(bin));
    return;
  }
  if (!slab->listed && slab->nonEmpty != 0) enlist(bin, slab);
}

char* refill(Heap& heap, Bin& bin) {
  // Relaxed: drain takes it with acquire; missing a push here costs nothing but a later look.
  if (heap.remote.load(std::memory_order_relaxed) != nullptr) drain(heap);
  if (bin.slab == nullptr || bin.slab->nonEmpty == 0) {
    Slab* next = bin.partial;
    if (next != nullptr) {
      delist(bin, next);
    } else {
      next = makeSlab(&heap, &bin);
      if (next == nullptr) return nullptr;
    }
    bin.slab = next;
  }
  reserveWord(bin, bin.slab);
  Account& account = heap.shares[bin.type].account;
  // Relaxed: our own counter.
  if (account.allocs.load(std::memory_order_relaxed) - account.sampledAllocs >= kSampleStride) {
    sampleType(heap, bin.type);
  }
  return takeBlock(bin);
}

void drain(Heap& heap) {
  // Acquire: the words' `next` are visible. Sequentially consistent for leaveHeap.
  RemoteWord* word = heap.remote.exchange(nullptr, std::memory_order_seq_cst);
  while (word != nullptr) {
    // Before the bits are taken: from then on the word may be pushed again.
    RemoteWord* next = word->next;
    // Acquire: pairs with the release of each freeing thread, so that its last accesses to the
    // blocks come before ours. Release: our reading of `next` comes before the next pusher's
    // writing it.
    const uint64_t bits = word->bits.exchange(0, std::memory_order_acq_rel);
    Slab* slab = slabOf(word);
    slab->remoteWords.fetch_sub(1, std::memory_order_relaxed);
    giveBack(slab, static_cast<uint32_t>(word - slab->remotes()), bits);
    word = next;
  }
}

bool freeRemote(Slab* slab, uint32_t index) {
  const uint64_t bit = uint64_t{1} << (index % 64);
  RemoteWord& word = slab->remotes()[index / 64];
  // Before the bit is set: after that the slab may be gone.
  Heap* owner = slab->owner.load(std::memory_order_relaxed);
  uint64_t seen = word.bits.load(std::memory_order_relaxed);
  bool counted = false;
  do {
    if ((seen & bit) != 0) break;
    // Counted before the bit shows, so that the owner never overlooks a word. Relaxed: a double
    // free that comes after this one in time sees it; one in the same instant cannot be told.
    if (seen == 0 && !counted) slab->remoteWords.fetch_add(1, std::memory_order_relaxed);
    if (seen != 0 && counted) slab->remoteWords.fetch_sub(1, std::memory_order_relaxed);
    counted = seen == 0;
    // Release: our accesses to the block come before the owner's acquire in drain. Acquire: the
    // owner has read `next` before we write it.
  } while (!word.bits.compare_exchange_weak(seen, seen | bit, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
  if ((seen & bit) != 0) {
    if (counted) slab->remoteWords.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (seen != 0) return true;
  // The word is ours to push until the owner has taken it, and the slab lives until then.
  RemoteWord* head = owner->remote.load(std::memory_order_relaxed);
  do {
    word.next = head;
    // Release: `next` is visible to drain. Sequentially consistent for leaveHeap.
  } while (!owner->remote.compare_exchange_weak(head, &word, std::memory_order_seq_cst,
                                                std::memory_order_relaxed));
  if (owner->orphan.load(std::memory_order_seq_cst)) sweepOrphan(*owner);
  return true;
}

void initFixedBin(Heap& heap, Memtype type) {
  Bin& bin = heap.shares[type].bin;
  if (bin.blockBytes != 0) return;
  const TypeInfo* info = findType(type);
  bin.blockBytes = static_cast<uint32_t>(info->blockBytes);
  bin.fill = info->fill == kNoFill ? int16_t{-1} : static_cast<int16_t>(info->fill);
  bin.medium = info->blockBytes > kMaxSmallBytes;
  bin.type = type;
  bin.align = info->align;
}

Bin* vsizeBins(Heap& heap, Memtype type) {
  const TypeInfo* info = findType(type);
  Bin*& known = info->align > kDefaultAlign ? heap.aligned[type] : heap.vsize[type];
  if (known != nullptr) return known;
  Bin* bins = mapZeroed<Bin>(kSizeClasses);
  if (bins == nullptr) return nullptr;
  for (uint32_t i = 0; i < kSizeClasses; i++) {
    bins[i].blockBytes = static_cast<uint32_t>(bytesOfClass(i));
    bins[i].fill = info->fill == kNoFill ? int16_t{-1} : static_cast<int16_t>(info->fill);
    bins[i].medium = bytesOfClass(i) > kMaxSmallBytes;
    bins[i].type = type;
    bins[i].align = info->align > kDefaultAlign ? info->align : kDefaultAlign;
  }
  known = bins;
  return bins;
}

void collect(Heap& heap) {
  drain(heap);
  forEachBin(heap, [](Bin& bin) { unreserve(bin); });
  std::lock_guard<std::mutex> held(heaps.lock);
  for (Heap* each = heaps.orphans; each != nullptr; each = each->nextOrphan) drain(*each);
}

uint32_t slabsOf(Memtype type) {
  uint32_t count = 0;
  const auto visit = [&](void* slot) {
    // Relaxed: a slab that is just being made is counted or not.
    const auto* slab = static_cast<const Slab*>(slot);
    if (slab->tag.load(std::memory_order_relaxed) == tagOf(type)) count++;
  };
  smallArena.forEachSlot(visit);
  mediumArena.forEachSlot(visit);
  return count;
}

}  // namespace heddle::mem
