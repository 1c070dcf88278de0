#pragma once

// A tiny test harness. A test program is one source file of CASEs; check_main.cc has its `main`.
//
//   CASE("EV-05 timers run before descriptors") { CHECK(x); CHECK_EQ(a, b); REQUIRE(p != nullptr);
//   }
//
// CHECK and CHECK_EQ go on after a failure, REQUIRE returns from the case. The program takes
// `[filter] [--seed N]`: only cases whose name contains the filter run; stress cases draw from
// `check::seed()`, which is printed on failure. It ends with `N passed, N failed` and fails when a
// case failed or none ran.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace check {

struct Case {
  const char* name;
  void (*run)();
  Case* next;
};

struct State {
  Case* first = nullptr;
  Case* last = nullptr;
  int failures = 0;  // in the case that runs
  uint64_t seed = 1;
};

inline State& state() {
  static State instance;
  return instance;
}

inline uint64_t seed() { return state().seed; }

// Under sanitizers stress tests do less.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kStressScale = 1;
#else
constexpr int kStressScale = 4;
#endif

// splitmix64: the same sequence everywhere for the same seed.
class Random {
 public:
  explicit Random(uint64_t seedValue) : state_(seedValue) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // 0 … bound - 1.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(next() % bound); }

 private:
  uint64_t state_;
};

struct Register {
  Register(const char* name, void (*run)()) : entry{name, run, nullptr} {
    State& all = state();
    (all.last != nullptr ? all.last->next : all.first) = &entry;
    all.last = &entry;
  }
  Case entry;
};

inline void fail(const char* file, int line, const char* what) {
  std::printf("  %s:%d: %s\n", file, line, what);
  state().failures++;
}

template <class T>
void print(const char* label, const T& value) {
  if constexpr (std::is_enum_v<T>) {
    print(label, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    std::printf("    %s: %s\n", label, value ? "true" : "false");
  } else if constexpr (std::is_floating_point_v<T>) {
    std::printf("    %s: %.17g\n", label, static_cast<double>(value));
  } else if constexpr (std::is_unsigned_v<T>) {
    std::printf("    %s: %llu (0x%llx)\n", label, static_cast<unsigned long long>(value),
                static_cast<unsigned long long>(value));
  } else if constexpr (std::is_integral_v<T>) {
    std::printf("    %s: %lld\n", label, static_cast<long long>(value));
  } else if constexpr (std::is_pointer_v<T>) {
    std::printf("    %s: %p\n", label, static_cast<const void*>(value));
  } else if constexpr (requires {
                         value.data();
                         value.size();
                       }) {
    std::printf("    %s: %.*s\n", label, static_cast<int>(value.size()), value.data());
  }
}

// Integers of different signedness compare by value.
template <class A, class B>
bool equal(const A& a, const B& b) {
  constexpr bool kIntegers = std::is_integral_v<A> && std::is_integral_v<B>;
  if constexpr (kIntegers && std::is_signed_v<A> && !std::is_signed_v<B>) {
    return a >= 0 && static_cast<std::make_unsigned_t<A>>(a) == b;
  } else if constexpr (kIntegers && !std::is_signed_v<A> && std::is_signed_v<B>) {
    return b >= 0 && a == static_cast<std::make_unsigned_t<B>>(b);
  } else {
    return a == b;
  }
}

template <class A, class B>
void checkEqual(const A& a, const B& b, const char* text, const char* file, int line) {
  if (equal(a, b)) return;
  fail(file, line, text);
  print("left ", a);
  print("right", b);
}

inline int runAll(int argc, char** argv) {
  const char* filter = "";
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      state().seed = std::strtoull(argv[++i], nullptr, 0);
    } else {
      filter = argv[i];
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int passed = 0;
  int failed = 0;
  for (const Case* each = state().first; each != nullptr; each = each->next) {
    if (std::strstr(each->name, filter) == nullptr) continue;
    state().failures = 0;
    each->run();
    if (state().failures == 0) {
      passed++;
      continue;
    }
    failed++;
    std::printf("FAILED %s (--seed %llu)\n", each->name, static_cast<unsigned long long>(seed()));
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0 ? 1 : 0;
}

}  // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define CASE(name)                                                                                \
  static void CHECK_JOIN(checkCase, __LINE__)();                                                  \
  static check::Register CHECK_JOIN(checkEntry, __LINE__)(name, CHECK_JOIN(checkCase, __LINE__)); \
  static void CHECK_JOIN(checkCase, __LINE__)()

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b) check::checkEqual((a), (b), #a " == " #b, __FILE__, __LINE__)

#define REQUIRE(condition)                         \
  do {                                             \
    if (!(condition)) {                            \
      check::fail(__FILE__, __LINE__, #condition); \
      return;                                      \
    }                                              \
  } while (false)
