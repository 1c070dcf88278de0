// Job queues: read the arguments, call the core, return a number. `exports.jobs` is JobsBackend and
// `engine.jobs` JobsEngine, both in lib/backend/jobs.ts. The jobs themselves cross as records of
// the port, which the desk of each loop reads and writes (job/desk.h).
#include <cerrno>
#include <string_view>
#include <utility>

#include "binding/args.h"
#include "binding/bind.h"
#include "binding/engine.h"
#include "binding/environment.h"
#include "job/desk.h"
#include "job/registry.h"
#include "job/target.h"

namespace heddle::binding {
namespace {

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value textOf(napi_env env, std::string_view value) {
  return text(env, value.data(), value.size());
}

napi_value bigint(napi_env env, uint64_t value) {
  napi_value result;
  napi_create_bigint_uint64(env, value, &result);
  return result;
}

// What is listed and cannot be: there is no memory for it.
napi_value throwNoMemory(napi_env env) {
  napi_throw_error(env, "ENOMEM", "no memory for the list");
  return nullptr;
}

// A string of any length: two that differ at the end only must not be taken for one another.
class WholeText {
 public:
  WholeText(napi_env env, napi_value value) : short_(env, value) {
    if (short_.size() < ShortText::kMaxBytes) return;
    size_t size = 0;
    napi_get_value_string_utf8(env, value, nullptr, 0, &size);
    long_ = job::Payload(job::Payload::allocate(size + 1), size + 1);
    isWhole_ = !long_.empty();
    if (!isWhole_) return;
    long_.shrink(size);
    napi_get_value_string_utf8(env, value, reinterpret_cast<char*>(long_.data()), size + 1, &size);
  }
  // False: there was no memory for it.
  bool isWhole() const { return isWhole_; }
  std::string_view view() const {
    if (long_.empty()) return short_.view();
    return {reinterpret_cast<const char*>(long_.data()), long_.size()};
  }

 private:
  const ShortText short_;
  job::Payload long_;
  bool isWhole_ = true;
};

// --- of the process

napi_value create(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  Engine* const engine = Environment::of(env)->engine(args.handle(0));
  if (engine == nullptr) return integer(env, -EBADF);
  const Fields fields(env, args.at(1));
  const ShortText name = fields.text("name");
  job::QueueSpec spec;
  spec.name = name.view();
  spec.kind = fields.u32("kind", 0) == job::JobQueueKind::WORKER ? job::JobQueueKind::WORKER
                                                                 : job::JobQueueKind::NATIVE;
  const uint32_t safety = fields.u32("safety", 0);
  if (safety > job::JobSafety::GC) return integer(env, -EINVAL);
  spec.safety = static_cast<job::JobSafety::Id>(safety);
  spec.desired = fields.u32("desired", 1);
  spec.min = fields.u32("min", 0);
  spec.max = fields.u32("max", 0);
  spec.floor = fields.u32("floor", 0);
  spec.maxBacklog = fields.u32("maxBacklog", 0);
  spec.lifo = fields.boolean("lifo", false);
  spec.stackBytes = fields.integer<size_t>("stackBytes", 0);
  return integer(
      env, engine->withDesk([&spec](job::Desk& desk) { return job::createQueue(spec, &desk); }));
}

napi_value find(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const WholeText name(env, args.at(0));
  if (!name.isWhole()) return integer(env, -ENOMEM);
  const job::QueueRef queue = job::findQueue(name.view());
  return integer(env, queue ? static_cast<int64_t>(queue->number()) : -ENOENT);
}

// An array of what `describe` makes of each. There may be a million: the handles of each go with
// it.
template <class Infos, class Describe>
napi_value arrayOf(napi_env env, const Infos& infos, Describe&& describe) {
  napi_value array;
  napi_create_array_with_length(env, infos.size(), &array);
  for (uint32_t i = 0; i < infos.size(); i++) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) break;
    napi_set_element(env, array, i, describe(env, infos[i]));
    napi_close_handle_scope(env, scope);
  }
  return array;
}

napi_value queueObject(napi_env env, const job::QueueEntry& entry) {
  napi_value object;
  napi_create_object(env, &object);
  set(env, object, "id", integer(env, entry.number));
  set(env, object, "name", text(env, entry.name, NAPI_AUTO_LENGTH));
  set(env, object, "kind", integer(env, entry.kind));
  set(env, object, "internal", flag(env, entry.internal));
  return object;
}

