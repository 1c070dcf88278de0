// Hooks of native modules: providers that are all native, a fake isolate for others, and posts.
#include <thread>

#include "test/module_fixture.h"

namespace heddle::test {
namespace {

struct Seen {
  int64_t answer;
  int error;
  int calls = 0;
  size_t count = 0;
};

int provide(void* closure, const heddle_value* arguments, size_t count, heddle_value* result) {
  auto* const seen = static_cast<Seen*>(closure);
  seen->calls++;
  seen->count = count;
  *result = integerValue(seen->answer + (count > 0 ? arguments[0].as.integer : 0));
  return seen->error;
}

// A hook of each kind.
struct HookWorld : ModuleWorld {
  HookWorld() {
    functions.confSetup = [this](heddle_self* at) {
      for (int kind = 0; kind < 3; kind++) {
        CHECK_EQ(api().hooks->declare(at, "test", "hook", kind, &hooks[kind]), 0);
      }
      return 0;
    };
    self = Self::make(module, "test");
    CHECK_EQ(self->confSetup(&api()), 0);
  }
  ~HookWorld() { self->release(); }

  void publish(int kind, const std::vector<Seen*>& seen) const {
    modules::Plan* const plan = modules::Plan::make(seen.size());
    for (size_t i = 0; i < seen.size(); i++) plan->set(i, {provide, seen[i], self});
    Hook::from(hooks[kind])->publish(seen.size(), plan);
  }
  int call(int kind, heddle_value* result = nullptr, int64_t argument = 0) const {
    const heddle_value value = integerValue(argument);
    return api().hooks->call(hooks[kind], &value, 1, result);
  }

