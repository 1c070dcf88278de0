// Stacks and save areas: what is copied and when, how much is held, and that nothing is lost on the
// way.
#include <algorithm>
#include <cstring>

#include "sys/memory.h"
#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

using coro::Stats;

// Sanitizers give every coroutine a stack of its own: fewer of them, and nothing is copied.
const size_t kMany = kShared ? 1'000'000 : 300;

void yieldForEver(void*) {
  for (;;) coro::yield();
}

// That much of locals; their contents are checked after each yield.
template <size_t kBytes>
void keepBytes(void* argument) {
  volatile unsigned char bytes[kBytes];
  auto fill = static_cast<unsigned char>(reinterpret_cast<uintptr_t>(argument));
  for (;; fill++) {
    for (size_t i = 0; i < kBytes; i++) bytes[i] = static_cast<unsigned char>(fill + i);
    coro::yield();
    for (size_t i = 0; i < kBytes; i++) {
      if (bytes[i] != static_cast<unsigned char>(fill + i)) std::abort();
    }
  }
}

class Plain {
 public:
  explicit Plain(const StacksOptions& options = {}) { opened_ = thread.open(options); }
  ~Plain() {
    for (Coroutine* co : all) thread.destroy(co);
  }
  int opened() const { return opened_; }
  Coroutine* add(coro::Main main, const StartOptions& options = {}) {
    void* const argument = reinterpret_cast<void*>(all.size());
    all.push_back(thread.make(main, argument, options));
    return all.back();
  }
  Stats since(const Stats& before) const {
    Stats now = thread.stats();
    now.switches -= before.switches;
    now.copiesIn -= before.copiesIn;
    now.copiesOut -= before.copiesOut;
    now.bytesCopied -= before.bytesCopied;
    return now;
  }

  coro::Thread thread;
  std::vector<Coroutine*> all;

 private:
  int opened_;
};

CASE("A-AC-18 AC-05 the same coroutine again copies nothing") {
  Plain plain;
  REQUIRE(plain.opened() == 0);
  Coroutine* const co = plain.add(keepBytes<500>);
  for (int i = 0; i < 1000; i++) CHECK(plain.thread.resume(co) == State::kSuspended);
  const Stats& stats = plain.thread.stats();
  CHECK_EQ(stats.switches, uint64_t{1000});
  CHECK_EQ(stats.copiesIn, uint64_t{0});
  CHECK_EQ(stats.copiesOut, uint64_t{0});
  CHECK_EQ(stats.bytesCopied, uint64_t{0});
  CHECK_EQ(stats.saveBytes, uint64_t{0});
  CHECK_EQ(stats.maxStackSeen, uint64_t{co->stackBytes()});
  CHECK_EQ(co->resumes(), uint64_t{1000});
}

CASE("A-AC-18 AC-05 two that alternate cost two copies a switch, of what they use") {
  if (!kShared) return;
  Plain plain;
  Coroutine* const a = plain.add(keepBytes<500>);
  Coroutine* const b = plain.add(keepBytes<2000>);
  plain.thread.resume(a);
  plain.thread.resume(b);
  const Stats before = plain.thread.stats();
  CHECK_EQ(before.copiesOut, uint64_t{1});
  CHECK_EQ(before.copiesIn, uint64_t{0});
  for (int i = 0; i < 500; i++) {
    plain.thread.resume(a);
    plain.thread.resume(b);
  }
  const Stats stats = plain.since(before);
  CHECK_EQ(stats.switches, uint64_t{1000});
  CHECK_EQ(stats.copiesIn, uint64_t{1000});
  CHECK_EQ(stats.copiesOut, uint64_t{1000});
  const size_t used = a->stackBytes() + b->stackBytes();
  CHECK(used >= 2500 && used < 4000);
  CHECK(stats.bytesCopied >= 1000 * used);
  CHECK(stats.bytesCopied < 1000 * (used + 64));
  CHECK_EQ(stats.saveBytes, uint64_t{a->saveBytes() + b->saveBytes()});
  CHECK(stats.saveBytes < used + 64);
}

CASE("AC-05 several shared stacks: as many hot coroutines stay in place") {
  if (!kShared) return;
  Plain plain({.count = 8});
  for (int i = 0; i < 8; i++) plain.add(keepBytes<300>);
  for (int round = 0; round < 100; round++) {
    for (Coroutine* co : plain.all) plain.thread.resume(co);
  }
  CHECK_EQ(plain.thread.stats().switches, uint64_t{800});
  CHECK_EQ(plain.thread.stats().bytesCopied, uint64_t{0});
  // One that comes and goes takes a stack where nothing lies, once there is one.
  plain.thread.destroy(plain.all.back());
  plain.all.pop_back();
  for (int i = 0; i < 20; i++) {
    Coroutine* const brief = plain.thread.make([](void*) { coro::exit(); }, nullptr, {});
    CHECK(plain.thread.resume(brief) == State::kFinished);
    plain.thread.destroy(brief);
  }
  CHECK(plain.thread.stats().copiesOut <= 20);
  for (Coroutine* co : plain.all) CHECK(plain.thread.resume(co) == State::kSuspended);
}

