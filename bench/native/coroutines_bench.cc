// What a switch costs: nanoseconds for one resume and the yield that answers it, on one shared
// stack, on several, with more or less of it in use; what a coroutine's life costs; what a
// suspended one takes. Beside boost.context's fcontext where it is installed (Debian:
// libboost-context-dev), which gives each coroutine a stack of its own and saves the floating-point
// control words.
//
// A figure is the least of several slices: others on the machine add to a slice and take nothing
// away.
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "contestants.h"
#include "coro/thread.h"
#include "sys/memory.h"

#if defined(HEDDLE_HAS_FCONTEXT)
#include <boost/context/detail/fcontext.hpp>
#endif

namespace {

namespace coro = heddle::coro;

constexpr int kSlices = 9;

struct Result {
  double ns = 0;
  double bytes = 0;  // of stack in use, or resident
};

// The least of several slices of `count` calls of turn().
template <class Turn>
double least(int count, Turn&& turn) {
  double best = 1e18;
  for (int i = 0; i < count / 10; i++) turn();
  for (int slice = 0; slice < kSlices; slice++) {
    const double start = bench::cpuNs();
    for (int i = 0; i < count; i++) turn();
    best = std::min(best, (bench::cpuNs() - start) / count);
  }
  return best;
}

// --- Heddle: kBytes of locals, which the compiler cannot do without

template <size_t kBytes>
void yieldForEver(void*) {
  volatile char used[kBytes];
  used[0] = 1;
  for (;;) {
    coro::yield();
    // The first and the last line are touched, as a procedure would.
    used[0] = static_cast<char>(used[0] + 1);
    used[kBytes - 1] = used[0];
  }
}

template <>
void yieldForEver<0>(void*) {
  for (;;) coro::yield();
}

struct Heddle {
  coro::Thread thread;
  std::vector<coro::Coroutine*> all;

