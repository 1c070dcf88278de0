// Coroutines: read the arguments, call the core, return a number. `exports.aco` is AcoBackend and
// `engine.aco` AcoEngine, both in lib/backend/aco.ts.
#include <algorithm>
#include <cerrno>

#include "aco/aco.h"
#include "binding/args.h"
#include "binding/bind.h"
#include "binding/engine.h"
#include "coro/switch_cost.h"
#include "mem/typed_array.h"
#include "module/library.h"

namespace heddle::binding {
namespace {

// Calls `use(engine, args)` unless the engine is closed.
template <size_t kMax, class Use>
napi_value with(napi_env env, napi_callback_info info, Use&& use) {
  const Args<kMax> args(env, info);
  Engine* const engine = args.template data<Engine>();
  if (engine->closed()) return integer(env, -EBADF);
  return use(engine, args);
}

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value textOf(napi_env env, const char* value) { return text(env, value, NAPI_AUTO_LENGTH); }

coro::StartOptions readStack(const Fields& fields) {
  coro::StartOptions stack;
  stack.maxStackBytes = fields.integer<size_t>("maxStackBytes", stack.maxStackBytes);
  stack.ownStack = fields.boolean("ownStack", false);
  stack.keepsFloatingControl = fields.boolean("keepsFloatingControl", false);
  return stack;
}

// --- of the process

// undefined when it is loaded, else how far it came.
napi_value load(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const ShortText path = stringOf(env, args.at(0));
  const modules::Load load = modules::loadProcedures(path.c_str());
  if (load.step == modules::LoadStep::kDone) return undefined(env);
  napi_value failure;
  napi_create_object(env, &failure);
  set(env, failure, "step", integer(env, static_cast<int64_t>(load.step)));
  set(env, failure, "error", integer(env, load.error));
  set(env, failure, "text", textOf(env, load.text));
  return failure;
}

napi_value switchNs(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return number(env, coro::measureSwitchNs(args.real<uint64_t>(0)));
}

constexpr Method kMethods[] = {{"load", load}, {"switchNs", switchNs}};

// --- of a loop

napi_value setStacks(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    coro::StacksOptions stacks;
    stacks.count = args.template real<uint32_t>(0);
    stacks.bytes = args.template real<size_t>(1);
    return integer(env, engine->onItsThread(
                            [engine, &stacks] { return engine->coroutines().setStacks(stacks); }));
  });
}

napi_value start(napi_env env, napi_callback_info info) {
  return with<3>(env, info, [env](Engine* engine, const auto& args) {
    const ShortText procedure = stringOf(env, args.at(0));
    const Bytes argument = bytesOf(env, args.at(1));
    const Coroutines::Start start{procedure.c_str(), argument.data, argument.size,
                                  readStack(Fields(env, args.at(2)))};
    return integer(
        env, engine->onItsThread([engine, &start] { return engine->coroutines().start(start); }));
  });
}

// Calls `use(runtime)` on the loop's thread; where nothing was ever started: `otherwise`.
template <class Use>
int64_t withRuntime(Engine* engine, int64_t otherwise, Use&& use) {
  return engine->onItsThread([&]() -> int64_t {
    aco::Runtime* const runtime = engine->coroutines().runtime();
    return runtime == nullptr ? otherwise : use(*runtime);
  });
}

napi_value cancel(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const auto id = args.template real<aco::Id>(0);
    return integer(env, withRuntime(engine, -ESRCH, [id](auto& it) { return it.cancel(id); }));
  });
}

napi_value unpark(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    const auto id = args.template real<aco::Id>(0);
    uint64_t value = 0;
    bool lossless = false;
    napi_get_value_bigint_uint64(env, args.at(1), &value, &lossless);
    const auto unparked =
        withRuntime(engine, -ESRCH, [id, value](auto& it) { return it.unpark(id, value); });
    return integer(env, unparked);
  });
}

napi_value infoObject(napi_env env, const aco::TaskInfo& info) {
  napi_value object;
  napi_create_object(env, &object);
  set(env, object, "id", number(env, static_cast<double>(info.id)));
  set(env, object, "name", textOf(env, info.name));
  set(env, object, "state", textOf(env, aco::stateName(info.state)));
  set(env, object, "ageMs", number(env, static_cast<double>(info.ageNs) / 1e6));
  set(env, object, "stackBytes", integer(env, static_cast<int64_t>(info.stackBytes)));
  return object;
}

// Calls `use(runtime)` with the loop to itself, for a look; runtime may be nullptr.
template <class Use>
auto lookAt(Engine* engine, Use&& use) {
  return engine->visit([&](loop::Loop&, net::Net&) { return use(engine->coroutines().runtime()); });
}