  heddle_hook* hooks[3] = {};
  Self* self;
};

CASE("HK-05 HK-07 a hook without providers: none has run, none is there") {
  HookWorld world;
  heddle_value result = integerValue(1);
  for (int kind = 0; kind < 3; kind++) {
    CHECK_EQ(api().hooks->has(world.hooks[kind]), 0);
    CHECK_EQ(world.call(kind, &result), 0);
    CHECK_EQ(result.type, HEDDLE_NONE);
  }
  CHECK(world.isolate.calls.empty());
}

CASE("HK-02 HK-20 the three kinds: all, until something comes, the first; errors") {
  HookWorld world;
  Seen zero{0, 0}, five{5, 0}, seven{7, 0}, bad{0, -EIO};
  heddle_value result{};
  world.publish(HEDDLE_HOOK_VOID, {&zero, &bad, &five});
  CHECK_EQ(api().hooks->has(world.hooks[0]), 1);
  CHECK_EQ(world.call(HEDDLE_HOOK_VOID, &result), 3);
  CHECK_EQ(result.type, HEDDLE_NONE);
  CHECK_EQ(five.calls, 1);
  CHECK_EQ(five.count, size_t{1});
  // The failure was reported.
  modules::Post* const line = world.desk->take();
  REQUIRE(line != nullptr);
  CHECK_EQ(line->kind, modules::Post::kFailure);
  CHECK(line->hook == Hook::from(world.hooks[0]));
  CHECK(line->self == world.self);
  CHECK_EQ(line->number, -EIO);
  Desk::drop(line);

  world.publish(HEDDLE_HOOK_NON_ZERO, {&zero, &five, &seven});
  CHECK_EQ(world.call(HEDDLE_HOOK_NON_ZERO, &result), 2);
  CHECK_EQ(result.as.integer, 5);
  world.publish(HEDDLE_HOOK_NON_ZERO, {&zero, &zero});
  CHECK_EQ(world.call(HEDDLE_HOOK_NON_ZERO, &result), 2);
  CHECK_EQ(result.as.integer, 0);
  world.publish(HEDDLE_HOOK_NON_ZERO, {&bad, &five});
  CHECK_EQ(world.call(HEDDLE_HOOK_NON_ZERO, &result), -EIO);
  CHECK_EQ(seven.calls, 0);

  world.publish(HEDDLE_HOOK_FIRST, {&zero, &five});
  CHECK_EQ(world.call(HEDDLE_HOOK_FIRST, &result, 3), 1);
  CHECK_EQ(result.as.integer, 3);
}

CASE("HK-08 with a provider in JavaScript only the isolate's thread calls, in a call of its own") {
  HookWorld world;
  Hook::from(world.hooks[1])->publish(1, nullptr);
  world.isolate.answer = integerValue(9);
  heddle_value result{};
  CHECK_EQ(world.call(1, &result), -EPERM);
  world.desk->enter();
  CHECK_EQ(world.call(1, &result), 0);
  CHECK_EQ(result.as.integer, 9);
  CHECK_EQ(world.isolate.calls.size(), size_t{1});
  world.isolate.status = -ECANCELED;
  CHECK_EQ(world.call(1, &result), -ECANCELED);
  std::thread([&world] {
    CHECK_EQ(world.call(1), -EPERM);
    const Attached attached;
    CHECK_EQ(world.call(1), -EPERM);
  }).join();
  {
    AcoWorld loop;
    loop.go([&world] { CHECK_EQ(world.call(1), -EPERM); });
    CHECK(loop.finishAll());
  }
  world.desk->leave();
  CHECK_EQ(world.isolate.calls.size(), size_t{2});
}

CASE("HK-10 a thread may call where all providers are native, and takes part in epochs") {
  HookWorld world;
  Seen one{1, 0};
  world.publish(0, {&one});
  std::thread([&world] {
    CHECK_EQ(world.call(0), -EPERM);
    const Attached attached;
    CHECK_EQ(world.call(0), 1);
  }).join();
  CHECK_EQ(one.calls, 1);
}

CASE("HK-14 posts come in their order, with copies of their arguments, and wake the isolate once") {
  HookWorld world;
  char text[] = "first";
  heddle_value value = textValue(text);
  CHECK_EQ(api().hooks->post(world.hooks[0], &value, 1), 0);
  text[0] = 'F';
  value = integerValue(2);
  CHECK_EQ(api().hooks->post(world.hooks[0], &value, 1), 0);
  CHECK_EQ(api().hooks->post(world.hooks[1], &value, 1), -EINVAL);
  CHECK_EQ(api().hooks->post(world.hooks[0], &value, 65), -EINVAL);
  CHECK_EQ(api().hooks->post(world.hooks[0], nullptr, 1), -EINVAL);
  CHECK_EQ(world.isolate.woken.load(), 1);
  size_t count = 0;
  modules::Post* post = world.desk->take();
  REQUIRE(post != nullptr);
  CHECK(post->hook == Hook::from(world.hooks[0]));
  CHECK_EQ(std::string(post->values->of(0, &count)->as.text), "first");
  Desk::drop(post);
  post = world.desk->take();
  REQUIRE(post != nullptr);
  CHECK_EQ(post->values->of(0, &count)->as.integer, 2);
  Desk::drop(post);
  CHECK(world.desk->take() == nullptr);
}

CASE(
    "HK-14 posts are refused above the limit, and when the isolate has ended; none is lost or "
    "left") {
  HookWorld world;
  for (uint32_t i = 0; i < Desk::kMostPosts; i++) {
    if (api().hooks->post(world.hooks[0], nullptr, 0) != 0)
      return check::fail(__FILE__, __LINE__, "post");
  }
  CHECK_EQ(api().hooks->post(world.hooks[0], nullptr, 0), -ENOBUFS);
  CHECK_EQ(api().log->write(world.self->handle(), HEDDLE_INFO, "x"), -ENOBUFS);
  Desk::drop(world.desk->take());
  CHECK_EQ(api().log->write(world.self->handle(), HEDDLE_INFO, "x"), 0);
  CHECK_EQ(api().log->write(world.self->handle(), 9, "x"), -EINVAL);
  CHECK_EQ(api().log->write(world.self->handle(), HEDDLE_INFO, nullptr), -EINVAL);
  world.desk->close();
  CHECK_EQ(api().hooks->post(world.hooks[0], nullptr, 0), -ESHUTDOWN);
  CHECK(world.desk->take() == nullptr);
}

CASE(
    "HK-10 the news that a plan is out of use comes when the last section has ended, also above "
    "the limit") {
  HookWorld world;
  Seen one{1, 0};
  world.publish(0, {&one});
  {
    const mem::EpochScope section;
    Hook::from(world.hooks[0])->publish(0, nullptr);
    CHECK_EQ(world.desk->settle(42), 0);
    mem::epochMaintain(mem::MaintainMode::kTry);
    CHECK(world.desk->take() == nullptr);
  }
  mem::epochMaintain(mem::MaintainMode::kBarrier);
  modules::Post* const news = world.desk->take();
  REQUIRE(news != nullptr);
  CHECK_EQ(news->kind, modules::Post::kSettled);
  CHECK_EQ(news->number, 42);
  Desk::drop(news);
}

CASE("HK-10 a plan keeps its selves; retracted and closed hooks lead to none of them") {
  HookWorld world;
  Self* const other = Self::make(world.module, "test:other");
  Seen one{1, 0};
  modules::Plan* const plan = modules::Plan::make(1);
  plan->set(0, {provide, &one, other});
  Hook* const hook = Hook::from(world.hooks[0]);
  hook->publish(1, plan);
  // The plan has the only count now.
  other->release();
  CHECK_EQ(world.call(0), 1);
  CHECK_EQ(std::string(plan->providers()[0].self->name()), "test:other");
  CHECK(!world.module->retract(world.self));
  CHECK(world.module->retract(other));
  // By way of JavaScript: the provider is still there.
  CHECK_EQ(api().hooks->has(world.hooks[0]), 1);
  CHECK_EQ(world.call(0), -EPERM);
  world.publish(1, {&one});
  CHECK(world.module->closeHooks());
  CHECK(!world.module->closeHooks());
  CHECK_EQ(world.call(1), 0);
  CHECK_EQ(api().hooks->has(world.hooks[0]), 0);
}

int failAfter(void* closure, const heddle_value*, size_t, heddle_value*) {
  auto* const seen = static_cast<Seen*>(closure);
  seen->calls++;
  return seen->calls == 1 ? api().module->fail(nullptr, "the reason") : -EIO;
}

CASE("HK-20 a failure is told with what its own provider noted, and leaves the caller's note") {
  HookWorld world;
  Seen seen{0, 0};
  modules::Plan* const plan = modules::Plan::make(2);
  for (size_t i = 0; i < 2; i++) plan->set(i, {failAfter, &seen, world.self});
  Hook::from(world.hooks[0])->publish(2, plan);
  CHECK_EQ(api().module->fail(nullptr, "of the caller"), -1);
  CHECK_EQ(world.call(0), 2);
  CHECK_EQ(std::string(modules::takeFailure()), "of the caller");
  for (const char* const reason : {"the reason", ""}) {
    modules::Post* const post = world.desk->take();
    REQUIRE(post != nullptr);
    size_t count = 0;
    CHECK_EQ(std::string(post->values->of(0, &count)->as.text), reason);
    Desk::drop(post);
  }
}

}  // namespace
}  // namespace heddle::test