  explicit Heddle(uint32_t stacks) {
    if (thread.open({.count = stacks}) < 0) std::abort();
  }
  ~Heddle() {
    for (coro::Coroutine* co : all) thread.destroy(co);
  }
  void add(size_t count, coro::Main main, const coro::StartOptions& options = {}) {
    for (size_t i = 0; i < count; i++) {
      coro::Coroutine* const co = thread.make(main, nullptr, options);
      if (co == nullptr) std::abort();
      all.push_back(co);
      thread.resume(co);
    }
  }
  double inUse() const { return static_cast<double>(all[0]->stackBytes()); }
};

Result same(const coro::StartOptions& options) {
  Heddle heddle(1);
  heddle.add(1, yieldForEver<0>, options);
  coro::Coroutine* const co = heddle.all[0];
  const double ns = least(2'000'000, [&] { heddle.thread.resume(co); });
  return {ns, heddle.inUse()};
}

Result inTurn(uint32_t stacks, size_t count, coro::Main main) {
  Heddle heddle(stacks);
  heddle.add(count, main);
  size_t at = 0;
  const double ns = least(1'000'000, [&] {
    heddle.thread.resume(heddle.all[at]);
    if (++at == heddle.all.size()) at = 0;
  });
  return {ns, heddle.inUse()};
}

// Who runs next is known, as it is to a loop with a batch of ready ones.
Result foreseen(size_t count) {
  Heddle heddle(1);
  heddle.add(count, yieldForEver<0>);
  // A random order: memory is not met in the order in which it was allocated.
  uint64_t state = 88172645463325252u;
  for (size_t i = count - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::swap(heddle.all[i], heddle.all[state % (i + 1)]);
  }
  for (size_t i = 0; i < 8; i++) heddle.all.push_back(heddle.all[i]);
  size_t at = 0;
  const double ns = least(1'000'000, [&] {
    coro::Thread::expectSoon(heddle.all[at + 6]);
    coro::Thread::expectNext(heddle.all[at + 3]);
    heddle.thread.resume(heddle.all[at]);
    if (++at == count) at = 0;
  });
  heddle.all.resize(count);
  return {ns, heddle.inUse()};
}

void finishAtOnce(void*) { coro::exit(); }

Result lives() {
  Heddle heddle(1);
  const double ns = least(1'000'000, [&] {
    coro::Coroutine* const co = heddle.thread.make(finishAtOnce, nullptr, {});
    heddle.thread.resume(co);
    heddle.thread.destroy(co);
  });
  return {ns, 0};
}

Result resident(size_t count) {
  Heddle heddle(1);
  heddle.add(1, yieldForEver<0>);
  heddle.all.reserve(count + 1);
  // Touched before the count.
  std::fill_n(std::back_inserter(heddle.all), count, nullptr);
  heddle.all.resize(1);
  const auto before = static_cast<double>(heddle::sys::residentMemoryBytes());
  const double start = bench::cpuNs();
  heddle.add(count, yieldForEver<0>);
  const double ns = (bench::cpuNs() - start) / static_cast<double>(count);
  const auto after = static_cast<double>(heddle::sys::residentMemoryBytes());
  return {ns, (after - before) / static_cast<double>(count)};
}

Result measureHeddle(int task) {
  switch (task) {
    case 0:
      return same({});
    case 1:
      return same({.keepsFloatingControl = true});
    case 2:
      return inTurn(1, 2, yieldForEver<0>);
    case 3:
      return inTurn(1, 2, yieldForEver<208>);
    case 4:
      return inTurn(1, 2, yieldForEver<976>);
    case 5:
      return inTurn(1, 2, yieldForEver<4048>);
    case 6:
      return inTurn(16, 16, yieldForEver<208>);
    case 7:
      return inTurn(1000, 1000, yieldForEver<208>);
    case 8:
      return foreseen(20'000);
    case 9:
      return lives();
    default:
      return resident(1'000'000);
  }
}

// --- fcontext

#if defined(HEDDLE_HAS_FCONTEXT)

namespace peer = boost::context::detail;

constexpr size_t kPeerStackBytes = size_t{64} << 10;

template <size_t kBytes>
void jumpForEver(peer::transfer_t from) {
  volatile char used[kBytes];
  used[0] = 1;
  for (;;) {
    from = peer::jump_fcontext(from.fctx, nullptr);
    used[0] = static_cast<char>(used[0] + 1);
    used[kBytes - 1] = used[0];
  }
}

template <>
void jumpForEver<0>(peer::transfer_t from) {
  for (;;) from = peer::jump_fcontext(from.fctx, nullptr);
}

using PeerMain = void (*)(peer::transfer_t);

struct Fcontext {
  std::vector<peer::fcontext_t> all;
  std::vector<void*> stacks;

  ~Fcontext() {
    for (void* stack : stacks) heddle::sys::unmapMemory(stack, kPeerStackBytes);
  }
  void add(size_t count, PeerMain main) {
    for (size_t i = 0; i < count; i++) {
      void* const stack = heddle::sys::mapMemory(kPeerStackBytes);
      if (stack == nullptr) std::abort();
      stacks.push_back(stack);
      const peer::fcontext_t made =
          peer::make_fcontext(static_cast<char*>(stack) + kPeerStackBytes, kPeerStackBytes, main);
      all.push_back(peer::jump_fcontext(made, nullptr).fctx);
    }
  }
};

Result peerInTurn(size_t count, PeerMain main) {
  Fcontext peers;
  peers.add(count, main);
  size_t at = 0;
  const double ns = least(1'000'000, [&] {
    peers.all[at] = peer::jump_fcontext(peers.all[at], nullptr).fctx;
    if (++at == count) at = 0;
  });
  return {ns, 0};
}

Result peerSame() {
  Fcontext peers;
  peers.add(1, jumpForEver<0>);
  peer::fcontext_t context = peers.all[0];
  const double ns = least(2'000'000, [&] { context = peer::jump_fcontext(context, nullptr).fctx; });
  return {ns, 0};
}

void jumpBack(peer::transfer_t from) { peer::jump_fcontext(from.fctx, nullptr); }

// The stack is there already, and used again and again.
Result peerLives() {
  void* const stack = heddle::sys::mapMemory(kPeerStackBytes);
  const double ns = least(1'000'000, [&] {
    peer::jump_fcontext(
        peer::make_fcontext(static_cast<char*>(stack) + kPeerStackBytes, kPeerStackBytes, jumpBack),
        nullptr);
  });
  heddle::sys::unmapMemory(stack, kPeerStackBytes);
  return {ns, 0};
}

Result peerResident(size_t count) {
  Fcontext peers;
  peers.all.resize(count);
  peers.stacks.resize(count);
  peers.all.clear();
  peers.stacks.clear();
  const auto before = static_cast<double>(heddle::sys::residentMemoryBytes());
  const double start = bench::cpuNs();
  peers.add(count, jumpForEver<0>);
  const double ns = (bench::cpuNs() - start) / static_cast<double>(count);
  const auto after = static_cast<double>(heddle::sys::residentMemoryBytes());
  return {ns, (after - before) / static_cast<double>(count)};
}

Result measurePeer(int task) {
  switch (task) {
    case 0:
    case 1:
      return peerSame();
    case 2:
      return peerInTurn(2, jumpForEver<0>);
    case 3:
      return peerInTurn(2, jumpForEver<208>);
    case 4:
      return peerInTurn(2, jumpForEver<976>);
    case 5:
      return peerInTurn(2, jumpForEver<4048>);
    case 6:
      return peerInTurn(16, jumpForEver<208>);
    case 7:
      return peerInTurn(1000, jumpForEver<208>);
    case 8:
      return peerInTurn(20'000, jumpForEver<0>);
    case 9:
      return peerLives();
    default:
      // As many as the system has mappings for.
      return peerResident(20'000);
  }
}

constexpr bool kHasPeer = true;
#else
Result measurePeer(int) { return {}; }
constexpr bool kHasPeer = false;
#endif

// --- the C library's, which asks the kernel for the signal mask at every switch

ucontext_t outside;
ucontext_t inside;

void swapForEver() {
  for (;;) swapcontext(&inside, &outside);
}

Result measureSwapcontext() {
  std::vector<char> stack(size_t{64} << 10);
  getcontext(&inside);
  inside.uc_stack.ss_sp = stack.data();
  inside.uc_stack.ss_size = stack.size();
  makecontext(&inside, swapForEver, 0);
  return {least(100'000, [] { swapcontext(&outside, &inside); }), 0};
}

Result measure(const char* contestant, int task) {
  if (std::strcmp(contestant, "heddle") == 0) return measureHeddle(task);
  if (std::strcmp(contestant, "swapcontext") == 0) return measureSwapcontext();
  return measurePeer(task);
}

const char* const kCases[] = {"same",
                              "same-floating",
                              "alternating-56",
                              "alternating-256",
                              "alternating-1024",
                              "alternating-4096",
                              "hot-16",
                              "hot-1000",
                              "in-turn-20000",
                              "lives",
                              "suspended"};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    bench::printNames(kCases, {{"heddle", true}, {"fcontext", kHasPeer}, {"swapcontext", true}});
    return 0;
  }
  const int task = bench::indexOf(kCases, argv[1]);
  if (task < 0) return 2;
  const Result result = measure(argv[2], task);
  bench::printFigures({{"ns", result.ns}, {"bytes", result.bytes}});
  return 0;
}
