// What comes back to a desk that is gone is destroyed, however many wait for one another.
#include <thread>

#include "job/tray.h"
#include "test/check.h"

namespace heddle::test {
namespace {

using job::Job;
using job::Tray;
using job::Trays;

Job* jobOf(Tray* tray) {
  Job* const job = Job::make(0);
  if (job == nullptr) std::abort();
  job->ended = [](Job* self) { self->tray->put(self); };
  job->tray = tray;
  tray->acquire();
  return job;
}

// The first waits for the second and so on; the last is returned, and is the only one whose own
// work is not over.
Job* chainOf(Tray* tray, int length) {
  Job* last = jobOf(tray);
  for (int i = 1; i < length; i++) {
    Job* const next = jobOf(tray);
    next->parent = last;
    last = next;
  }
  return last;
}

CASE("AS-06 a chain of dependents of any length is destroyed behind a desk that has ended") {
  Tray* const tray = Trays::make(1u);
  REQUIRE(tray != nullptr);
  Job* const last = chainOf(tray, 200'000);
  tray->close();
  // A thread of a queue has half a megabyte of stack or so.
  std::thread([last] { job::finish(last); }).join();
  tray->release();
}

CASE("AS-06 what was put in before the end is destroyed with its chain by the end") {
  Tray* const tray = Trays::make(1u);
  REQUIRE(tray != nullptr);
  for (int i = 0; i < 3; i++) job::finish(chainOf(tray, 50'000));
  CHECK(tray->hasNews());
  tray->close();
  CHECK(!tray->hasNews());
  tray->release();
}

}  // namespace
}  // namespace heddle::test
