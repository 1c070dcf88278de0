// Native modules when memory fails at any allocation: each call says -ENOMEM and has done nothing,
// or has done it; nothing is left behind.
#include "test/failing.h"
#include "test/module_fixture.h"

namespace heddle::test {
namespace {

int nothing(void*, const heddle_value*, size_t, heddle_value*) { return 0; }

CASE("MT-18 MO-20 phases, values, hooks, posts, timers") {
  eachAllocationFails(12, [](Failing& failing) {
    ModuleWorld world;
    AcoWorld loop;
    REQUIRE(world.module != nullptr);
    failing.arm();
    Self* const self = Self::make(world.module, "test");
    if (self == nullptr) return;
    heddle_hook* hook = nullptr;
    world.functions.confSetup = [&hook](heddle_self* at) {
      const heddle_option option = {"o", HEDDLE_INT64, 0, nullptr, nullptr, nullptr};
      int32_t slot = 0;
      const int declared = api().options->declare(at, &option, &slot);
      return declared < 0 ? declared : api().hooks->declare(at, "s", "h", 0, &hook);
    };
    world.functions.extInit = [](heddle_self* at, const heddle_init*) {
      return api().hooks->provide(at, "s", "h", HEDDLE_FIRST, nothing, nullptr);
    };
    const int set = self->confSetup(&api());
    CHECK(set == 0 || set == -ENOMEM);
    Values* const values = valuesOf({integerValue(1)});
    const int initialised = self->extInit({HEDDLE_INIT, 0, nullptr}, values);
    CHECK(initialised == 0 || initialised == -ENOMEM);
    self->activate();
    if (set == 0) {
      const heddle_value value = textValue("some text");
      const int posted = api().hooks->post(hook, &value, 1);
      CHECK(posted == 0 || posted == -ENOMEM);
      modules::Plan* const plan = modules::Plan::make(1);
      if (plan != nullptr) {
        plan->set(0, {nothing, nullptr, self});
        Hook::from(hook)->publish(1, plan);
        CHECK_EQ(api().hooks->call(hook, &value, 1, nullptr), 1);
      }
    }
    const int logged = api().log->write(self->handle(), HEDDLE_INFO, "line");
    CHECK(logged == 0 || logged == -ENOMEM);
    const int64_t timer = api().events->timer(
        self->handle(), 0, [](void*) -> int64_t { return 0; }, nullptr);
    CHECK(timer > 0 || timer == -ENOMEM);
    const int settled = world.desk->settle(1);
    CHECK(settled == 0 || settled == -ENOMEM);
    loop.settle();
    self->end();
    self->release();
  });
}

CASE("MT-18 MO-20 jobs") {
  eachAllocationFails(3, [](Failing& failing) {
    ModuleWorld world;
    AcoWorld loop;
    Self* const self = Self::make(world.module, "test");
    REQUIRE(self != nullptr);
    int told = 0;
    const heddle_job job = {[](void*) -> int64_t { return 0; },
                            [](void* count, int, int64_t) { ++*static_cast<int*>(count); },
                            &told,
                            nullptr,
                            0,
                            0,
                            0,
                            0};
    failing.arm();
    const int submitted = api().jobs->submit(self->handle(), &job);
    CHECK(submitted == 0 || submitted == -ENOMEM || submitted == -EAGAIN);
    if (submitted == 0) CHECK(loop.until([&told] { return told == 1; }));
    self->release();
  });
}

}  // namespace
}  // namespace heddle::test
