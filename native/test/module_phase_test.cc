// The life of a native module without JavaScript: what a phase may declare, and the values of its
// options.
#include <thread>

#include "test/module_fixture.h"

namespace heddle::test {
namespace {

CASE("MO-20 the tables say their version and size, and have no gap") {
  const auto check = [](const auto& table) {
    CHECK_EQ(table.version, HEDDLE_API_VERSION);
    CHECK_EQ(table.size, sizeof table);
    const auto* const slots = reinterpret_cast<void* const*>(&table);
    for (size_t i = 1; i < sizeof table / sizeof(void*); i++) CHECK(slots[i] != nullptr);
  };
  check(api());
  check(*api().module);
  check(*api().options);
  check(*api().hooks);
  check(*api().memory);
  check(*api().jobs);
  check(*api().events);
  check(*api().log);
}

CASE("MO-09 options and hooks are declared in conf_setup only") {
  ModuleWorld world;
  Self* const self = Self::make(world.module, "test");
  const heddle_option option = {"limit", HEDDLE_INT64, 0, nullptr, "1", nullptr};
  int32_t slot = -1;
  heddle_hook* hook = nullptr;
  CHECK_EQ(api().options->declare(self->handle(), &option, &slot), -EPERM);
  CHECK_EQ(api().hooks->declare(self->handle(), "s", "h", HEDDLE_HOOK_VOID, &hook), -EPERM);
  world.functions.confSetup = [&](heddle_self* at) {
    CHECK(at == self->handle());
    CHECK_EQ(api().options->declare(at, &option, &slot), 0);
    CHECK_EQ(api().options->declare(at, &option, nullptr), -EINVAL);
    const heddle_option unknown = {"x", HEDDLE_BYTES, 0, nullptr, nullptr, nullptr};
    CHECK_EQ(api().options->declare(at, &unknown, &slot), -EINVAL);
    const heddle_option unnamed = {nullptr, HEDDLE_INT64, 0, nullptr, nullptr, nullptr};
    CHECK_EQ(api().options->declare(at, &unnamed, &slot), -EINVAL);
    const heddle_option flagged = {"x", HEDDLE_INT64, 8, nullptr, nullptr, nullptr};
    CHECK_EQ(api().options->declare(at, &flagged, &slot), -EINVAL);
    CHECK_EQ(api().hooks->declare(at, "s", "h", HEDDLE_HOOK_VOID, &hook), 0);
    CHECK_EQ(api().hooks->declare(at, "s", "h", 3, &hook), -EINVAL);
    CHECK_EQ(api().hooks->declare(at, nullptr, "h", 0, &hook), -EINVAL);
    return api().module->fail(at, "no such port");
  };
  CHECK_EQ(self->confSetup(&api()), -1);
  CHECK_EQ(std::string(modules::takeFailure()), "no such port");
  CHECK_EQ(std::string(modules::takeFailure()), "");
  CHECK_EQ(slot, 0);
  CHECK_EQ(world.module->options(), size_t{1});
  CHECK_EQ(world.module->hooks(), size_t{1});
  CHECK(world.module->hook(0) == Hook::from(hook));
  CHECK(world.module->hook(1) == nullptr);
  CHECK_EQ(api().options->declare(self->handle(), &option, &slot), -EPERM);
  self->release();
}

int nothing(void*, const heddle_value*, size_t, heddle_value*) { return 0; }

CASE("HK-08 a singleton provides in conf_setup, others in an ext_init that is not privileged") {
  for (const bool singleton : {false, true}) {
    ModuleWorld world(singleton ? singletonModule : plainModule);
    Self* const self = Self::make(world.module, "test");
    const auto provide = [](heddle_self* at) {
      return api().hooks->provide(at, "s", "h", HEDDLE_LAST, nothing, nullptr);
    };
    int during = 0;
    world.functions.confSetup = [&](heddle_self* at) {
      during = provide(at);
      return 0;
    };
    world.functions.extInit = [&](heddle_self* at, const heddle_init*) {
      during = provide(at);
      return 0;
    };
    CHECK_EQ(self->confSetup(&api()), 0);
    CHECK_EQ(during, singleton ? 0 : -EPERM);
    CHECK_EQ(self->extInit({HEDDLE_INIT, 1, nullptr}, nullptr), 0);
    CHECK_EQ(during, -EPERM);
    CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, nullptr), 0);
    CHECK_EQ(during, singleton ? -EPERM : 0);
    CHECK_EQ(self->extInit({HEDDLE_POSTINIT, 0, nullptr}, nullptr), 0);
    CHECK_EQ(during, singleton ? -EPERM : 0);
    CHECK_EQ(provide(self->handle()), -EPERM);
    CHECK_EQ(self->provisions(), size_t{singleton ? 1u : 2u});
    CHECK(self->provision(0).provider.closure == self->handle());
    self->end();
    CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, nullptr), -ESHUTDOWN);
    self->release();
  }
}

