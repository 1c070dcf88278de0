// Coroutines: read the arguments, call the core, return a number. `exports.aco` is AcoBackend and
// `engine.aco` AcoEngine, both in lib/backend/aco.ts.
#include <algorithm>
#include <cerrno>

#include "aco/aco.h"
#include "aco/module.h"
#include "binding/args.h"
#include "binding/bind.h"
#include "binding/engine.h"
#include "coro/switch_cost.h"

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
  const aco::ModuleLoad load = aco::loadModule(path.c_str());
  if (load.step == aco::ModuleStep::kDone) return undefined(env);
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
    return integer(env, engine->coroutines().setStacks(stacks));
  });
}

napi_value start(napi_env env, napi_callback_info info) {
  return with<3>(env, info, [env](Engine* engine, const auto& args) {
    const ShortText procedure = stringOf(env, args.at(0));
    const Bytes argument = bytesOf(env, args.at(1));
    return integer(env, engine->coroutines().start({procedure.c_str(), argument.data, argument.size,
                                                    readStack(Fields(env, args.at(2)))}));
  });
}

// Calls `use(runtime, id)`; where nothing was ever started there is no such coroutine.
template <class Use>
napi_value withCoroutine(napi_env env, napi_callback_info info, Use&& use) {
  return with<2>(env, info, [env, &use](Engine* engine, const auto& args) {
    aco::Runtime* const runtime = engine->coroutines().runtime();
    if (runtime == nullptr) return integer(env, -ESRCH);
    return use(runtime, args.template real<aco::Id>(0), args);
  });
}

napi_value cancel(napi_env env, napi_callback_info info) {
  return withCoroutine(env, info, [env](aco::Runtime* runtime, aco::Id id, const auto&) {
    return integer(env, runtime->cancel(id));
  });
}

napi_value unpark(napi_env env, napi_callback_info info) {
  return withCoroutine(env, info, [env](aco::Runtime* runtime, aco::Id id, const auto& args) {
    uint64_t value = 0;
    bool lossless = false;
    napi_get_value_bigint_uint64(env, args.at(1), &value, &lossless);
    return integer(env, runtime->unpark(id, value));
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

napi_value describe(napi_env env, napi_callback_info info) {
  return withCoroutine(env, info, [env](aco::Runtime* runtime, aco::Id id, const auto&) {
    aco::TaskInfo task;
    const int found = runtime->describe(id, &task);
    return found < 0 ? integer(env, found) : infoObject(env, task);
  });
}

napi_value list(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    napi_value array;
    napi_create_array(env, &array);
    uint32_t count = 0;
    if (aco::Runtime* const runtime = engine->coroutines().runtime(); runtime != nullptr) {
      runtime->each([&](const aco::TaskInfo& task) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(env, &scope) != napi_ok) return;
        napi_set_element(env, array, count++, infoObject(env, task));
        napi_close_handle_scope(env, scope);
      });
    }
    return array;
  });
}

// Cells as in AcoCell of lib/backend/aco.ts.
napi_value stats(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    const aco::Runtime* const runtime = engine->coroutines().runtime();
    if (runtime == nullptr) return integer(env, 0);
    const coro::Stats& stats = runtime->stats();
    const uint64_t cells[] = {stats.switches,    stats.copiesIn,  stats.copiesOut,
                              stats.bytesCopied, stats.saveBytes, stats.maxStackSeen,
                              runtime->live(),   stats.overflows, runtime->events()};
    const Bytes into = bytesOf(env, args.at(0));
    if (into.size < std::size(cells) * sizeof(double)) return integer(env, -EINVAL);
    std::copy(std::begin(cells), std::end(cells), reinterpret_cast<double*>(into.data));
    return integer(env, static_cast<int64_t>(std::size(cells)));
  });
}

napi_value reportResumes(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    engine->coroutines().reportResumes(args.boolean(0));
    return integer(env, 0);
  });
}

napi_value name(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return textOf(env, engine->coroutines().name(args.handle(0)));
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
    return integer(env, engine->coroutines().listen(procedure.c_str(), &spec));
  });
}

// Calls `use(runtime, listener, args)`.
template <class Use>
napi_value withListener(napi_env env, napi_callback_info info, Use&& use) {
  return with<1>(env, info, [env, &use](Engine* engine, const auto& args) {
    aco::Runtime* const runtime = engine->coroutines().runtime();
    if (runtime == nullptr) return integer(env, -EBADF);
    const aco::Listener* const listener = runtime->listener(args.handle(0));
    return listener == nullptr ? integer(env, -EBADF) : use(runtime, listener);
  });
}

napi_value listenerAddress(napi_env env, napi_callback_info info) {
  return withListener(env, info, [env](aco::Runtime*, const aco::Listener* listener) {
    return addressObject(env, listener->bound);
  });
}

napi_value listenerConnections(napi_env env, napi_callback_info info) {
  return withListener(env, info, [env](aco::Runtime*, const aco::Listener* listener) {
    return integer(env, listener->connections);
  });
}

napi_value listenerClose(napi_env env, napi_callback_info info) {
  return withListener(env, info, [env](aco::Runtime* runtime, const aco::Listener* listener) {
    return integer(env, runtime->closeListener(listener->handle));
  });
}

// --- functions on other threads

napi_value call(napi_env env, napi_callback_info info) {
  return with<4>(env, info, [env](Engine* engine, const auto& args) {
    const ShortText function = stringOf(env, args.at(1));
    const Bytes bytes = bytesOf(env, args.at(2));
    const Fields fields(env, args.at(3));
    const double deadlineMs = fields.number("deadlineMs", 0);
    FunctionCalls::Options options{};
    options.request = args.handle(0);
    options.function = function.c_str();
    options.bytes = bytes.data;
    options.size = bytes.size;
    options.deadlineNs = deadlineMs > 0 ? engine->loop().toNs(deadlineMs) : 0;
    options.tryOnly = fields.boolean("tryOnly", false);
    return integer(env, engine->functionCalls().call(options));
  });
}

napi_value fetch(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    const Bytes into = bytesOf(env, args.at(1));
    return integer(env, engine->functionCalls().fetch(args.handle(0), into.data, into.size));
  });
}

napi_value withdraw(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    engine->functionCalls().withdraw(args.handle(0));
    return integer(env, 0);
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
    {"call", call},
    {"fetch", fetch},
    {"withdraw", withdraw},
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
