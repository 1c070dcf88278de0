#pragma once

// Objects for the tests of the epochs: their contents are poisoned when they are reclaimed, so that
// a reader that is given memory too late sees it, with or without sanitizers.

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "mem/epoch_domain.h"
#include "mem/epoch_platform.h"
#include "test/check.h"

namespace epoch_test {

using heddle::mem::EpochForm;
using heddle::mem::EpochOptions;
using heddle::mem::EpochPlatform;
using heddle::mem::EpochStats;
using heddle::mem::Retired;
using Domain = heddle::mem::EpochDomain<EpochPlatform>;

constexpr uint64_t kAlive = 0x0123456789abcdefu;
constexpr uint64_t kPoison = 0xdeaddeaddeaddeadu;

inline std::atomic<int64_t>& reclaimedCount() {
  static std::atomic<int64_t> count{0};
  return count;
}

struct Node : Retired {
  explicit Node(uint64_t value) : a(kAlive ^ value), b(value) {}

  // The poison differs from any living value in a + b.
  [[nodiscard]] bool intact() const {
    const volatile uint64_t* first = &a;
    const volatile uint64_t* second = &b;
    return (*first ^ *second) == kAlive;
  }

  static void end(Retired* retired) {
    Node* node = static_cast<Node*>(retired);
    node->a = kPoison;
    node->b = 0;
    reclaimedCount().fetch_add(1, std::memory_order_relaxed);
    delete node;
  }

  uint64_t a;
  uint64_t b;
};

inline void retireNode(Domain& domain, Domain::Thread* thread, Node* node) {
  domain.retire(thread, node, sizeof(Node), Node::end);
}

// Nothing is pending: what was asked for is done.
inline void checkQuiet(Domain& domain) {
  const EpochStats stats = domain.stats();
  CHECK_EQ(stats.requested, stats.completed);
  CHECK_EQ(stats.requestedBytes, stats.completedBytes);
  CHECK(!domain.unfinished());
}

// Runs `body` in both forms; the asymmetric one where the machine and the build have it.
template <class Body>
void inBothForms(Body body) {
  for (const EpochForm form : {EpochForm::kExchange, EpochForm::kAsymmetric}) {
    EpochOptions options;
    options.form = form;
    body(options);
  }
}

// The same with a thread that is attached to a domain of each form; nothing may be left at the end.
template <class Body>
void inBothFormsAttached(Body body) {
  inBothForms([&body](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* thread = domain.attach();
    body(domain, thread);
    domain.detach(thread);
    checkQuiet(domain);
  });
}

}  // namespace epoch_test
