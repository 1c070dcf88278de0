// Timers, watches and jobs of native modules on a loop, and how they end.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "test/module_fixture.h"

namespace heddle::test {
namespace {

struct EventWorld : ModuleWorld {
  EventWorld() : self(Self::make(module, "test")) {}
  ~EventWorld() { self->release(); }

  heddle_self* handle() const { return self->handle(); }

  AcoWorld loop;
  Self* self;
};

struct Ticks {
  int count = 0;
  int64_t again = 0;
  int64_t cancels = 0;
};

int64_t tick(void* closure) {
  auto* const ticks = static_cast<Ticks*>(closure);
  ticks->count++;
  if (ticks->cancels > 0) CHECK_EQ(api().events->cancel(ticks->cancels), 0);
  return ticks->again;
}

CASE("MO-20 a thread without a loop has no events and no jobs") {
  ModuleWorld world;
  Self* const self = Self::make(world.module, "test");
  Ticks ticks;
  CHECK_EQ(api().events->timer(self->handle(), 0, tick, &ticks), -ENXIO);
  CHECK_EQ(api().events->cancel(1), -ENOENT);
  const heddle_job job = {
      [](void*) -> int64_t { return 0; }, nullptr, nullptr, nullptr, 0, 0, 0, 0};
  CHECK_EQ(api().jobs->submit(self->handle(), &job), -ENXIO);
  CHECK_EQ(api().jobs->submit(self->handle(), nullptr), -EINVAL);
  self->release();
}

CASE("MO-20 timers run once, or again, and can be cancelled, also by themselves") {
  EventWorld world;
  Ticks once, again{0, 1000, 0}, never;
  CHECK_EQ(api().events->timer(world.handle(), 0, nullptr, nullptr), -EINVAL);
  const int64_t first = api().events->timer(world.handle(), -5, tick, &once);
  const int64_t repeated = api().events->timer(world.handle(), 1000, tick, &again);
  const int64_t late = api().events->timer(world.handle(), INT64_MAX, tick, &never);
  CHECK(first > 0 && repeated > 0 && late > 0);
  CHECK(world.loop.until([&] { return once.count == 1 && again.count >= 3; }));
  CHECK_EQ(api().events->cancel(first), -ENOENT);
  again.cancels = repeated;
  const int before = again.count;
  CHECK(world.loop.until([&] { return again.count == before + 1; }));
  CHECK_EQ(api().events->cancel(repeated), -ENOENT);
  CHECK_EQ(api().events->cancel(late), 0);
  CHECK_EQ(api().events->cancel(late), -ENOENT);
  CHECK_EQ(never.count, 0);
}

struct Reader {
  std::string text;
  bool ended = false;
};

uint32_t readSome(void* closure, int fd, uint32_t) {
  auto* const reader = static_cast<Reader*>(closure);
  char bytes[2];
  const ssize_t size = read(fd, bytes, sizeof bytes);
  if (size > 0) reader->text.append(bytes, static_cast<size_t>(size));
  reader->ended = size <= 0;
  return reader->ended ? 0 : HEDDLE_READABLE;
}

CASE("MO-20 a watch reports what is ready as long as it is, until its callback ends it") {
  EventWorld world;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Reader reader;
  CHECK_EQ(api().events->watch(world.handle(), -1, HEDDLE_READABLE, readSome, &reader), -EBADF);
  CHECK_EQ(api().events->watch(world.handle(), ends[0], 64, readSome, &reader), -EINVAL);
  CHECK_EQ(api().events->watch(world.handle(), ends[0], 0, readSome, &reader), -EINVAL);
  CHECK_EQ(api().events->watch(world.handle(), ends[0], 1, nullptr, &reader), -EINVAL);
  const int64_t watch =
      api().events->watch(world.handle(), ends[0], HEDDLE_READABLE, readSome, &reader);
  CHECK(watch > 0);
  CHECK_EQ(api().events->watch(world.handle(), ends[0], HEDDLE_READABLE, readSome, &reader),
           -EEXIST);
  CHECK_EQ(write(ends[1], "abcde", 5), 5);
  CHECK(world.loop.until([&] { return reader.text == "abcde"; }));
  close(ends[1]);
  CHECK(world.loop.until([&] { return reader.ended; }));
  CHECK_EQ(api().events->cancel(watch), -ENOENT);
  close(ends[0]);
}

CASE("MO-13 after DESTROY timers and watches run no more, and nothing new begins") {
  EventWorld world;
  Ticks ticks{0, 1, 0};
  Reader reader;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK(api().events->timer(world.handle(), 0, tick, &ticks) > 0);
  CHECK(api().events->watch(world.handle(), ends[0], HEDDLE_READABLE, readSome, &reader) > 0);
  CHECK(world.loop.until([&] { return ticks.count > 0; }));
  CHECK_EQ(world.self->end(), 0);
  const int before = ticks.count;
  CHECK_EQ(write(ends[1], "x", 1), 1);
  close(ends[1]);
  close(ends[0]);
  world.loop.settle();
  CHECK_EQ(ticks.count, before);
  CHECK_EQ(reader.text, std::string());
  CHECK_EQ(api().events->timer(world.handle(), 0, tick, &ticks), -ESHUTDOWN);
}

struct JobRun {
  std::atomic<bool> go{true};
  std::atomic<int> worked{0};
  int told = 0;
  int status = 1;
  int64_t result = 0;
  std::thread::id where;
};

int64_t work(void* argument) {
  auto* const run = static_cast<JobRun*>(argument);
  while (!run->go.load()) std::this_thread::yield();
  run->worked++;
  return 42;
}

void done(void* argument, int status, int64_t result) {
  auto* const run = static_cast<JobRun*>(argument);
  run->told++;
  run->status = status;
  run->result = result;
  run->where = std::this_thread::get_id();
}

heddle_job jobOf(JobRun* run) { return {work, done, run, nullptr, 0, 0, 0, 0}; }

CASE("MO-20 a job is told of once, on the thread that submitted it") {
  EventWorld world;
  JobRun run;
  heddle_job job = jobOf(&run);
  CHECK_EQ(api().jobs->submit(world.handle(), &job), 0);
  CHECK(world.loop.until([&] { return run.told > 0; }));
  CHECK_EQ(run.status, 0);
  CHECK_EQ(run.result, 42);
  CHECK(run.where == std::this_thread::get_id());
  job.queue = "no such queue";
  CHECK_EQ(api().jobs->submit(world.handle(), &job), -ENOENT);
  job = jobOf(&run);
  job.reserved = 1;
  CHECK_EQ(api().jobs->submit(world.handle(), &job), -EINVAL);
  job = jobOf(&run);
  job.flags = 4;
  CHECK_EQ(api().jobs->submit(world.handle(), &job), -EINVAL);
  job = jobOf(&run);
  job.deadline_ns = 1;
  CHECK_EQ(api().jobs->submit(world.handle(), &job), 0);
  CHECK(world.loop.until([&] { return run.told > 1; }));
  CHECK_EQ(run.status, -ETIME);
  CHECK_EQ(run.worked.load(), 1);
}

CASE(
    "MO-20 the end of a loop waits for the job that runs and withdraws the others: each is told "
    "once") {
  REQUIRE(aco::setAsynchLimits(1, 0) == 0);
  JobRun running;
  std::vector<JobRun> waiting(5);
  running.go.store(false);
  {
    EventWorld world;
    heddle_job job = jobOf(&running);
    CHECK_EQ(api().jobs->submit(world.handle(), &job), 0);
    CHECK(world.loop.until([] { return aco::asynchUsage().running == 1; }));
    for (JobRun& each : waiting) {
      job = jobOf(&each);
      CHECK_EQ(api().jobs->submit(world.handle(), &job), 0);
    }
    std::thread release([&running] { running.go.store(true); });
    world.loop.loop().close();
    release.join();
    CHECK_EQ(running.told, 1);
    CHECK_EQ(running.status, 0);
    for (const JobRun& each : waiting) {
      CHECK_EQ(each.told, 1);
      CHECK(each.status == 0 || each.status == -ECANCELED);
    }
    CHECK_EQ(api().jobs->submit(world.handle(), &job), -ESHUTDOWN);
    Ticks ticks;
    CHECK_EQ(api().events->timer(world.handle(), 0, tick, &ticks), -ESHUTDOWN);
  }
  for (const JobRun& each : waiting) CHECK_EQ(each.told, 1);
}

CASE("MO-13 a self that ends on another thread ends its events on their loop") {
  EventWorld world;
  Ticks ticks{0, 1, 0};
  CHECK(api().events->timer(world.handle(), 0, tick, &ticks) > 0);
  CHECK(world.loop.until([&] { return ticks.count > 0; }));
  std::thread([&world] { world.self->end(); }).join();
  world.loop.settle();
  const int before = ticks.count;
  world.loop.settle();
  CHECK_EQ(ticks.count, before);
}

// What a timer's callback asked for, and what came of it.
struct Asked {
  EventWorld* world;
  Ticks* ticks;
  int64_t foreign;
  int64_t made = 0;
  int cancelled = 1;
};

CASE("MO-20 with two loops on a thread a callback's events are its own loop's, and no other's") {
  EventWorld world;
  world.isolate.first = &world.loop.loop();
  Ticks first, second, never;
  const int64_t own = api().events->timer(world.handle(), INT64_MAX, tick, &never);
  CHECK(own > 0);
  AcoWorld later;
  // Asked for in a call of Heddle's: of the isolate's first loop, though another was made last.
  const int64_t due = api().events->timer(world.handle(), 0, tick, &first);
  CHECK_EQ(own >> 32, due >> 32);
  CHECK(world.loop.until([&] { return first.count == 1; }));
  CHECK_EQ(api().events->cancel(int64_t{later.loop().loopId()} << 32 | (own & INT32_MAX)), -ENOENT);
  // In a callback of the second: of that one.
  world.isolate.first = &later.loop();
  Asked asked{&world, &second, own};
  const int64_t asks = api().events->timer(
      world.handle(), 0,
      [](void* closure) -> int64_t {
        auto* const in = static_cast<Asked*>(closure);
        in->world->isolate.first = &in->world->loop.loop();
        in->made = api().events->timer(in->world->handle(), 0, tick, in->ticks);
        in->cancelled = api().events->cancel(in->foreign);
        return 0;
      },
      &asked);
  CHECK_EQ(asks >> 32, int64_t{later.loop().loopId()});
  CHECK(later.until([&] { return second.count == 1; }));
  CHECK_EQ(asked.made >> 32, int64_t{later.loop().loopId()});
  // Of the same thread: by its whole number.
  CHECK_EQ(asked.cancelled, 0);
  CHECK_EQ(api().events->cancel(own), -ENOENT);
  world.loop.settle();
  CHECK_EQ(never.count, 0);
}

CASE("MO-20 on a coroutine's stack there are no events and no jobs") {
  EventWorld world;
  int64_t timer = 0;
  int submitted = 0;
  int cancelled = 0;
  Ticks ticks;
  world.loop.go([&] {
    timer = api().events->timer(world.handle(), 0, tick, &ticks);
    const heddle_job job = {
        [](void*) -> int64_t { return 0; }, nullptr, nullptr, nullptr, 0, 0, 0, 0};
    submitted = api().jobs->submit(world.handle(), &job);
    cancelled = api().events->cancel(1);
  });
  CHECK(world.loop.finishAll());
  CHECK_EQ(timer, -EPERM);
  CHECK_EQ(submitted, -EPERM);
  CHECK_EQ(cancelled, -EPERM);
}

// Closes its descriptor, and watches another one that gets its number.
struct Closer {
  EventWorld* world;
  Reader* reader;
  int other = -1;
  int64_t watch = 0;
};

CASE("MO-20 a descriptor that is closed in its callback takes no later watch of its number along") {
  EventWorld world;
  int ends[2];
  int others[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(pipe(others) == 0);
  Reader reader;
  Closer closer{&world, &reader, others[0]};
  const int64_t watch = api().events->watch(
      world.handle(), ends[0], HEDDLE_READABLE,
      [](void* closure, int fd, uint32_t) -> uint32_t {
        auto* const in = static_cast<Closer*>(closure);
        close(fd);
        CHECK_EQ(dup(in->other), fd);
        in->watch =
            api().events->watch(in->world->handle(), fd, HEDDLE_READABLE, readSome, in->reader);
        return 0;
      },
      &closer);
  CHECK(watch > 0);
  CHECK_EQ(write(ends[1], "x", 1), 1);
  CHECK(world.loop.until([&] { return closer.watch != 0; }));
  CHECK(closer.watch > 0);
  CHECK_EQ(write(others[1], "yz", 2), 2);
  CHECK(world.loop.until([&] { return reader.text == "yz"; }));
  CHECK_EQ(api().events->cancel(closer.watch), 0);
  for (const int fd : {ends[0], ends[1], others[0], others[1]}) close(fd);
}

CASE("MO-13 at DESTROY the watches of its thread have ended, and its last job may begin") {
  EventWorld world;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Reader reader;
  JobRun run;
  CHECK_EQ(world.self->extInit({HEDDLE_INIT, 0, nullptr}, nullptr), 0);
  const int64_t watch =
      api().events->watch(world.handle(), ends[0], HEDDLE_READABLE, readSome, &reader);
  int cancelled = 0;
  int submitted = 1;
  world.functions.extInit = [&](heddle_self* at, const heddle_init* init) {
    CHECK_EQ(init->mode, HEDDLE_DESTROY);
    cancelled = api().events->cancel(watch);
    close(ends[0]);
    const heddle_job job = jobOf(&run);
    submitted = api().jobs->submit(at, &job);
    return 0;
  };
  CHECK_EQ(world.self->end(), 0);
  CHECK_EQ(cancelled, -ENOENT);
  CHECK_EQ(submitted, 0);
  CHECK(world.loop.until([&] { return run.told == 1; }));
  CHECK_EQ(run.status, 0);
  const heddle_job job = jobOf(&run);
  CHECK_EQ(api().jobs->submit(world.handle(), &job), -ESHUTDOWN);
  close(ends[1]);
}

}  // namespace
}  // namespace heddle::test
