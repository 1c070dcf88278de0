// The methods of an engine: read the arguments, call the core, return a number.
#include <array>
#include <cerrno>

#include "binding/args.h"
#include "binding/bind.h"
#include "binding/engine.h"
#include "binding/environment.h"
#include "binding/loose_descriptors.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

napi_value failed(napi_env env, int error) { return integer(env, -error); }

// Calls `use(engine, args)` unless the engine is closed.
template <size_t kMax, class Use>
napi_value with(napi_env env, napi_callback_info info, Use&& use) {
  const Args<kMax> args(env, info);
  Engine* const engine = args.template data<Engine>();
  if (engine->closed()) return failed(env, EBADF);
  return use(engine, args);
}

napi_value start(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->start();
    return undefined(env);
  });
}

napi_value stop(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->stop();
    return undefined(env);
  });
}

napi_value ref(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->keepAlive(true);
    return undefined(env);
  });
}

napi_value unref(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->keepAlive(false);
    return undefined(env);
  });
}

napi_value flush(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->flush();
    return undefined(env);
  });
}

napi_value wake(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->wake();
    return undefined(env);
  });
}

napi_value close(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->close();
    return undefined(env);
  });
}

napi_value fdAdd(napi_env env, napi_callback_info info) {
  return with<3>(env, info, [env](Engine* engine, const auto& args) {
    const int added = engine->visit([&args](loop::Loop& loop, net::Net&) {
      return loop.fdAdd(args.handle(0), args.i32(1), args.handle(2));
    });
    if (added == 0) handDescriptorTo(Environment::of(env), args.i32(1));
    return integer(env, added);
  });
}

napi_value fdRemove(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop& loop, net::Net&) {
      return loop.fdRemove(args.handle(0), args.i32(1));
    }));
  });
}

napi_value handOver(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->handOver();
    return undefined(env);
  });
}

napi_value takeAhead(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->takeAhead(args.handle(0), bytesOf(env, args.at(1))));
  });
}

napi_value count(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    engine->count();
    return undefined(env);
  });
}

napi_value fdClose(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->closeDescriptor(args.handle(0), args.i32(1)));
  });
}

napi_value listen(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    net::ListenSpec spec;
    const int read = readListenSpec(env, args.at(0), &spec);
    if (read < 0) return integer(env, read);
    return integer(env,
                   engine->visit([&spec](loop::Loop&, net::Net& net) { return net.listen(spec); }));
  });
}

napi_value listenerAddress(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    sys::Address bound{};
    const bool found = engine->visit([&](loop::Loop&, const net::Net& net) {
      const net::Listener* const listener = net.listener(args.handle(0));
      if (listener != nullptr) bound = listener->bound;
      return listener != nullptr;
    });
    return found ? addressObject(env, bound) : undefined(env);
  });
}

napi_value listenerClose(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, net::Net& net) {
      return net.closeListener(args.handle(0));
    }));
  });
}

napi_value listenerDrain(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, net::Net& net) {
      return net.drainListener(args.handle(0));
    }));
  });
}

napi_value listenerDestroy(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    engine->visit(
        [&args](loop::Loop&, net::Net& net) { net.destroyConnectionsOf(args.handle(0)); });
    return integer(env, 0);
  });
}

napi_value listenerConnections(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, net::Net& net) {
      return net.connectionsOf(args.handle(0));
    }));
  });
}

napi_value listenerShare(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, const net::Net& net) {
      const net::Listener* const listener = net.listener(args.handle(0));
      return listener == nullptr ? -EBADF : listener->fd;
    }));
  });
}

napi_value connect(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    net::ConnectSpec spec;
    const int read = readConnectSpec(env, args.at(0), &spec);
    if (read < 0) return integer(env, read);
    return integer(
        env, engine->visit([&spec](loop::Loop&, net::Net& net) { return net.connect(spec); }));
  });
}

napi_value adopt(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    net::Settings settings;
    readSettings(env, args.at(1), &settings);
    const int64_t adopted =
        engine->visit([&](loop::Loop&, net::Net& net) { return net.adopt(args.i32(0), settings); });
    if (adopted >= 0) forgetDescriptor(args.i32(0));
    return integer(env, adopted);
  });
}

