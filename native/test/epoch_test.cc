// What a domain promises, step by step on few threads.
#include <thread>
#include <vector>

#include "sys/membarrier.h"
#include "test/epoch_fixture.h"

using namespace epoch_test;

namespace {

int64_t reclaimedBy(const auto& action) {
  const int64_t before = reclaimedCount().load();
  action();
  return reclaimedCount().load() - before;
}

}  // namespace

CASE("SM-02 the asymmetric form is taken exactly where it works") {
  EpochOptions options;
  Domain chosen(options);
  CHECK_EQ(chosen.asymmetric(), EpochPlatform::asymmetricWorks());
  options.form = EpochForm::kExchange;
  Domain exchange(options);
  CHECK(!exchange.asymmetric());
  const int prepared = heddle::sys::prepareMembarrier();
  CHECK(prepared == 0 || prepared == -ENOSYS);
  if (prepared == 0) heddle::sys::membarrier();
}

CASE("SM-01 an object outlives the section that was open at its retirement") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* reader = domain.attach();
    Domain::Thread* writer = domain.attach();
    REQUIRE(reader != nullptr && writer != nullptr);
    Node* node = new Node(7);
    reader->enter();
    retireNode(domain, writer, node);
    CHECK_EQ(reclaimedBy([&] { CHECK_EQ(domain.maintainTry(), -1); }), 0);
    CHECK(node->intact());
    CHECK(reader->leave());
    CHECK_EQ(reclaimedBy([&] { CHECK_EQ(domain.maintainTry(), 1); }), 1);
    domain.detach(reader);
    domain.detach(writer);
    checkQuiet(domain);
  });
}

CASE("SM-01 a section begun after the batch does not hold it back") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* early = domain.attach();
    Domain::Thread* late = domain.attach();
    early->enter();
    retireNode(domain, late, new Node(1));
    CHECK_EQ(domain.maintainTry(), -1);
    late->enter();
    CHECK(early->leave());
    CHECK_EQ(domain.maintainTry(), 1);
    // Retired now, while the late one is inside: not reclaimed.
    retireNode(domain, early, new Node(2));
    CHECK_EQ(domain.maintainTry(), -1);
    CHECK(late->leave());
    CHECK_EQ(domain.maintainTry(), 1);
    domain.detach(early);
    domain.detach(late);
    checkQuiet(domain);
  });
}

CASE("SM-02 three levels: only the outermost leave lets go") {
  inBothFormsAttached([](Domain& domain, Domain::Thread* thread) {
    CHECK(!thread->inSection());
    for (int i = 0; i < 3; i++) thread->enter();
    retireNode(domain, thread, new Node(1));
    for (int i = 0; i < 2; i++) {
      CHECK(thread->leave());
      CHECK(thread->inSection());
      CHECK_EQ(domain.maintainTry(), -1);
    }
    CHECK(thread->leave());
    CHECK(!thread->inSection());
    CHECK(!thread->leave());
    CHECK(!thread->inSection());
    CHECK_EQ(domain.maintainTry(), 1);
    // The unbalanced end has spoilt nothing.
    thread->enter();
    CHECK(thread->inSection());
    CHECK(thread->leave());
  });
}

CASE("SM-03 a thread that leaves loses nothing, and its record is used again") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    std::thread([&] {
      Domain::Thread* self = domain.attach();
      for (uint64_t i = 0; i < 10; i++) retireNode(domain, self, new Node(i));
      CHECK_EQ(domain.detach(self), 0u);
    }).join();
    CHECK_EQ(domain.stats().backlog(), 10u);
    Domain::Thread* next = domain.attach();
    CHECK_EQ(domain.stats().threads, 1u);
    retireNode(domain, next, new Node(99));
    CHECK_EQ(domain.maintainBarrier(next), 11);
    domain.detach(next);
    CHECK_EQ(domain.stats().threads, 0u);
    checkQuiet(domain);
  });
}

CASE("SM-03 a thread that leaves in the middle of sections ends them") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* gone = domain.attach();
    gone->enter();
    gone->enter();
    retireNode(domain, gone, new Node(1));
    CHECK_EQ(domain.detach(gone), 2u);
    CHECK_EQ(domain.maintainTry(), 1);
    checkQuiet(domain);
  });
}