napi_value list(napi_env env, napi_callback_info) {
  job::QueueEntries entries;
  if (job::listQueues(&entries) < 0) return throwNoMemory(env);
  return arrayOf(env, entries, queueObject);
}

// Calls `use(queue, args)`; -ENOENT where there is none.
template <size_t kMax, class Use>
napi_value withQueue(napi_env env, napi_callback_info info, Use&& use) {
  const Args<kMax> args(env, info);
  const job::QueueRef queue = job::findQueue(args.handle(0));
  return queue ? use(*queue.get(), args) : integer(env, -ENOENT);
}

// -1 stands for a value that is not there.
int chosen(const Fields& fields, const char* name) {
  bool value = false;
  if (napi_get_value_bool(fields.env(), fields.value(name), &value) != napi_ok) return -1;
  return value ? 1 : 0;
}

napi_value configure(napi_env env, napi_callback_info info) {
  return withQueue<2>(env, info, [env](job::Queue& queue, const auto& args) {
    const Fields fields(env, args.at(1));
    job::QueueSettings settings;
    settings.desired = fields.integer<int64_t>("desired", -1);
    settings.min = fields.integer<int64_t>("min", -1);
    settings.max = fields.integer<int64_t>("max", -1);
    settings.floor = fields.integer<int64_t>("floor", -1);
    settings.maxBacklog = fields.integer<int64_t>("maxBacklog", -1);
    settings.stackBytes = fields.integer<int64_t>("stackBytes", -1);
    settings.lifo = chosen(fields, "lifo");
    settings.paused = chosen(fields, "paused");
    settings.spawn = chosen(fields, "spawn") == 1;
    queue.configure(settings);
    return integer(env, 0);
  });
}

napi_value stats(napi_env env, napi_callback_info info) {
  return withQueue<2>(env, info, [env](job::Queue& queue, const auto& args) {
    double numbers[job::kJobStats] = {};
    queue.stats(numbers);
    fillNumbers(env, args.at(1), numbers);
    return integer(env, 0);
  });
}

napi_value subqueueObject(napi_env env, const job::SubqueueInfo& info) {
  napi_value object;
  napi_create_object(env, &object);
  set(env, object, "id", bigint(env, info.id));
  set(env, object, "backlog", integer(env, info.backlog));
  set(env, object, "inflight", integer(env, info.inflight));
  return object;
}

napi_value subqueues(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const job::QueueRef queue = job::findQueue(args.handle(0));
  job::SubqueueInfos infos;
  if (queue && queue->subqueues(&infos) < 0) return throwNoMemory(env);
  return arrayOf(env, infos, subqueueObject);
}

napi_value jobObject(napi_env env, const job::JobInfo& info) {
  napi_value object;
  napi_create_object(env, &object);
  set(env, object, "target", integer(env, info.target));
  set(env, object, "subqueue", bigint(env, info.subqueue));
  set(env, object, "priority", integer(env, info.priority));
  set(env, object, "state", textOf(env, info.running ? "running" : "waiting"));
  set(env, object, "ageMs", number(env, info.ageMs));
  return object;
}

napi_value jobs(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const job::QueueRef queue = job::findQueue(args.handle(0));
  job::JobInfos infos;
  if (queue && queue->jobs(&infos) < 0) return throwNoMemory(env);
  return arrayOf(env, infos, jobObject);
}

napi_value drain(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  Engine* const engine = Environment::of(env)->engine(args.handle(1));
  if (engine == nullptr) return integer(env, -EBADF);
  return integer(env, engine->withDesk([&args](job::Desk& desk) {
    return desk.drain(args.handle(0), args.handle(2));
  }));
}

napi_value dropWaiting(napi_env env, napi_callback_info info) {
  return withQueue<2>(env, info, [env](job::Queue& queue, const auto& args) {
    return integer(env, queue.dropWaiting(args.boolean(1)));
  });
}

napi_value destroy(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, job::destroyQueue(args.handle(0)));
}

napi_value abandon(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, job::abandonQueue(args.handle(0)));
}

napi_value target(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const WholeText module(env, args.at(0));
  const WholeText name(env, args.at(1));
  if (!module.isWhole() || !name.isWhole()) return integer(env, -ENOMEM);
  return integer(env, job::targetNumber(module.view(), name.view()));
}

