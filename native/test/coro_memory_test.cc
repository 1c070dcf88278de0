// The n-th allocation fails, for n = 0, 1, 2 … until a run makes fewer: each call says so and has
// changed nothing, and what runs goes on when there is memory again.
#include <cerrno>

#include "mem/builtin_types.h"
#include "mem/failpoint.h"
#include "mem/memtype.h"
#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

// Before the first allocation: each one is a request to the system then.
const int engineChosen = mem::setEngine("system");

int ended = 0;

void countEnd(void*) { ended++; }

// Yields with more and less in use. Counts what it could not register.
void swing(void* failures) {
  if (coro::onEnd(countEnd, nullptr) == -ENOMEM) ++*static_cast<int*>(failures);
  for (int i = 0; i < 3; i++) {
    volatile char bytes[4000];
    bytes[0] = 1;
    coro::yield();
    bytes[1] = bytes[0];
    coro::yield();
  }
  coro::exit();
}

struct Run {
  coro::Thread thread;
  std::vector<Coroutine*> all;
  int refusedEnds = 0;
  int refusals = 0;

  // False: there was no memory for it.
  bool make(const StartOptions& options) {
    Coroutine* const co = thread.make(swing, &refusedEnds, options);
    if (co == nullptr) return false;
    all.push_back(co);
    return true;
  }
  void all4() {
    for (int i = 0; i < 4; i++) {
      const StartOptions options = {.ownStack = i == 3};
      if (make(options)) continue;
      refusals++;
      CHECK_EQ(thread.live(), all.size());
      CHECK(make(options));
    }
  }
  void turn() {
    for (Coroutine* co : all) {
      if (co->ended()) continue;
      const State before = co->state();
      const uint64_t resumes = co->resumes();
      State state = thread.resume(co);
      if (state == State::kNoMemory) {
        refusals++;
        CHECK(co->state() == before);
        CHECK_EQ(co->resumes(), resumes);
        state = thread.resume(co);
      }
      CHECK(state == State::kSuspended || state == State::kFinished);
    }
  }
};

CASE("MT-18 AC-05 memory fails at each allocation: it is said, and nothing is lost") {
  REQUIRE(engineChosen == 0);
  int refusals = 0;
  int64_t at = 0;
  for (bool reached = true; reached && check::state().failures == 0; at++) {
    REQUIRE(at < 1000);
    ended = 0;
    {
      Run run;
      run.all.reserve(4);
      mem::failpoint().countdown.store(at);
      int opened = run.thread.open({.count = 2});
      if (opened < 0) {
        refusals++;
        CHECK_EQ(opened, -ENOMEM);
        opened = run.thread.open({.count = 2});
      }
      CHECK_EQ(opened, 0);
      run.all4();
      for (int i = 0; i < 10; i++) run.turn();
      reached = mem::failpoint().countdown.exchange(-1) < 0;
      for (Coroutine* co : run.all) CHECK(co->state() == State::kFinished);
      CHECK_EQ(ended, 4 - run.refusedEnds);
      CHECK_EQ(run.thread.stats().saveBytes, uint64_t{0});
      for (Coroutine* co : run.all) run.thread.destroy(co);
      refusals += run.refusals + run.refusedEnds;
    }
    CHECK(!mem::printLiveBuiltins(stdout));
  }
  // One run each, but for the last.
  CHECK_EQ(refusals, static_cast<int>(at) - 1);
  CHECK(at > (kShared ? 12 : 10));
}

}  // namespace
}  // namespace heddle::test