CASE("SM-06 barrier: all threads' objects; nothing in a section; try without work is 0") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* a = domain.attach();
    Domain::Thread* b = domain.attach();
    CHECK_EQ(domain.maintainTry(), 0);
    CHECK_EQ(domain.maintainBarrier(a), 0);
    retireNode(domain, a, new Node(1));
    retireNode(domain, b, new Node(2));
    a->enter();
    CHECK_EQ(domain.maintainBarrier(a), 0);
    CHECK(!domain.synchronize(a));
    CHECK_EQ(domain.stats().backlog(), 2u);
    CHECK(a->leave());
    CHECK_EQ(domain.maintainBarrier(nullptr), 2);
    domain.detach(a);
    domain.detach(b);
    checkQuiet(domain);
  });
}

CASE("SM-06 barrier, asynchronous: the ticket is past when all is reclaimed, not before") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* thread = domain.attach();
    Domain::Thread* reader = domain.attach();
    reader->enter();
    retireNode(domain, thread, new Node(1));
    const uint64_t ticket = domain.maintainAsync();
    CHECK(domain.unfinished());
    CHECK_EQ(domain.maintainTry(), -1);
    CHECK(!domain.past(ticket));
    CHECK(reader->leave());
    for (int i = 0; i < 4 && !domain.past(ticket); i++) (void)domain.maintainTry();
    CHECK(domain.past(ticket));
    CHECK_EQ(domain.stats().backlog(), 0u);
    // Also with nothing pending, and after a synchronize has moved the epoch on.
    const uint64_t empty = domain.maintainAsync();
    CHECK(domain.synchronize(thread));
    CHECK(domain.synchronize(thread));
    CHECK(!domain.past(empty));
    for (int i = 0; i < 4 && !domain.past(empty); i++) (void)domain.maintainTry();
    CHECK(domain.past(empty));
    domain.detach(thread);
    domain.detach(reader);
    checkQuiet(domain);
  });
}

CASE("SM-06 more waiting batches than the domain keeps apart lose nothing") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* reader = domain.attach();
    Domain::Thread* writer = domain.attach();
    reader->enter();
    for (uint64_t i = 0; i < 20; i++) {
      retireNode(domain, writer, new Node(i));
      CHECK_EQ(domain.maintainTry(), -1);
    }
    CHECK_EQ(domain.stats().backlog(), 20u);
    CHECK(reader->leave());
    CHECK_EQ(domain.maintainBarrier(writer), 20);
    domain.detach(reader);
    domain.detach(writer);
    checkQuiet(domain);
  });
}

CASE("SM-06 synchronize waits for the sections that are open, not for later ones") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    Domain::Thread* self = domain.attach();
    std::atomic<int> step{0};
    std::thread reader([&] {
      Domain::Thread* other = domain.attach();
      other->enter();
      step = 1;
      while (step != 2) EpochPlatform::pause(50);
      step = 3;
      CHECK(other->leave());
      domain.detach(other);
    });
    while (step != 1) EpochPlatform::pause(50);
    step = 2;
    CHECK(domain.synchronize(self));
    CHECK_EQ(step.load(), 3);
    reader.join();
    domain.detach(self);
    checkQuiet(domain);
  });
}

CASE("SM-04 a reclaim function may enter sections and retire more; its maintaining does nothing") {
  inBothForms([](const EpochOptions& options) {
    struct Chain : Retired {
      Domain* domain;
      Domain::Thread* thread;
      int left;
      static void end(Retired* retired) {
        Chain* chain = static_cast<Chain*>(retired);
        chain->thread->enter();
        CHECK_EQ(chain->domain->maintainBarrier(chain->thread), 0);
        CHECK(chain->thread->leave());
        CHECK_EQ(chain->domain->maintainBarrier(chain->thread), 0);
        CHECK_EQ(chain->domain->maintainTry(), -1);
        CHECK(!chain->domain->synchronize(chain->thread));
        if (chain->left > 0) {
          Chain* next = new Chain;
          next->domain = chain->domain;
          next->thread = chain->thread;
          next->left = chain->left - 1;
          chain->domain->retire(chain->thread, next, sizeof(Chain), end);
        }
        reclaimedCount()++;
        delete chain;
      }
    };
    Domain domain(options);
    Domain::Thread* thread = domain.attach();
    Chain* first = new Chain;
    first->domain = &domain;
    first->thread = thread;
    first->left = 3;
    domain.retire(thread, first, sizeof(Chain), Chain::end);
    for (int i = 0; i < 4; i++) CHECK_EQ(domain.maintainBarrier(thread), 1);
    CHECK_EQ(domain.maintainBarrier(thread), 0);
    domain.detach(thread);
    checkQuiet(domain);
  });
}

