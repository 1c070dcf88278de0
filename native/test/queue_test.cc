#include "base/queue.h"

#include <memory>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/interleave.h"

using check::Interleaver;
using check::YieldingAtomic;
using heddle::base::Mpsc;
using heddle::base::Spsc;

namespace {

struct Node {
  int producer = 0;
  int number = 0;
  Node* next = nullptr;
};

struct Record {
  uint32_t number;
  uint32_t twice;
};

// The mistake that the interleaver must find: takeAll in two steps.
template <class T, template <class> class Atomic>
class LossyMpsc {
 public:
  bool push(T* element) {
    T* head = head_.load(std::memory_order_relaxed);
    do {
      element->next = head;
    } while (!head_.compare_exchange_weak(head, element, std::memory_order_release,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }
  T* takeAll() {
    T* all = head_.load(std::memory_order_acquire);
    head_.store(nullptr, std::memory_order_relaxed);
    return all;
  }

 private:
  Atomic<T*> head_{nullptr};
};

int countAll(const Node* list) {
  int count = 0;
  for (; list != nullptr; list = list->next) count++;
  return count;
}

// Three producers, one consumer that also takes in between; returns the number of elements that
// arrived.
template <class Queue>
int interleavedTotal(uint64_t seed) {
  Queue queue;
  Node nodes[3][3];
  int taken = 0;
  const auto produce = [&](int producer) {
    return [&queue, &nodes, producer] {
      for (Node& node : nodes[producer]) static_cast<void>(queue.push(&node));
    };
  };
  const auto consume = [&] {
    for (int i = 0; i < 4; i++) taken += countAll(queue.takeAll());
  };
  Interleaver(seed).run({produce(0), produce(1), produce(2), consume});
  return taken + countAll(queue.takeAll());
}

}  // namespace

CASE("mpsc: first in, first out, and only the first push onto an empty queue asks for a wake-up") {
  Mpsc<Node> queue;
  Node nodes[3];
  for (int i = 0; i < 3; i++) nodes[i].number = i;
  CHECK(queue.empty());
  CHECK(queue.takeAll() == nullptr);
  CHECK(queue.push(&nodes[0]));
  CHECK(!queue.push(&nodes[1]));
  CHECK(!queue.push(&nodes[2]));
  CHECK(!queue.empty());
  int expected = 0;
  for (Node* node = queue.takeAll(); node != nullptr; node = node->next) {
    CHECK_EQ(node->number, expected++);
  }
  CHECK_EQ(expected, 3);
  CHECK(queue.push(&nodes[0]));
}

CASE("mpsc: nothing is lost in any of many interleavings") {
  for (uint64_t i = 0; i < 200; i++) {
    CHECK_EQ((interleavedTotal<Mpsc<Node, YieldingAtomic>>(check::seed() * 1000 + i)), 9);
  }
}

CASE("mpsc: the interleavings find a queue that loses elements") {
  int lossy = 0;
  for (uint64_t i = 0; i < 200; i++) {
    if (interleavedTotal<LossyMpsc<Node, YieldingAtomic>>(check::seed() * 1000 + i) != 9) lossy++;
  }
  CHECK(lossy > 0);
}

CASE("mpsc: three threads push, one takes, order within each thread is kept") {
  constexpr int kProducers = 3;
  const int each = 20'000 * check::kStressScale;
  Mpsc<Node> queue;
  std::vector<std::unique_ptr<Node[]>> nodes;
  std::vector<std::thread> threads;
  nodes.reserve(kProducers);
  threads.reserve(kProducers);
  for (int p = 0; p < kProducers; p++) nodes.push_back(std::make_unique<Node[]>(size_t(each)));
  for (int p = 0; p < kProducers; p++) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < each; i++) {
        Node& node = nodes[size_t(p)][size_t(i)];
        node.producer = p;  // plain writes: the queue alone makes them visible
        node.number = i;
        static_cast<void>(queue.push(&node));
      }
    });
  }
  int nextNumber[kProducers] = {};
  int total = 0;
  bool ordered = true;
  while (total < kProducers * each) {
    Node* node = queue.takeAll();
    if (node == nullptr) std::this_thread::yield();
    for (; node != nullptr; node = node->next, total++) {
      ordered = ordered && node->number == nextNumber[node->producer]++;
    }
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ordered);
  CHECK(queue.takeAll() == nullptr);
}

CASE("spsc: capacity is a power of two, a full ring refuses, all or nothing") {
  Spsc<int> ring;
  CHECK(!ring.init(0));
  REQUIRE(ring.init(5));
  CHECK(!ring.init(5));
  CHECK_EQ(ring.capacity(), 8u);
  const int items[5] = {1, 2, 3, 4, 5};
  CHECK(ring.push(items, 5));
  CHECK(!ring.push(items, 4));
  CHECK_EQ(ring.size(), 5u);
  CHECK_EQ(ring.freeSlots(), 3u);
  CHECK(ring.push(items, 3));
  CHECK(!ring.push(9));
  int out[16];
  CHECK_EQ(ring.pop(out, 2), 2u);
  CHECK_EQ(out[0], 1);
  CHECK_EQ(out[1], 2);
  CHECK(ring.push(6));
  CHECK_EQ(ring.pop(out, 16), 7u);
  CHECK_EQ(out[0], 3);
  CHECK_EQ(out[6], 6);
  CHECK_EQ(ring.pop(out, 16), 0u);
  CHECK(!ring.pop(out));
  CHECK_EQ(ring.size(), 0u);
}

CASE("spsc: order and content hold in any of many interleavings") {
  for (uint64_t i = 0; i < 200; i++) {
    Spsc<Record, YieldingAtomic> ring;
    REQUIRE(ring.init(4));
    uint32_t received = 0;
    bool ordered = true;
    const auto produce = [&] {
      for (uint32_t n = 0; n < 12; n++) {
        while (!ring.push({n, 2 * n})) {
        }
      }
    };
    const auto consume = [&] {
      while (received < 12) {
        Record out[3];
        const uint32_t count = ring.pop(out, 3);
        for (uint32_t k = 0; k < count; k++, received++) {
          ordered = ordered && out[k].number == received && out[k].twice == 2 * received;
        }
      }
    };
    Interleaver(check::seed() * 1000 + i).run({produce, consume});
    CHECK(ordered);
    CHECK_EQ(ring.size(), 0u);
  }
}

CASE("spsc: two threads, batches of changing size") {
  const auto total = static_cast<uint32_t>(200'000 * check::kStressScale);
  Spsc<Record> ring;
  REQUIRE(ring.init(64));
  std::thread producer([&] {
    check::Random random(check::seed());
    Record batch[16];
    for (uint32_t n = 0; n < total;) {
      uint32_t size = 1 + random.below(16);
      if (size > total - n) size = total - n;
      for (uint32_t k = 0; k < size; k++) batch[k] = {n + k, 2 * (n + k)};
      while (!ring.push(batch, size)) std::this_thread::yield();
      n += size;
    }
  });
  uint32_t received = 0;
  bool ordered = true;
  Record out[24];
  while (received < total) {
    const uint32_t count = ring.pop(out, 24);
    if (count == 0) std::this_thread::yield();
    for (uint32_t k = 0; k < count; k++, received++) {
      ordered = ordered && out[k].number == received && out[k].twice == 2 * received;
    }
  }
  producer.join();
  CHECK(ordered);
  CHECK_EQ(ring.size(), 0u);
}
