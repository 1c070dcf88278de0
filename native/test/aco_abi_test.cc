// The C interface as modules see it: the examples, compiled as plain C, loaded and run.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "aco/c_abi.h"
#include "coro/switch_cost.h"
#include "module/library.h"
#include "module/table.h"
#include "test/aco_fixture.h"

namespace heddle::test {
namespace {

using Register = int (*)(const heddle_api*);

// As the binding loads it; it stays loaded.
int load(const std::string& name, const heddle_api* api = modules::nativeApi()) {
  void* const library = dlopen((HEDDLE_EXAMPLES "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return -1;
  }
  const auto entry = reinterpret_cast<Register>(dlsym(library, "heddle_register"));
  return entry == nullptr ? -1 : entry(api);
}

coro::Main procedure(const char* name) { return aco::findProcedure(name).main; }

CASE("MX-01 the table says its version and size, and has no gap") {
  const heddle_api* const api = modules::nativeApi();
  CHECK_EQ(api->version, HEDDLE_API_VERSION);
  CHECK_EQ(api->size, sizeof(heddle_api));
  CHECK_EQ(api->aco->size, sizeof(heddle_aco_api));
  const auto* const slots = reinterpret_cast<void* const*>(api->aco);
  for (size_t i = 1; i < sizeof(heddle_aco_api) / sizeof(void*); i++) CHECK(slots[i] != nullptr);
}

CASE("MX-01 a module refuses a table of another version, or one that is too short") {
  heddle_api other = *modules::nativeApi();
  other.version++;
  CHECK_EQ(load("sleeper.so", &other), HEDDLE_VERSION_MISMATCH);
  other = *modules::nativeApi();
  other.size--;
  CHECK_EQ(load("sleeper.so", &other), HEDDLE_VERSION_MISMATCH);
  CHECK(procedure("my_coroutine") == nullptr);
}

CASE("AC-01 AC-08 the seed's first example: a sleeping coroutine in C, loaded twice") {
  CHECK_EQ(load("sleeper.so"), 0);
  CHECK_EQ(load("sleeper.so"), 0);
  REQUIRE(procedure("my_coroutine") != nullptr);
  AcoWorld world;
  int64_t nap[2] = {kMs, 3};
  aco::StartOptions options;
  options.argumentBytes = sizeof nap;
  CHECK(world.runtime().start(procedure("my_coroutine"), nap, options) > 0);
  CHECK_EQ(world.runtime().live(), size_t{1});
  CHECK(world.finishAll());
}

CASE("AC-14 AC-15 the seed's second example: a descriptor moves to a coroutine and back") {
  CHECK_EQ(load("take_over.so"), 0);
  AcoWorld world;
  check::UnixPair pair;
  // The classic side notices bytes, and hands over.
  CHECK_EQ(world.loop().fdAdd(3, pair.a, sys::kRead), 0);
  Client client(pair.b.release());
  client.write("waiting\nmore\n");
  CHECK(world.until([&] { return world.count(In::FD) > 0; }));
  CHECK_EQ(world.loop().fdRemove(3, pair.a), 0);
  int32_t fd = pair.a;
  aco::StartOptions options;
  options.argumentBytes = sizeof fd;
  CHECK(world.runtime().start(procedure("my_aco_process"), &fd, options) > 0);
  CHECK(world.until([&] {
    client.read();
    return client.in == "waiting\nmore\n";
  }));
  client.write("\n");
  CHECK(world.finishAll());
  CHECK_EQ(world.runtime().events(), size_t{0});
  // Classic once more.
  CHECK_EQ(world.loop().fdAdd(4, pair.a, sys::kRead), 0);
  client.write("back");
  world.log.clear();
  CHECK(world.until([&] { return world.count(In::FD) > 0; }));
  CHECK_EQ(world.loop().fdRemove(4, pair.a), 0);
}

CASE("AC-28 A-AC-5 the seed's third example: listen_to_me in C") {
  CHECK_EQ(load("listen_to_me.so"), 0);
  REQUIRE(aco::findFunction("set_patience") != nullptr);
  AcoWorld world;
  aco::ListenSpec spec;
  spec.address = check::loopback();
  spec.procedure = procedure("listen_to_me");
  spec.name = aco::findProcedure("listen_to_me").name;
  const int64_t listener = world.runtime().listen(spec);
  REQUIRE(listener > 0);
  const sys::Address bound = world.runtime().listener(static_cast<uint32_t>(listener))->bound;
  bool inProgress = false;
  Client client(sys::connectStream(bound, &inProgress));
  const auto hears = [&](std::string_view text) {
    return world.until([&] {
      client.read();
      return client.in == text;
    });
  };
  CHECK(world.until([&] { return world.runtime().live() == 1; }));
  client.write("hello");
  CHECK(hears("thanks!\n"));
  client.write("quit");
  CHECK(hears("thanks!\nquitter!\n"));
  CHECK(world.finishAll());
  int64_t patience = 10 * kMs;
  CHECK_EQ(aco::findFunction("set_patience")(&patience, sizeof patience), 10'000 * kMs);
  CHECK_EQ(aco::findFunction("set_patience")(&patience, 1), -EINVAL);
  Client silent(sys::connectStream(bound, &inProgress));
  CHECK(world.until([&] {
    silent.read();
    return silent.ended;
  }));
  CHECK_EQ(silent.in, std::string("bye!\n"));
  CHECK(world.finishAll());
  CHECK(world.reports.empty());
}

CASE("AC-02 a module is loaded once, from however many threads at a time") {
  std::atomic<int> loaded = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&loaded] {
      for (int turn = 0; turn < 50; turn++) {
        const modules::Load load = modules::loadProcedures(HEDDLE_EXAMPLES "/sleeper.so");
        // Its names are there for whoever has loaded it.
        if (load.step == modules::LoadStep::kDone && procedure("my_coroutine") != nullptr) loaded++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(loaded.load(), 200);
}

CASE("AC-02 what is no module is not loaded, and says why") {
  const modules::Load missing = modules::loadProcedures("/no/such/module.so");
  CHECK(missing.step == modules::LoadStep::kOpen);
  CHECK_EQ(missing.error, -ENOENT);
  const modules::Load empty = modules::loadProcedures("/dev/null");
  CHECK(empty.step == modules::LoadStep::kOpen);
  CHECK_EQ(empty.error, -ENOEXEC);
  CHECK(empty.text[0] != '\0');
}

CASE("AC-34 a switch can be measured") {
  CHECK(coro::measureSwitchNs(1000) > 0);
  CHECK_EQ(coro::measureSwitchNs(0), 0.0);
}

CASE("AC-04 names mean one thing each, for ever") {
  const heddle_api* const api = modules::nativeApi();
  const heddle_procedure one = [](void*) { aco::exit(); };
  const heddle_procedure other = [](void*) { aco::sleep(0), aco::exit(); };
  const heddle_function function = [](void*, size_t) -> int64_t { return 0; };
  CHECK_EQ(api->register_procedure("abi-name", one), 0);
  CHECK_EQ(api->register_procedure("abi-name", one), 0);
  CHECK_EQ(api->register_procedure("abi-name", other), -EEXIST);
  CHECK_EQ(api->register_procedure("", one), -EINVAL);
  CHECK_EQ(api->register_procedure(nullptr, one), -EINVAL);
  CHECK_EQ(api->register_procedure("abi-none", nullptr), -EINVAL);
  // A function is another kind of thing.
  CHECK(aco::findFunction("abi-name") == nullptr);
  CHECK_EQ(api->register_function("abi-name", function), 0);
  CHECK(procedure("abi-name") == one);
  CHECK(aco::findFunction("abi-name") == function);
  CHECK(procedure("abi-unknown") == nullptr);
}

// What the table's functions do beyond their names is shown where they are defined; here, that each
// reaches the right one.
const heddle_aco_api& api = *aco::acoApi();

void everything(void* argument) {
  CHECK(argument == api.arg());
  CHECK_EQ(api.arg_bytes(), size_t{0});
  CHECK(api.self() != 0);
  CHECK(api.loop() != 0);
  static int ends = 0;
  CHECK_EQ(api.on_end([](void* count) { ++*static_cast<int*>(count); }, &ends), 0);
  CHECK_EQ(api.sleep(0), 0);
  CHECK_EQ(api.unpark(0, api.self(), 5), 0);
  CHECK_EQ(api.unpark(api.loop(), api.self(), 6), -EALREADY);
  uint64_t value = 0;
  CHECK_EQ(api.park(&value, 0), 0);
  CHECK_EQ(value, uint64_t{5});
  CHECK_EQ(api.park(&value, 1), -ETIME);
  CHECK_EQ(api.enter_section(), -EPERM);  // this thread takes no part
  CHECK_EQ(api.leave_section(), -EPERM);
  CHECK(api.now_ns() > 0);
  CHECK_EQ(api.start(nullptr), -EINVAL);

  const auto serve = [](void* given) {
    auto* const event = static_cast<heddle_event*>(given);
    char text[8];
    CHECK_EQ(api.read_exact(event, text, 3, nullptr), 3);
    CHECK_EQ(api.read_until(event, text, 8, "\n", 1, nullptr), 2);
    CHECK_EQ(api.read_frame(event, text, 8, nullptr, nullptr), 1);
    const heddle_frame little = {2, 1, 1, {}};
    CHECK_EQ(api.read_frame(event, text, 8, &little, nullptr), 1);
    CHECK_EQ(api.buffered(event), size_t{0});
    CHECK_EQ(api.write_all(event, "ok", 2, nullptr), 2);
    CHECK_EQ(api.set_timeout(event, HEDDLE_READ, kMs), 0);
    CHECK_EQ(api.set_timeout(event, HEDDLE_WRITE, 2 * kMs), 0);
    CHECK_EQ(api.set_timeout(event, HEDDLE_ACCEPT, 3 * kMs), 0);
    CHECK_EQ(api.set_timeout(event, 9, 1), -EINVAL);
    CHECK_EQ(api.timeout(event, HEDDLE_READ), kMs);
    CHECK_EQ(api.timeout(event, HEDDLE_WRITE), 2 * kMs);
    CHECK_EQ(api.timeout(event, HEDDLE_ACCEPT), 3 * kMs);
    CHECK_EQ(api.timeout(event, 9), -EINVAL);
    size_t done = 7;
    const heddle_wait briefly = {0, &done};
    CHECK_EQ(api.read(event, text, 8, &briefly), -ETIME);
    CHECK_EQ(done, size_t{0});
    CHECK_EQ(api.close(event), 0);
    CHECK_EQ(api.descriptor(event), -1);
    CHECK_EQ(api.free_event(event), 0);
  };
  heddle_listen listen = {};
  CHECK_EQ(api.listen(nullptr), -EINVAL);
  CHECK_EQ(api.listen(&listen), -EINVAL);
  listen.serve = serve;
  listen.host = "nonsense";
  CHECK_EQ(api.listen(&listen), -EINVAL);
  listen.host = nullptr;
  const int64_t listener = api.listen(&listen);
  CHECK(listener > 0);
  heddle_address where = {};
  CHECK_EQ(api.listener_address(listener, &where), 0);
  CHECK_EQ(where.family, 4);
  CHECK_EQ(std::string(where.host), std::string("127.0.0.1"));
  sys::Address address;
  CHECK_EQ(sys::parseAddress(where.host, where.port, &address), 0);
  bool inProgress = false;
  heddle_event* client = nullptr;
  CHECK_EQ(api.adopt(sys::connectStream(address, &inProgress), &client), 0);
  int data = 0;
  api.set_closure(client, &data);
  CHECK(api.closure(client) == &data);
  constexpr char kSaid[] = "abcd\n\0\0\0\1x\3\0y";
  CHECK_EQ(api.write(client, kSaid, sizeof kSaid - 1, nullptr),
           static_cast<int64_t>(sizeof kSaid - 1));
  char answer[4];
  CHECK_EQ(api.read(client, answer, 4, nullptr), 2);
  const int fd = api.release(client);
  CHECK(fd >= 0);
  CHECK_EQ(sys::closeFd(fd), 0);
  CHECK_EQ(api.close_listener(listener), 0);
  CHECK_EQ(api.close_listener(listener), -EBADF);
  CHECK_EQ(api.listener_address(listener, &where), -EBADF);

  static int64_t result;
  heddle_asynch call = {};
  call.result = &result;
  CHECK_EQ(api.asynch([](void*) -> int64_t { return 11; }, nullptr, &call), 0);
  CHECK_EQ(result, 11);
  CHECK_EQ(api.asynch([](void*) -> int64_t { return 11; }, nullptr, nullptr), 0);
  CHECK_EQ(api.asynch_phased(
               [](heddle_phase phase, void*) -> int64_t { return phase == HEDDLE_WORK ? 12 : 0; },
               nullptr, &call),
           0);
  CHECK_EQ(result, 12);
  heddle_gate* const gate = api.gate_make();
  call.gate = gate;
  call.flags = HEDDLE_ASYNCH_TRY;
  CHECK_EQ(api.asynch([](void*) -> int64_t { return 13; }, nullptr, &call), 0);
  CHECK_EQ(api.gate_wait(gate, HEDDLE_DEFAULT_TIMEOUT), 0);
  CHECK_EQ(api.gate_wait(gate, HEDDLE_FOREVER), -EALREADY);
  CHECK_EQ(result, 13);
  CHECK_EQ(api.gate_free(gate), 0);
  *static_cast<bool*>(argument) = true;
  api.exit();
}

CASE("MX-01 each function of the table reaches what it names") {
  AcoWorld world;
  CHECK_EQ(api.loop(), world.loop().loopId());
  CHECK_EQ(api.self(), uint64_t{0});
  bool done = false;
  heddle_start start = {};
  start.procedure = everything;
  start.argument = &done;
  start.flags = HEDDLE_START_OWN_STACK | HEDDLE_START_KEEPS_FLOATING;
  start.max_stack_bytes = 256 << 10;
  CHECK(api.start(&start) > 0);
  CHECK(world.finishAll());
  CHECK(done);
  start.argument = nullptr;
  start.argument_bytes = 1;
  CHECK_EQ(api.start(&start), -EINVAL);
}

CASE("AC-01 AC-31 AC-32 from a thread without a loop the table goes by the mailbox") {
  CHECK_EQ(api.unpark(0, 1, 1), -ENXIO);
  CHECK_EQ(api.cancel(0, 1), -ENXIO);
  heddle_start start = {};
  static std::atomic<uint64_t> id{0};
  static std::atomic<int> result{0};
  start.procedure = [](void*) {
    id = api.self();
    uint64_t value = 0;
    CHECK_EQ(api.park(&value, HEDDLE_FOREVER), 0);
    CHECK_EQ(value, uint64_t{77});
    result = api.sleep(HEDDLE_FOREVER);
    api.exit();
  };
  CHECK_EQ(api.start(&start), -ENXIO);
  heddle_listen listen = {};
  listen.serve = start.procedure;
  CHECK_EQ(api.listen(&listen), -ENXIO);
  CHECK_EQ(api.close_listener(1), -ENXIO);
  AcoWorld world;
  const uint32_t loop = world.loop().loopId();
  std::thread([&] {
    CHECK_EQ(api.loop(), 0u);
    CHECK_EQ(api.start(&start), 0);
  }).join();
  CHECK(world.until([] { return id != 0; }));
  std::thread([&] {
    CHECK_EQ(api.unpark(loop, id, 77), 0);
    CHECK_EQ(api.cancel(loop, id), 0);
  }).join();
  CHECK(world.finishAll());
  CHECK_EQ(result.load(), -ECANCELED);
}

}  // namespace
}  // namespace heddle::test