CASE("AC-05 a save area grows and shrinks with what is in use, and goes with the coroutine") {
  if (!kShared) return;
  Plain plain;
  struct Deep {
    static void main(void*) {
      for (;;) {
        deep();
        coro::yield();
      }
    }
    [[gnu::noinline]] static void deep() {
      volatile char bytes[9000];
      bytes[0] = 1;
      // All of it, for a compiler that would keep the byte alone.
      asm volatile("" : : "r"(bytes) : "memory");
      coro::yield();
      bytes[0] = static_cast<char>(bytes[0] + 1);
    }
  };
  Coroutine* const swinging = plain.add(Deep::main);
  Coroutine* const other = plain.add(yieldForEver);
  for (int i = 0; i < 10; i++) {
    plain.thread.resume(swinging);
    const bool isDeep = i % 2 == 0;
    const size_t used = swinging->stackBytes();
    CHECK_EQ(used > 9000, isDeep);
    plain.thread.resume(other);
    CHECK(swinging->saveBytes() >= used);
    CHECK(swinging->saveBytes() <= 2 * (used + 32));
  }
  CHECK_EQ(plain.thread.stats().saveBytes, uint64_t{swinging->saveBytes() + other->saveBytes()});
  CHECK(plain.thread.stats().maxStackSeen > 9000);
  for (Coroutine* co : plain.all) plain.thread.destroy(co);
  plain.all.clear();
  CHECK_EQ(plain.thread.stats().saveBytes, uint64_t{0});
  CHECK_EQ(plain.thread.stats().live, uint64_t{0});
}

CASE("AC-05 a stack of its own is never copied, and locals keep their place") {
  for (const bool large : {false, true}) {
    Plain plain;
    const StartOptions options = {.maxStackBytes = large ? size_t{1} << 20 : size_t{16} << 10,
                                  .ownStack = !large};
    for (int i = 0; i < 20; i++) plain.add(keepBytes<3000>, options);
    for (int round = 0; round < 10; round++) {
      for (Coroutine* co : plain.all) plain.thread.resume(co);
    }
    CHECK(plain.all[0]->hasOwnStack());
    CHECK_EQ(plain.thread.stats().bytesCopied, uint64_t{0});
    CHECK_EQ(plain.thread.stats().saveBytes, uint64_t{0});
  }
}

// --- a million random switches over deep and shallow stacks

struct Sum {
  check::Random random{0};
  uint64_t switches = 0;
  uint64_t wrong = 0;
};

// A frame with contents of its own; it yields, goes deeper, or returns.
[[gnu::noinline]] void wander(Sum& sum, uint32_t depth, uint64_t salt) {
  uint64_t canary[12];
  uint64_t check = salt;
  for (uint64_t& word : canary) check += word = sum.random.next();
  const uint32_t turns = 1 + sum.random.below(3);
  for (uint32_t i = 0; i < turns; i++) {
    if (depth > 0 && sum.random.below(2) == 0) {
      wander(sum, depth - 1, check);
    } else {
      coro::yield();
    }
  }
  uint64_t again = salt;
  for (const uint64_t word : canary) again += word;
  if (again != check) sum.wrong++;
}

CASE("AC-34 AC-05 a million random switches over deep and shallow stacks lose no byte") {
  const uint64_t switches = kShared ? 1'000'000 : 50'000;
  Plain plain({.count = 3});
  static Sum sum;
  sum = {.random = check::Random(check::seed())};
  for (int i = 0; i < 60; i++) {
    const StartOptions options = {.ownStack = i % 10 == 9, .keepsFloatingControl = i % 7 == 0};
    plain.add(
        [](void* id) {
          // Most are shallow, some a hundred frames deep.
          const auto number = reinterpret_cast<uintptr_t>(id);
          for (;;) wander(sum, number % 6 == 0 ? 100 : static_cast<uint32_t>(number % 6), number);
        },
        options);
  }
  check::Random choice(check::seed() + 1);
  Coroutine* co = plain.all[0];
  for (uint64_t i = 0; i < switches; i++) {
    // Sometimes the same one again.
    if (choice.below(4) != 0) co = plain.all[choice.below(60)];
    if (plain.thread.resume(co) != State::kSuspended) {
      CHECK(false);
      break;
    }
    if (choice.below(1000) != 0) continue;
    // One that begins anew in the middle.
    const uint32_t at = choice.below(60);
    plain.thread.destroy(plain.all[at]);
    plain.all[at] = plain.thread.make([](void*) { wander(sum, 30, 1), coro::exit(); }, nullptr, {});
    while (plain.thread.resume(plain.all[at]) == State::kSuspended) i++;
    plain.thread.destroy(plain.all[at]);
    plain.all[at] = plain.thread.make(
        [](void*) {
          for (;;) wander(sum, 3, 2);
        },
        nullptr, {});
    co = plain.all[at];
  }
  CHECK_EQ(sum.wrong, uint64_t{0});
  CHECK(plain.thread.stats().switches >= switches);
  uint64_t held = 0;
  for (Coroutine* each : plain.all) held += each->saveBytes();
  CHECK_EQ(plain.thread.stats().saveBytes, held);
}

// --- how much many take

CASE("A-AC-20 AC-05 a hundred thousand and a million suspended coroutines are small") {
  Plain plain;
  plain.all.reserve(kMany);
  const uint64_t before = sys::residentMemoryBytes();
  for (size_t i = 0; i < kMany; i++) {
    if (plain.add(yieldForEver) == nullptr) break;
    plain.thread.resume(plain.all.back());
    if (plain.all.size() == 100'000) {
      CHECK((sys::residentMemoryBytes() - before) / 100'000 < 400);
    }
  }
  CHECK_EQ(plain.all.size(), kMany);
  CHECK_EQ(plain.thread.live(), kMany);
  const uint64_t each = (sys::residentMemoryBytes() - before) / kMany;
  if (kShared && before > 0) {
    CHECK(each <= 400);
    if (each > 400) std::printf("    %llu bytes each\n", static_cast<unsigned long long>(each));
  }
  for (Coroutine* co : plain.all) plain.thread.resume(co);
  CHECK_EQ(plain.thread.stats().switches, uint64_t{2 * kMany});
}

}  // namespace
}  // namespace heddle::test