napi_value targetOf(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const job::Target* const found = job::findTarget(args.handle(0));
  if (found == nullptr) return undefined(env);
  napi_value object;
  napi_create_object(env, &object);
  set(env, object, "module", textOf(env, found->module));
  set(env, object, "name", textOf(env, found->name));
  return object;
}

constexpr Method kMethods[] = {
    {"create", create},     {"find", find},
    {"list", list},         {"configure", configure},
    {"stats", stats},       {"subqueues", subqueues},
    {"jobs", jobs},         {"drain", drain},
    {"destroy", destroy},   {"dropWaiting", dropWaiting},
    {"abandon", abandon},   {"target", target},
    {"targetOf", targetOf},
};

// --- of a loop

// Calls `use(desk, args)` unless the engine is closed.
template <size_t kMax, class Use>
napi_value withDesk(napi_env env, napi_callback_info info, Use&& use) {
  const Args<kMax> args(env, info);
  Engine* const engine = args.template data<Engine>();
  if (engine->closed()) return integer(env, -EBADF);
  return integer(env, engine->withDesk([&](job::Desk& desk) { return int64_t{use(desk, args)}; }));
}

napi_value reserve(napi_env env, napi_callback_info info) {
  return withDesk<1>(
      env, info, [](job::Desk& desk, const auto& args) { return desk.reserve(args.handle(0)); });
}

napi_value unreserve(napi_env env, napi_callback_info info) {
  return withDesk<1>(
      env, info, [](job::Desk& desk, const auto& args) { return desk.unreserve(args.handle(0)); });
}

napi_value setDeadline(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  Engine* const engine = args.data<Engine>();
  if (engine->closed()) return integer(env, -EBADF);
  double ms = 0;
  napi_get_value_double(env, args.at(1), &ms);
  return integer(
      env, engine->withDesk([&](job::Desk& desk) { return desk.setDeadline(args.handle(0), ms); }));
}

napi_value block(napi_env env, napi_callback_info info) {
  return withDesk<1>(env, info, [env](job::Desk& desk, const auto& args) {
    const Bytes bytes = bytesOf(env, args.at(0));
    return desk.block(bytes.data, bytes.size);
  });
}

// A copy, which is collected with the young: memory of ours in the hands of JavaScript costs its
// collector more than the copy costs us, and would not be there again for the next block until
// then.
napi_value takeBlock(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  Engine* const engine = args.data<Engine>();
  if (engine->closed()) return undefined(env);
  job::Payload payload =
      engine->withDesk([&args](job::Desk& desk) { return desk.takeBlock(args.handle(0)); });
  if (payload.empty()) return undefined(env);
  // A Buffer, unlike an ArrayBuffer, is not filled with zeros before; it has the memory to itself.
  napi_value bytes = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_buffer_copy(env, payload.size(), payload.data(), nullptr, &bytes) != napi_ok ||
      napi_get_typedarray_info(env, bytes, nullptr, nullptr, nullptr, &buffer, nullptr) !=
          napi_ok) {
    return undefined(env);
  }
  return buffer;
}

napi_value detach(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, napi_detach_arraybuffer(env, args.at(0)) == napi_ok ? 0 : -EINVAL);
}

napi_value serve(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  Engine* const engine = args.data<Engine>();
  if (engine->closed()) return integer(env, -EBADF);
  return integer(env, engine->serve(args.handle(0), args.handle(1), args.at(2)));
}

napi_value workerEnded(napi_env env, napi_callback_info info) {
  return withDesk<2>(env, info, [](job::Desk& desk, const auto& args) {
    return desk.workerEnded(args.handle(0), args.handle(1));
  });
}

napi_value backStats(napi_env env, napi_callback_info info) {
  return withDesk<1>(env, info, [env](job::Desk& desk, const auto& args) {
    double numbers[2] = {};
    desk.backStats(numbers);
    fillNumbers(env, args.at(0), numbers);
    return 0;
  });
}

constexpr Method kEngineMethods[] = {
    {"reserve", reserve},         {"unreserve", unreserve},
    {"setDeadline", setDeadline}, {"block", block},
    {"takeBlock", takeBlock},     {"serve", serve},
    {"workerEnded", workerEnded}, {"backStats", backStats},
    {"detach", detach},
};

}  // namespace

napi_value jobsObject(napi_env env) {
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

napi_value jobsEngineObject(Engine* engine) {
  napi_env env = engine->env();
  napi_value object;
  napi_create_object(env, &object);
  addMethods(env, object, kEngineMethods, engine);
  return object;
}

}  // namespace heddle::binding