CASE("CF-22 ext_init sees the pending values, current the active ones, until they are swapped") {
  ModuleWorld world(singletonModule);
  Self* const self = Self::make(world.module, "test");
  int64_t seen = 0;
  world.functions.extInit = [&](heddle_self* at, const heddle_init* init) {
    CHECK_EQ(api().options->int64(init->values, 0, &seen), 0);
    int64_t active = -1;
    const heddle_values* const current = api().options->current(at);
    if (current != nullptr) CHECK_EQ(api().options->int64(current, 0, &active), 0);
    return static_cast<int>(active);
  };
  const mem::EpochScope section;
  CHECK(api().options->current(self->handle()) == nullptr);
  CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, valuesOf({integerValue(1)})), -1);
  self->activate();
  CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, valuesOf({integerValue(2)})), 1);
  CHECK_EQ(seen, 2);
  self->dropPending();
  CHECK_EQ(self->extInit({HEDDLE_POSTINIT, 0, nullptr}, nullptr), 1);
  CHECK_EQ(seen, 1);
  CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, valuesOf({integerValue(3)})), 1);
  const heddle_values* const held = api().options->hold(self->handle());
  self->activate();
  CHECK_EQ(self->extInit({HEDDLE_POSTINIT, 0, nullptr}, nullptr), 3);
  CHECK_EQ(api().options->int64(held, 0, &seen), 0);
  CHECK_EQ(seen, 1);
  api().options->release(held);
  self->release();
}

CASE("CF-34 outside of a section there are no current values, but they can be held") {
  ModuleWorld world;
  Self* const self = Self::make(world.module, "test");
  CHECK(api().options->hold(self->handle()) == nullptr);
  CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, valuesOf({textValue("long enough")})), 0);
  self->activate();
  CHECK(api().options->current(self->handle()) == nullptr);
  std::thread([self] {
    CHECK(api().options->current(self->handle()) == nullptr);
    const heddle_values* const held = api().options->hold(self->handle());
    const char* text = "";
    CHECK_EQ(api().options->text(held, 0, &text), 0);
    CHECK_EQ(std::string(text), "long enough");
    api().options->release(held);
  }).join();
  self->release();
}

CASE("CF-06 CF-11 values by type: a wrong type, an array, none, a slot that is not there") {
  const Attached attached;
  ValuesMaker maker;
  const heddle_value several[] = {textValue("a"), textValue(""), textValue("ccc")};
  heddle_value real{};
  real.type = HEDDLE_DOUBLE;
  real.as.real = 2.5;
  heddle_value natural{};
  natural.type = HEDDLE_UINT64;
  natural.as.natural = UINT64_MAX;
  heddle_value truth{};
  truth.type = HEDDLE_BOOL;
  truth.as.integer = 1;
  maker.addSlot(several, 3);
  maker.addSlot(&real, 1);
  maker.addSlot(&natural, 1);
  maker.addSlot(&truth, 1);
  maker.addSlot(nullptr, 0);
  Values* const made = maker.make();
  const heddle_values* const values = made->handle();
  const heddle_option_api& options = *api().options;
  double d = 0;
  uint64_t n = 0;
  int64_t i = 0;
  int b = 0;
  const char* text = nullptr;
  size_t count = 0;
  CHECK_EQ(options.real(values, 1, &d), 0);
  CHECK(d == 2.5);
  CHECK_EQ(options.uint64(values, 2, &n), 0);
  CHECK_EQ(n, UINT64_MAX);
  CHECK_EQ(options.boolean(values, 3, &b), 0);
  CHECK_EQ(b, 1);
  CHECK_EQ(options.text(values, 0, &text), -EINVAL);
  CHECK_EQ(options.int64(values, 1, &i), -EINVAL);
  CHECK_EQ(options.int64(values, 4, &i), -ENOENT);
  CHECK_EQ(options.int64(values, 5, &i), -ENOENT);
  CHECK_EQ(options.int64(values, -1, &i), -ENOENT);
  CHECK_EQ(options.int64(nullptr, 0, &i), -ENOENT);
  const heddle_value* const array = options.array(values, 0, &count);
  REQUIRE(count == 3);
  CHECK_EQ(std::string(array[2].as.text), "ccc");
  CHECK_EQ(std::string(array[1].as.text), "");
  CHECK(options.array(values, 4, &count) == nullptr);
  CHECK_EQ(count, size_t{0});
  made->release();
}

CASE("MO-14 MX-04 an answer is appended and formatted, up to its limit") {
  modules::Response response;
  auto* const handle = reinterpret_cast<heddle_response*>(&response);
  CHECK_EQ(api().module->append(handle, "a\0b", 3), 0);
  CHECK_EQ(api().module->append(handle, nullptr, 1), -EINVAL);
  CHECK_EQ(api().module->format(handle, "%s %d", "x", 7), 0);
  const std::string large(5000, 'y');
  CHECK_EQ(api().module->format(handle, "%s", large.c_str()), 0);
  CHECK_EQ(std::string(response.data(), response.size()), std::string("a\0bx 7", 6) + large);
  const std::string most(modules::Response::kMostBytes - response.size(), 'z');
  CHECK_EQ(api().module->append(handle, most.data(), most.size()), 0);
  CHECK_EQ(api().module->append(handle, "z", 1), -EMSGSIZE);
}