napi_value connectionAddress(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    sys::Address address{};
    const bool peer = args.boolean(1);
    const int found = engine->visit([&](loop::Loop&, const net::Net& net) {
      const net::Connection* const connection = net.connection(args.handle(0));
      if (connection == nullptr) return -EBADF;
      return peer ? sys::peerAddress(connection->fd, &address)
                  : sys::localAddress(connection->fd, &address);
    });
    return found < 0 ? undefined(env) : addressObject(env, address);
  });
}

napi_value connectionFd(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, const net::Net& net) {
      const net::Connection* const connection = net.connection(args.handle(0));
      return connection == nullptr ? -EBADF : connection->fd;
    }));
  });
}

napi_value connectionPending(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->visit([&args](loop::Loop&, const net::Net& net) {
      const net::Connection* const connection = net.connection(args.handle(0));
      return connection == nullptr ? int64_t{0} : static_cast<int64_t>(connection->pending());
    }));
  });
}

napi_value writeBlock(napi_env env, napi_callback_info info) {
  return with<2>(env, info, [env](Engine* engine, const auto& args) {
    return integer(env, engine->writeBlock(args.handle(0), -1, args.at(1)));
  });
}

napi_value httpWriteBlock(napi_env env, napi_callback_info info) {
  return with<3>(env, info, [env](Engine* engine, const auto& args) {
    const auto seq = static_cast<uint8_t>(args.i32(1));
    return integer(env, engine->writeBlock(args.handle(0), seq, args.at(2)));
  });
}

napi_value stats(napi_env env, napi_callback_info info) {
  return with<1>(env, info, [env](Engine* engine, const auto&) {
    struct Counter {
      const char* name;
      size_t value;
    };
    const auto counters = engine->visit([engine](const loop::Loop& loop, net::Net& net) {
      return std::array{
          Counter{"connections", net.connections()},
          Counter{"listeners", net.listeners()},
          Counter{"timers", loop.timersArmed()},
          Counter{"watches", loop.watches()},
          Counter{"bufferedBytes", net.bufferedBytes()},
          Counter{"passes", loop.passes()},
          Counter{"waits", engine->waits()},
      };
    });
    napi_value result;
    napi_create_object(env, &result);
    for (const Counter& counter : counters) {
      napi_set_named_property(env, result, counter.name,
                              number(env, static_cast<double>(counter.value)));
    }
    return result;
  });
}

constexpr Method kMethods[] = {
    {"start", start},
    {"stop", stop},
    {"ref", ref},
    {"unref", unref},
    {"flush", flush},
    {"wake", wake},
    {"close", close},
    {"fdAdd", fdAdd},
    {"fdRemove", fdRemove},
    {"fdClose", fdClose},
    {"listen", listen},
    {"listenerAddress", listenerAddress},
    {"listenerClose", listenerClose},
    {"listenerDrain", listenerDrain},
    {"listenerDestroy", listenerDestroy},
    {"listenerConnections", listenerConnections},
    {"listenerShare", listenerShare},
    {"connect", connect},
    {"adopt", adopt},
    {"connectionAddress", connectionAddress},
    {"connectionFd", connectionFd},
    {"connectionPending", connectionPending},
    {"writeBlock", writeBlock},
    {"httpWriteBlock", httpWriteBlock},
    {"stats", stats},
};

constexpr Method kDedicatedMethods[] = {
    {"handOver", handOver}, {"takeAhead", takeAhead}, {"count", count}};

}  // namespace

napi_value engineObject(Engine* engine) {
  napi_env env = engine->env();
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, engine);
  if (engine->isDedicated()) addMethods(env, object, kDedicatedMethods, engine);
  napi_set_named_property(env, object, "loopId", number(env, engine->loopId()));
  napi_set_named_property(env, object, "aco", acoEngineObject(engine));
  napi_set_named_property(env, object, "jobs", jobsEngineObject(engine));
  return object;
}

}  // namespace heddle::binding