napi_value describe(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const auto id = args.template real<aco::Id>(0);
    aco::TaskInfo task{};
    const int found = lookAt(engine, [id, &task](const aco::Runtime* runtime) {
      return runtime == nullptr ? -ESRCH : runtime->describe(id, &task);
    });
    return found < 0 ? integer(env, found) : infoObject(env, task);
  });
}

napi_value list(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    // Without memory for all of them some are missing.
    mem::TypedArray<aco::TaskInfo, mem::Builtin::kLoopTable> tasks;
    lookAt(engine, [&tasks](aco::Runtime* runtime) {
      if (runtime == nullptr) return;
      runtime->each([&tasks](const aco::TaskInfo& task) { static_cast<void>(tasks.push(task)); });
    });
    napi_value array;
    napi_create_array(env, &array);
    uint32_t count = 0;
    for (const aco::TaskInfo& task : tasks) {
      napi_handle_scope scope;
      if (napi_open_handle_scope(env, &scope) != napi_ok) break;
      napi_set_element(env, array, count++, infoObject(env, task));
      napi_close_handle_scope(env, scope);
    }
    return array;
  });
}

// Cells as in AcoCell of lib/backend/aco.ts.
napi_value stats(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    constexpr size_t kCells = 9;
    const Bytes into = bytesOf(env, args.at(0));
    if (into.size < kCells * sizeof(double)) return integer(env, -EINVAL);
    auto* const cells = reinterpret_cast<double*>(into.data);
    return integer(env, lookAt(engine, [cells](const aco::Runtime* runtime) -> int64_t {
                     if (runtime == nullptr) return 0;
                     const coro::Stats& stats = runtime->stats();
                     const uint64_t figures[kCells] = {
                         stats.switches,    stats.copiesIn,  stats.copiesOut,
                         stats.bytesCopied, stats.saveBytes, stats.maxStackSeen,
                         runtime->live(),   stats.overflows, runtime->events()};
                     std::copy(std::begin(figures), std::end(figures), cells);
                     return int64_t{kCells};
                   }));
  });
}

napi_value reportResumes(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const bool on = args.boolean(0);
    engine->onItsThread([engine, on] { engine->coroutines().reportResumes(on); });
    return integer(env, 0);
  });
}

napi_value name(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const uint32_t index = args.handle(0);
    return textOf(env, engine->visit([engine, index](loop::Loop&, net::Net&) {
      return engine->coroutines().name(index);
    }));
  });
}

// --- listeners

napi_value listen(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    net::ListenSpec asked;
    const int read = readListenSpec(env, args.at(1), &asked);
    if (read < 0) return integer(env, read);
    aco::ListenSpec spec;
    spec.address = asked.address;
    spec.backlog = asked.backlog;
    spec.reusePort = asked.reusePort;
    spec.ipv6Only = asked.ipv6Only;
    spec.noDelay = asked.settings.noDelay;
    spec.maxConnections = asked.maxConnections;
    spec.acceptsPerPass = asked.acceptsPerPass;
    spec.stack = readStack(Fields(env, args.at(1)));
    const ShortText procedure = stringOf(env, args.at(0));
    return integer(env, engine->onItsThread([engine, &procedure, &spec] {
      return engine->coroutines().listen(procedure.c_str(), &spec);
    }));
  });
}

napi_value listenerAddress(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const uint32_t handle = args.handle(0);
    sys::Address bound{};
    const bool found = lookAt(engine, [handle, &bound](const aco::Runtime* runtime) {
      const aco::Listener* const listener =
          runtime == nullptr ? nullptr : runtime->listener(handle);
      if (listener != nullptr) bound = listener->bound;
      return listener != nullptr;
    });
    return found ? addressObject(env, bound) : integer(env, -EBADF);
  });
}

napi_value listenerConnections(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const uint32_t handle = args.handle(0);
    return integer(env, lookAt(engine, [handle](const aco::Runtime* runtime) -> int64_t {
                     const aco::Listener* const listener =
                         runtime == nullptr ? nullptr : runtime->listener(handle);
                     return listener == nullptr ? -EBADF : int64_t{listener->connections};
                   }));
  });
}

napi_value listenerClose(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const uint32_t handle = args.handle(0);
    return integer(
        env, withRuntime(engine, -EBADF, [handle](auto& it) { return it.closeListener(handle); }));
  });
}

constexpr Method kEngineMethods[] = {
    {"setStacks", setStacks},
    {"start", start},
    {"cancel", cancel},
    {"unpark", unpark},
    {"describe", describe},
    {"list", list},
    {"stats", stats},
    {"reportResumes", reportResumes},
    {"name", name},
    {"listen", listen},
    {"listenerAddress", listenerAddress},
    {"listenerConnections", listenerConnections},
    {"listenerClose", listenerClose},
};

}  // namespace

napi_value acoObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

napi_value acoEngineObject(Engine* engine) {
  napi_env env = engine->env();
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kEngineMethods, engine);
  return object;
}

}  // namespace heddle::binding
