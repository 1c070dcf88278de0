// Every allocation of job queues fails in turn: that job or that call says so, all else goes on.
#include <cerrno>
#include <cmath>

#include "mem/epoch.h"
#include "test/failing.h"
#include "test/job_fixture.h"

namespace heddle::test {
namespace {

const Body nothing = [](job::NativeCall&) {};
const Body writes = [](job::NativeCall& call) {
  uint8_t* const room = call.reserve(300);
  if (room == nullptr) return call.fail(-ENOMEM);
  std::memset(room, 'r', 300);
};
const Body large = [](job::NativeCall& call) {
  uint8_t* const room = call.reserve(100'000);
  if (room == nullptr) return call.fail(-ENOMEM, "no room");
  std::memset(room, 'l', 100'000);
};

bool isFine(const Done& done) {
  if (done.outcome == JobOutcome::VALUE || done.outcome == JobOutcome::NO_MEMORY) return true;
  int32_t error = 0;
  if (done.bytes.size() >= sizeof error) std::memcpy(&error, done.bytes.data(), sizeof error);
  return done.outcome == JobOutcome::ERROR && error == -ENOMEM;
}

void endWithLittleMemory(JobWorld* world, uint32_t number) {
  // At most one allocation fails.
  if (world->desk().drain(number, 1) == -ENOMEM) CHECK_EQ(world->desk().drain(number, 1), 0);
  CHECK(world->until([&] { return !world->drained.empty(); }));
  CHECK_EQ(job::destroyQueue(number), 0);
  job::QueueEntries entries;
  if (job::listQueues(&entries) == -ENOMEM) {
    entries.clear();
    CHECK_EQ(job::listQueues(&entries), 0);
  }
  CHECK_EQ(entries.size(), size_t{1});  // the loop's own
}

CASE("without memory for one thing a native job ends NO_MEMORY and the others run") {
  bodyTarget();
  eachAllocationFails(15, [](Failing& failing) {
    JobWorld world;
    failing.arm();
    QueueSpec spec;
    spec.name = "scarce";
    spec.desired = 2;
    const int64_t made = job::createQueue(spec, &world.desk());
    if (made == -ENOMEM) return;
    REQUIRE(made > 0);
    const auto number = static_cast<uint32_t>(made);
    world.submit(number, nothing);
    world.submit({.queue = number, .priority = 4, .subqueue = 9}, writes);
    world.submit({.queue = number, .flags = JobFlag::COMPLETES, .subqueue = 10}, large);
    world.submit({.queue = number, .deadline = world.nowMs() + 1e6, .runLimit = 1e6}, nothing);
    world.submit({.queue = number, .priority = -4}, writes);
    const int reserved = world.desk().reserve(number);
    CHECK(reserved == 0 || reserved == -ENOMEM);
    if (reserved == 0) world.submit({.queue = number, .flags = JobFlag::RESERVED}, nothing);
    const std::string much(40'000, 'b');
    const int64_t block =
        world.desk().block(reinterpret_cast<const uint8_t*>(much.data()), much.size());
    CHECK(block > 0 || block == -ENOMEM);
    CHECK(world.finishAll());
    int failed = 0;
    for (const auto& [handle, done] : world.done) {
      CHECK(isFine(done));
      failed += done.outcome == JobOutcome::VALUE ? 0 : 1;
    }
    // One thread too few is no job lost; otherwise one allocation is one job.
    CHECK(failed <= 1 || world.done.begin()->second.outcome == JobOutcome::NO_MEMORY);
    CHECK_EQ(world.stat(number, JobStat::BACKLOG), 0.0);
    const uint32_t later = world.submit(number, nothing);
    const int32_t outcome = world.outcomeOf(later);
    CHECK(outcome == JobOutcome::VALUE || failed == 0);
    job::JobInfos infos;
    const int listed = job::findQueue(number)->jobs(&infos);
    CHECK(listed == 0 || listed == -ENOMEM);
    endWithLittleMemory(&world, number);
  });
}

CASE("without memory a desk is not opened, a target has no number, nothing is left behind") {
  int suffix = 0;
  eachAllocationFails(2, [&suffix](Failing& failing) {
    Loopback world;
    failing.arm();
    const std::string name = "export" + std::to_string(suffix++);
    const int64_t target = job::targetNumber("module.js", name);
    CHECK(target > 0 || target == -ENOMEM);
    if (target == -ENOMEM) CHECK(job::targetNumber("module.js", name) > 0);
    job::Desks::Ptr desk = job::Desks::makePtr(&world.loop());
    if (desk == nullptr || desk->open() == -ENOMEM) return;
    world.loop().attach(desk.get(), 0);
    world.pass();
    world.loop().close();
  });
}

}  // namespace
}  // namespace heddle::test
