// Safe blocks alone: allocation, misuse, ids, pins, cleanups, exhausted memory.
#include "mem/safe_block.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "mem/failpoint.h"
#include "mem/memtype.h"
#include "mem/safe_pin.h"
#include "test/check.h"

using namespace heddle::mem;

namespace {

// Takes part for as long as a case runs, and leaves nothing pending.
struct Attached {
  Attached() { CHECK_EQ(epochAttachThread(), 0); }
  ~Attached() {
    epochMaintain(MaintainMode::kBarrier);
    const SafeStats stats = safeStats();
    CHECK_EQ(stats.freesRequested, stats.freesCompleted);
    CHECK_EQ(stats.bytesPending, 0u);
    CHECK_EQ(epochDetachThread(), 0);
  }
};

uint64_t pending() {
  const SafeStats stats = safeStats();
  return stats.freesRequested - stats.freesCompleted;
}

struct Ends {
  int count = 0;
  size_t bytes = 0;
  char first = 0;
  bool wasInSection = true;

  static SafeRelease note(void* payload, size_t size, void* context) {
    auto* const self = static_cast<Ends*>(context);
    self->count++;
    self->bytes = size;
    if (size > 0) self->first = *static_cast<char*>(payload);
    self->wasInSection = epochInSection();
    return SafeRelease::kNow;
  }
};

uint64_t liveBlocks() { return usageOf(memtypeByName("safe:block")).live; }

struct Woken {
  std::atomic<int> count{0};
  static void note(void* context) { static_cast<Woken*>(context)->count.fetch_add(1); }
};

// Runs `act` in a child and returns the signal that ended it, 0 when none did.
template <class Act>
int signalOf(Act act) {
  const pid_t child = fork();
  if (child == 0) {
    (void)std::freopen("/dev/null", "w", stderr);
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

CASE("SM-04 the allocation family") {
  const Attached attached;
  auto* const plain = static_cast<char*>(safeAllocate(100));
  REQUIRE(plain != nullptr);
  CHECK_EQ(reinterpret_cast<uintptr_t>(plain) % 16, 0u);
  std::memset(plain, 7, 100);
  auto* const zeroes = static_cast<unsigned char*>(safeAllocateZeroed(10, 20));
  REQUIRE(zeroes != nullptr);
  for (int i = 0; i < 200; i++) CHECK_EQ(zeroes[i], 0);
  char* const text = safeDuplicateString("warp and weft");
  REQUIRE(text != nullptr);
  CHECK_EQ(std::strcmp(text, "warp and weft"), 0);
  void* const copy = safeDuplicate("a\0b", 3);
  REQUIRE(copy != nullptr);
  CHECK_EQ(std::memcmp(copy, "a\0b", 3), 0);
  void* const empty = safeAllocate(0);
  CHECK(empty != nullptr);
  CHECK(safeAllocateZeroed(size_t{1} << 62, 8) == nullptr);
  CHECK(safeAllocate(SIZE_MAX - 8) == nullptr);
  for (void* each : {static_cast<void*>(plain), static_cast<void*>(zeroes),
                     static_cast<void*>(text), copy, empty}) {
    CHECK(trySafeFree(each) == SafeFault::kNone);
  }
  CHECK(trySafeFree(nullptr) == SafeFault::kNone);
}

CASE("SM-04 a cleanup runs exactly once, before the memory goes, after all sections of the free") {
  const Attached attached;
  Ends ends;
  auto* const block =
      static_cast<char*>(safeAllocate(40, {.cleanup = Ends::note, .context = &ends}));
  REQUIRE(block != nullptr);
  block[0] = 'x';
  {
    const EpochScope outer;
    {
      const EpochScope inner;
      safeFree(block);
      CHECK_EQ(epochMaintain(MaintainMode::kBarrier), 0);
    }
    CHECK_EQ(epochMaintain(MaintainMode::kTry), -1);
    CHECK_EQ(block[0], 'x');
    CHECK_EQ(ends.count, 0);
  }
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(ends.count, 1);
  CHECK_EQ(ends.bytes, 40u);
  CHECK_EQ(ends.first, 'x');
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(ends.count, 1);
}

CASE("SM-05 A-SM-5 a second free, foreign memory and damaged headers are told apart") {
  const Attached attached;
  const uint64_t before = liveBlocks();
  auto* const block = static_cast<char*>(safeAllocate(64));
  REQUIRE(block != nullptr);
  char foreign[256] = {};
  CHECK(trySafeFree(foreign + 128) == SafeFault::kCorrupt);
  CHECK(trySafeFree(block + 16) == SafeFault::kCorrupt);
  const auto type = static_cast<Memtype>(
      registerMemtype({.description = "safetest:other", .kind = Kind::kVsize}));
  void* const other = allocateBytes(type, 512);
  CHECK(trySafeFree(static_cast<char*>(other) + sizeof(SafeBlock)) == SafeFault::kCorrupt);
  release(type, other);

  SafeBlock* const header = SafeBlock::of(block);
  header->magic ^= 1;
  CHECK(trySafeFree(block) == SafeFault::kCorrupt);
  header->magic ^= 1;
  header->sequence ^= 1;
  CHECK(trySafeFree(block) == SafeFault::kCorrupt);
  header->sequence ^= 1;

  {
    const EpochScope section;
    CHECK(trySafeFree(block) == SafeFault::kNone);
    CHECK(trySafeFree(block) == SafeFault::kDoubleFree);
  }
  CHECK_EQ(liveBlocks(), before + 1);
  epochMaintain(MaintainMode::kBarrier);
  CHECK(trySafeFree(block) == SafeFault::kDoubleFree);
  CHECK_EQ(liveBlocks(), before);
  CHECK(checkInvariants());
}

CASE("SM-05 the aborting form aborts") {
  const Attached attached;
  CHECK_EQ(signalOf([] {
             char foreign[256] = {};
             safeFree(foreign + 128);
           }),
           SIGABRT);
  CHECK_EQ(signalOf([] {
             void* const block = safeAllocate(8);
             safeFree(block);
             safeFree(block);
           }),
           SIGABRT);
}

CASE("SM-03 a thread that takes no part cannot free") {
  CHECK(!epochAttached());
  void* const block = safeAllocate(8);
  CHECK(trySafeFree(block) == SafeFault::kNoThread);
  CHECK(safeFreeById(1) == SafeFault::kNoThread);
  const Attached attached;
  CHECK(trySafeFree(block) == SafeFault::kNone);
}

CASE("SM-03 A-SM-6 what a thread has freed when it ends is reclaimed by others") {
  const Attached attached;
  Ends ends;
  std::thread([&ends] {
    REQUIRE(epochAttachThread() == 0);
    for (int i = 0; i < 100; i++) {
      safeFree(safeAllocate(24, {.cleanup = Ends::note, .context = &ends}));
    }
    epochDetachThread();
  }).join();
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(ends.count, 100);
}

CASE("SM-09 an id finds its block until it is freed, and nothing afterwards") {
  const Attached attached;
  void* const block = safeAllocate(5, {.named = true});
  REQUIRE(block != nullptr);
  const uint64_t id = SafeBlock::of(block)->id;
  CHECK(id != 0);
  CHECK(id < uint64_t{1} << 52);
  {
    const EpochScope section;
    CHECK(safeFind(id) == SafeBlock::of(block));
    for (const uint64_t wrong :
         {uint64_t{0}, id + 1, id + (1 << 24), ~uint64_t{0}, id | uint64_t{1} << 60})
      CHECK(safeFind(wrong) == nullptr);
    CHECK(safeFreeById(id) == SafeFault::kNone);
    CHECK(safeFind(id) == nullptr);
    CHECK(safeFreeById(id) == SafeFault::kDoubleFree);
  }
  epochMaintain(MaintainMode::kBarrier);
  void* const next = safeAllocate(5, {.named = true});
  const uint64_t nextId = SafeBlock::of(next)->id;
  CHECK(nextId != id);
  CHECK_EQ(nextId & 0xffffff, id & 0xffffff);
  {
    const EpochScope section;
    CHECK(safeFind(id) == nullptr);
  }
  CHECK(safeFreeById(id) == SafeFault::kDoubleFree);
  CHECK(safeFreeById(nextId) == SafeFault::kNone);
}

CASE("SM-09 many ids at once, each its own") {
  const Attached attached;
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; i++) blocks.push_back(safeAllocate(8, {.named = true}));
  {
    const EpochScope section;
    for (void* each : blocks) CHECK(safeFind(SafeBlock::of(each)->id) == SafeBlock::of(each));
  }
  for (void* each : blocks) safeFree(each);
}

CASE("SM-09 a pin holds the release back, and its holder hears of the free once") {
  const Attached attached;
  Woken woken;
  SafeHolder* const holder = SafeHolder::make(Woken::note, &woken);
  REQUIRE(holder != nullptr);
  Ends ends;
  void* const block = safeAllocate(8, {.named = true, .cleanup = Ends::note, .context = &ends});
  const uint64_t id = SafeBlock::of(block)->id;
  bool outOfMemory = false;
  SafePin* const one = holder->pin(id, &outOfMemory);
  SafePin* const two = holder->pin(id, &outOfMemory);
  SafePin* const early = holder->pin(id, &outOfMemory);
  REQUIRE(one != nullptr && two != nullptr && early != nullptr);
  SafeHolder::unpin(early);
  CHECK(holder->takeDue() == nullptr);
  CHECK(safeFreeById(id) == SafeFault::kNone);
  CHECK_EQ(woken.count.load(), 2);
  CHECK(holder->pin(id, &outOfMemory) == nullptr);
  CHECK(!outOfMemory);
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(ends.count, 0);
  CHECK_EQ(pending(), 1u);
  SafePin* const first = holder->takeDue();
  SafePin* const second = holder->takeDue();
  CHECK(first != nullptr && second != nullptr && first != second);
  CHECK(holder->takeDue() == nullptr);
  CHECK(!holder->hasDue());
  SafeHolder::unpin(first);
  CHECK_EQ(ends.count, 0);
  SafeHolder::unpin(second);
  CHECK_EQ(ends.count, 1);
  holder->close();
  holder->unshare();
}

CASE("SM-09 a pin given back before its holder took it from the list is gone from there") {
  const Attached attached;
  Woken woken;
  SafeHolder* const holder = SafeHolder::make(Woken::note, &woken);
  bool outOfMemory = false;
  SafePin* pins[3];
  for (SafePin*& each : pins) {
    void* const block = safeAllocate(8, {.named = true});
    each = holder->pin(SafeBlock::of(block)->id, &outOfMemory);
    safeFree(block);
  }
  SafeHolder::unpin(pins[1]);
  CHECK(holder->takeDue() == pins[2]);
  CHECK(holder->takeDue() == pins[0]);
  CHECK(holder->takeDue() == nullptr);
  SafeHolder::unpin(pins[0]);
  SafeHolder::unpin(pins[2]);
  holder->close();
  holder->unshare();
}

CASE("SM-09 a holder that ends in the middle lets go of everything") {
  const Attached attached;
  Woken woken;
  SafeHolder* const holder = SafeHolder::make(Woken::note, &woken);
  bool outOfMemory = false;
  void* const freed = safeAllocate(8, {.named = true});
  void* const living = safeAllocate(8, {.named = true});
  SafePin* const pins[] = {holder->pin(SafeBlock::of(freed)->id, &outOfMemory),
                           holder->pin(SafeBlock::of(living)->id, &outOfMemory)};
  safeFree(freed);
  holder->close();
  for (SafePin* each : pins) SafeHolder::unpin(each);
  holder->unshare();
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(pending(), 0u);
  safeFree(living);
  CHECK_EQ(woken.count.load(), 1);
}

CASE("SM-04 a cleanup can be handed to the thread that allocated") {
  const Attached attached;
  Woken woken;
  SafeHolder* const holder = SafeHolder::make(Woken::note, &woken);
  const auto allocate = [holder] {
    holder->share();
    return safeAllocate(8, {.named = true, .cleanup = SafeHolder::deliver, .context = holder});
  };
  void* const first = allocate();
  void* const second = allocate();
  void* const waiting = allocate();
  void* const late = allocate();
  safeFree(first);
  safeFree(second);
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(pending(), 2u);
  CHECK_EQ(woken.count.load(), 2);
  for (int i = 0; i < 2; i++) {
    SafeBlock* const block = holder->takeReclaimed();
    REQUIRE(block != nullptr);
    CHECK(block->payload() == first || block->payload() == second);
    holder->endReclaimed(block);
  }
  CHECK(holder->takeReclaimed() == nullptr);
  CHECK_EQ(pending(), 0u);
  safeFree(waiting);
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(pending(), 1u);
  holder->close();
  CHECK_EQ(pending(), 0u);
  holder->unshare();
  safeFree(late);
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(pending(), 0u);
  CHECK_EQ(usageOf(memtypeByName("safe:holder")).live, 0u);
}

CASE("SM-04 memory refused at every site in turn") {
  const Attached attached;
  Woken woken;
  SafeHolder* const holder = SafeHolder::make(Woken::note, &woken);
  const uint64_t before = liveBlocks();
  // Large enough that each allocation asks the system.
  constexpr size_t kLarge = size_t{4} << 20;
  int refused = 0;
  for (int64_t nth = 0; nth < 16; nth++) {
    failpoint().countdown.store(nth);
    void* const block = safeAllocate(kLarge, {.named = true});
    bool outOfMemory = false;
    SafePin* const pin =
        block == nullptr ? nullptr : holder->pin(SafeBlock::of(block)->id, &outOfMemory);
    failpoint().countdown.store(-1);
    if (block == nullptr || outOfMemory) refused++;
    if (block == nullptr) continue;
    CHECK(pin != nullptr || outOfMemory);
    if (pin != nullptr) SafeHolder::unpin(pin);
    CHECK(safeFreeById(SafeBlock::of(block)->id) == SafeFault::kNone);
  }
  CHECK(refused > 0);
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(liveBlocks(), before);
  CHECK_EQ(usageOf(memtypeByName("safe:pin")).live, 0u);
  holder->close();
  holder->unshare();
}

CASE("SM-08 the statistics tell what is pending") {
  const Attached attached;
  const SafeStats before = safeStats();
  void* const block = safeAllocate(1000);
  CHECK_EQ(safeStats().allocations, before.allocations + 1);
  {
    const EpochScope section;
    safeFree(block);
    const SafeStats during = safeStats();
    CHECK_EQ(during.freesRequested, before.freesRequested + 1);
    CHECK_EQ(during.freesCompleted, before.freesCompleted);
    CHECK_EQ(during.bytesPending, 1000u);
  }
  epochMaintain(MaintainMode::kBarrier);
  CHECK_EQ(safeStats().freesCompleted, before.freesCompleted + 1);
  CHECK_EQ(safeStats().bytesPending, 0u);
}