CASE("SM-13 the sections of two coroutines on one thread never mix their levels") {
  inBothFormsAttached([](Domain& domain, Domain::Thread* thread) {
    Domain::Section* a = domain.makeSection();
    Domain::Section* b = domain.makeSection();
    REQUIRE(a != nullptr && b != nullptr);
    Domain::Section* own = thread->swap(a);
    thread->enter();
    thread->enter();
    CHECK(thread->swap(b) == a);
    CHECK(!thread->inSection());
    thread->enter();
    retireNode(domain, thread, new Node(1));
    CHECK(thread->swap(a) == b);
    CHECK_EQ(a->depth(), 2u);
    CHECK_EQ(b->depth(), 1u);
    CHECK(thread->leave());
    CHECK(thread->leave());
    CHECK(!thread->leave());
    CHECK_EQ(domain.maintainTry(), -1);
    CHECK(thread->swap(b) == a);
    CHECK(thread->leave());
    CHECK(thread->swap(own) == b);
    CHECK_EQ(domain.maintainTry(), 1);
    CHECK_EQ(domain.dropSection(a), 0u);
    CHECK_EQ(domain.dropSection(b), 0u);
  });
}

CASE("SM-13 a parked section protects; its thread does not wait for itself") {
  inBothFormsAttached([](Domain& domain, Domain::Thread* thread) {
    Domain::Section* section = domain.makeSection();
    thread->swap(section);
    thread->enter();
    thread->swap(nullptr);
    CHECK(!thread->inSection());
    retireNode(domain, thread, new Node(1));
    CHECK_EQ(domain.maintainTry(), -1);
    // The section could not be left while its thread waits here.
    CHECK_EQ(domain.maintainBarrier(thread), 0);
    CHECK(!domain.synchronize(thread));
    // It may go on on another thread.
    std::thread([&] {
      Domain::Thread* other = domain.attach();
      other->swap(section);
      CHECK(other->inSection());
      CHECK(other->leave());
      other->swap(nullptr);
      domain.detach(other);
    }).join();
    CHECK_EQ(domain.maintainBarrier(thread), 1);
    CHECK_EQ(domain.dropSection(section), 0u);
  });
}

CASE("SM-13 a section that is dropped while entered lets go; sections are used again") {
  inBothFormsAttached([](Domain& domain, Domain::Thread* thread) {
    Domain::Section* section = domain.makeSection();
    thread->swap(section);
    thread->enter();
    retireNode(domain, thread, new Node(1));
    thread->swap(nullptr);
    CHECK_EQ(domain.dropSection(section), 1u);
    CHECK_EQ(domain.maintainBarrier(thread), 1);
    CHECK(domain.makeSection() == section);
    CHECK(!section->entered());
    CHECK_EQ(domain.stats().sections, 1u);
    CHECK_EQ(domain.dropSection(section), 0u);
  });
}

CASE("SM-08 statistics count objects, bytes, cycles, threads") {
  inBothFormsAttached([](Domain& domain, Domain::Thread* thread) {
    for (uint64_t i = 0; i < 5; i++) retireNode(domain, thread, new Node(i));
    EpochStats stats = domain.stats();
    CHECK_EQ(stats.requested, 5u);
    CHECK_EQ(stats.completed, 0u);
    CHECK_EQ(stats.backlog(), 5u);
    CHECK_EQ(stats.backlogBytes(), 5 * sizeof(Node));
    CHECK_EQ(stats.cycles, 0u);
    CHECK_EQ(stats.threads, 1u);
    const uint64_t epoch = stats.epoch;
    CHECK_EQ(domain.maintainBarrier(thread), 5);
    stats = domain.stats();
    CHECK_EQ(stats.completed, 5u);
    CHECK_EQ(stats.completedBytes, 5 * sizeof(Node));
    CHECK_EQ(stats.cycles, 1u);
    CHECK_EQ(stats.epoch, epoch + 1);
  });
}