CASE("MO-13 a self that the module holds outlives its end, and the module") {
  Self* self = nullptr;
  int destroyed = 0;
  {
    ModuleWorld world;
    self = Self::make(world.module, "test");
    world.functions.extInit = [&](heddle_self*, const heddle_init* init) {
      destroyed += init->mode == HEDDLE_DESTROY ? 1 : 0;
      return 0;
    };
    api().module->hold(self->handle());
    api().module->set_data(self->handle(), &destroyed);
    CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, nullptr), 0);
    CHECK_EQ(self->end(), 0);
    CHECK_EQ(self->end(), 0);
    self->release();
  }
  CHECK_EQ(destroyed, 1);
  CHECK(api().module->data(self->handle()) == &destroyed);
  CHECK_EQ(std::string(api().module->name(self->handle())), "test");
  CHECK_EQ(api().log->write(self->handle(), HEDDLE_INFO, "too late"), -ESHUTDOWN);
  api().module->release(self->handle());
}

CASE("MT-01 memtypes: fixed and of any size, the same again, wrong ones") {
  const heddle_memory_api& memory = *api().memory;
  const heddle_memtype fixed = {"moduletest:fixed", 40, 0, 0};
  const heddle_memtype sized = {"moduletest:sized", 0, 0, 1 + 0xab};
  const int64_t a = memory.register_type(&fixed);
  const int64_t b = memory.register_type(&sized);
  CHECK(a > 0 && b > 0 && a != b);
  CHECK_EQ(memory.register_type(&fixed), a);
  const heddle_memtype other = {"moduletest:fixed", 41, 0, 0};
  CHECK_EQ(memory.register_type(&other), -EINVAL);
  const heddle_memtype unnamed = {nullptr, 41, 0, 0};
  CHECK_EQ(memory.register_type(&unnamed), -EINVAL);
  const heddle_memtype filled = {"moduletest:filled", 41, 0, 257};
  CHECK_EQ(memory.register_type(&filled), -EINVAL);
  CHECK_EQ(memory.register_type(nullptr), -EINVAL);
  void* const block = memory.allocate(a);
  auto* bytes = static_cast<uint8_t*>(memory.allocate_bytes(b, 3));
  REQUIRE(block != nullptr && bytes != nullptr);
  CHECK_EQ(bytes[2], 0xab);
  bytes[0] = 7;
  bytes = static_cast<uint8_t*>(memory.reallocate(b, bytes, 5000));
  REQUIRE(bytes != nullptr);
  CHECK_EQ(bytes[0], 7);
  memory.free(a, block);
  memory.free(b, bytes);
}

CASE("MO-12 MO-13 the last call: DESTROY of what has begun, EXIT of a singleton that was set up") {
  for (const bool singleton : {false, true}) {
    ModuleWorld world(singleton ? singletonModule : plainModule);
    std::vector<int> modes;
    world.functions.extInit = [&modes](heddle_self*, const heddle_init* init) {
      modes.push_back(init->mode);
      CHECK(init->mode < HEDDLE_DESTROY || init->values == nullptr);
      return 0;
    };
    Self* const untouched = Self::make(world.module, "test");
    CHECK_EQ(untouched->end(), 0);
    CHECK(modes.empty());
    untouched->release();
    Self* const failed = Self::make(world.module, "test");
    world.functions.confSetup = [](heddle_self*) { return -EIO; };
    CHECK_EQ(failed->confSetup(&api()), -EIO);
    CHECK_EQ(failed->end(), 0);
    CHECK(modes.empty());
    failed->release();
    Self* const begun = Self::make(world.module, "test");
    world.functions.confSetup = [](heddle_self*) { return 0; };
    CHECK_EQ(begun->confSetup(&api()), 0);
    if (!singleton) CHECK_EQ(begun->extInit({HEDDLE_INIT, 0, nullptr}, nullptr), 0);
    modes.clear();
    CHECK_EQ(begun->end(), 0);
    CHECK_EQ(begun->end(), 0);
    REQUIRE(modes.size() == 1);
    CHECK_EQ(modes[0], singleton ? HEDDLE_EXIT : HEDDLE_DESTROY);
    begun->release();
  }
}

CASE("HK-08 on another thread nothing is declared or provided, whatever the phase") {
  ModuleWorld world;
  Self* const self = Self::make(world.module, "test");
  world.functions.confSetup = [](heddle_self* at) {
    std::thread([at] {
      const heddle_option option = {"limit", HEDDLE_INT64, 0, nullptr, "1", nullptr};
      int32_t slot = -1;
      heddle_hook* hook = nullptr;
      CHECK_EQ(api().options->declare(at, &option, &slot), -EPERM);
      CHECK_EQ(api().hooks->declare(at, "s", "h", HEDDLE_HOOK_VOID, &hook), -EPERM);
    }).join();
    return 0;
  };
  CHECK_EQ(self->confSetup(&api()), 0);
  CHECK_EQ(world.module->options(), size_t{0});
  CHECK_EQ(world.module->hooks(), size_t{0});
  self->release();
}

}  // namespace
}  // namespace heddle::test
