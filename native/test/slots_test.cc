#include "base/slots.h"

#include <map>
#include <set>
#include <vector>

#include "test/check.h"

using heddle::base::Slots;

namespace {

struct Counted {
  explicit Counted(int valueIn, int* aliveIn) : value(valueIn), alive(aliveIn) { ++*alive; }
  ~Counted() { --*alive; }
  int value;
  int* alive;
};

struct alignas(64) Wide {
  char bytes[64];
};

}  // namespace

CASE("slots: a handle is index and generation and is never 0") {
  Slots<int> slots;
  const auto [first, firstHandle] = slots.create(7);
  const auto [second, secondHandle] = slots.create(8);
  REQUIRE(first != nullptr && second != nullptr);
  CHECK_EQ(firstHandle, 1u);
  CHECK_EQ(secondHandle, 2u);
  CHECK(slots.get(firstHandle) == first);
  CHECK_EQ(*slots.get(secondHandle), 8);
  CHECK(slots.get(0) == nullptr);
  CHECK(slots.get(3) == nullptr);
  CHECK(slots.get(0xffffffff) == nullptr);
}

CASE("slots: a handle is stale from the moment its object dies until 128 reuses later") {
  Slots<int> slots;
  const uint32_t original = slots.create(0).handle;
  slots.destroy(original);
  CHECK(slots.get(original) == nullptr);
  for (int reuse = 1; reuse <= Slots<int>::kMaxGeneration; reuse++) {
    const auto [value, handle] = slots.create(reuse);
    CHECK_EQ(handle & Slots<int>::kMaxIndex, 1u);
    CHECK_EQ(handle >> 24, static_cast<uint32_t>(reuse));
    CHECK(static_cast<int32_t>(handle) > 0);
    CHECK(slots.get(original) == nullptr);
    slots.destroy(original);  // a stale destroy does nothing
    CHECK(slots.get(handle) == value);
    slots.destroy(handle);
  }
  CHECK_EQ(slots.create(0).handle, original);
}

CASE("slots: the object's own handle is stale while its destructor runs") {
  struct Asking {
    Slots<Asking>* slots;
    uint32_t self;
    bool* foundItself;
    ~Asking() { *foundItself = slots->get(self) != nullptr; }
  };
  bool foundItself = true;
  Slots<Asking> slots;
  const auto [value, handle] = slots.create(Asking{&slots, 0, &foundItself});
  value->self = handle;
  foundItself = true;
  slots.destroy(handle);
  CHECK(!foundItself);
}

CASE("slots: addresses stay, destructors run, the pool ends what is left") {
  int alive = 0;
  {
    Slots<Counted> slots;
    std::vector<Counted*> pointers;
    std::vector<uint32_t> handles;
    for (int i = 0; i < 2000; i++) {
      const auto [value, handle] = slots.create(i, &alive);
      pointers.push_back(value);
      handles.push_back(handle);
    }
    CHECK_EQ(alive, 2000);
    CHECK_EQ(slots.live(), 2000u);
    for (size_t i = 0; i < handles.size(); i++) CHECK(slots.get(handles[i]) == pointers[i]);
    for (size_t i = 0; i < handles.size(); i += 2) slots.destroy(handles[i]);
    CHECK_EQ(alive, 1000);
    CHECK_EQ(slots.live(), 1000u);
  }
  CHECK_EQ(alive, 0);
}

CASE("slots: alignment is kept and the overhead is small") {
  Slots<Wide> wide;
  for (int i = 0; i < 300; i++) {
    CHECK_EQ(reinterpret_cast<uintptr_t>(wide.create().value) % alignof(Wide), 0u);
  }
  struct Connection {
    char bytes[200];
  };
  Slots<Connection> slots;
  for (int i = 0; i < 10'000; i++) CHECK(slots.create().value != nullptr);
  CHECK(slots.bytes() < 10'000 * (sizeof(Connection) + 8));
}

CASE("slots: the limit holds and room comes back") {
  Slots<int> slots(3);
  const uint32_t first = slots.create(1).handle;
  CHECK(slots.create(2).value != nullptr);
  CHECK(slots.create(3).value != nullptr);
  const auto refused = slots.create(4);
  CHECK(refused.value == nullptr);
  CHECK_EQ(refused.handle, 0u);
  slots.destroy(first);
  CHECK(slots.create(5).value != nullptr);
}

CASE("slots: every index can be used, then create fails") {
  struct Tiny {
    uint8_t byte;
  };
  Slots<Tiny> slots;
  uint32_t last = 0;
  uint32_t created = 0;
  while (true) {
    const auto [value, handle] = slots.create();
    if (value == nullptr) break;
    last = handle;
    created++;
  }
  CHECK_EQ(created, Slots<Tiny>::kMaxIndex);
  CHECK_EQ(last, Slots<Tiny>::kMaxIndex);
  slots.destroy(last);
  CHECK_EQ(slots.create().handle, last | 1u << 24);
}

CASE("slots: each survives the destruction of the visited and of other elements") {
  Slots<int> slots;
  std::vector<uint32_t> handles;
  handles.reserve(1000);
  for (int i = 0; i < 1000; i++) handles.push_back(slots.create(i).handle);
  std::set<int> visited;
  slots.each([&](int& value, uint32_t handle) {
    CHECK_EQ(handle, handles[static_cast<size_t>(value)]);
    CHECK(visited.insert(value).second);
    slots.destroy(handle);
    if (value % 3 == 0 && value + 1 < 1000) slots.destroy(handles[static_cast<size_t>(value) + 1]);
  });
  CHECK_EQ(slots.live(), 0u);
  CHECK_EQ(visited.size(), 667u);
  int more = 0;
  slots.each([&](int&) { more++; });
  CHECK_EQ(more, 0);
}

CASE("slots: random use agrees with a map") {
  check::Random random(check::seed());
  Slots<uint64_t> slots;
  std::map<uint32_t, uint64_t> model;
  std::vector<uint32_t> dead;
  for (int step = 0; step < 20'000 * check::kStressScale; step++) {
    if (model.empty() || random.below(100) < 52) {
      const uint64_t value = random.next();
      const uint32_t handle = slots.create(value).handle;
      CHECK(model.emplace(handle, value).second);
      std::erase(dead, handle);  // its 128th successor
    } else {
      auto victim = model.lower_bound(static_cast<uint32_t>(random.next()));
      if (victim == model.end()) victim = model.begin();
      dead.push_back(victim->first);
      if (dead.size() > 64) dead.erase(dead.begin());
      slots.destroy(victim->first);
      model.erase(victim);
    }
    for (const uint32_t handle : dead) CHECK(slots.get(handle) == nullptr);
  }
  CHECK_EQ(slots.live(), model.size());
  size_t found = 0;
  slots.each([&](uint64_t& value, uint32_t handle) {
    found++;
    CHECK_EQ(model[handle], value);
  });
  CHECK_EQ(found, model.size());
}
