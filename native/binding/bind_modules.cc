// Native modules: read the arguments, call the core, return what came of it (`ModulesBackend` in
// lib/backend/modules.ts).
#include <cerrno>
#include <cstring>
#include <utility>

#include "binding/args.h"
#include "binding/module_host.h"
#include "binding/module_values.h"
#include "module/library.h"
#include "module/table.h"

namespace heddle::binding {
namespace {

using modules::Module;
using modules::Self;
using modules::Values;
using modules::ValuesMaker;

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value textOf(napi_env env, const char* value) {
  return value == nullptr ? undefined(env) : text(env, value, NAPI_AUTO_LENGTH);
}

napi_value answer(napi_env env, int error) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  set(env, object, "error", integer(env, error));
  const char* const why = modules::takeFailure();
  set(env, object, "text", textOf(env, error < 0 ? why : ""));
  return object;
}

// Calls `use(host, self, args)` inside of a call into the module; the self stays meanwhile.
template <size_t kMax, class Use>
int withSelf(const Args<kMax>& args, ModuleHost* host, Use&& use) {
  Self* const self = host->self(args.handle(0));
  if (self == nullptr) return -EBADF;
  self->hold();
  int result = 0;
  {
    const ModuleHost::Call call(host);
    static_cast<void>(modules::takeFailure());
    result = use(self);
  }
  self->release();
  return result;
}

// --- libraries

napi_value connect(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  return integer(env, ModuleHost::of(env)->connect(args.at(0), args.at(1)));
}

napi_value failureOf(napi_env env, const modules::Load& load) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  set(env, object, "step", integer(env, static_cast<int64_t>(load.step)));
  set(env, object, "error", integer(env, load.error));
  set(env, object, "version", integer(env, load.version));
  set(env, object, "revision", integer(env, load.revision));
  set(env, object, "text", textOf(env, load.text));
  return object;
}

napi_value open(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  if (!host->connected()) return integer(env, -EBADF);
  const ShortText path = stringOf(env, args.at(0));
  const ShortText name = stringOf(env, args.at(1));
  const modules::Load load = modules::findModule(path.c_str(), name.c_str());
  if (load.step != modules::LoadStep::kDone) return failureOf(env, load);
  const char* const called = name.c_str()[0] == '\0' ? load.module.name : name.c_str();
  const int64_t handle = host->add(load.module, called);
  if (handle < 0) return integer(env, handle);
  napi_value object = nullptr;
  napi_create_object(env, &object);
  const char* const description = load.module.description;
  set(env, object, "module", integer(env, handle));
  set(env, object, "name", textOf(env, load.module.name));
  set(env, object, "description", textOf(env, description == nullptr ? "" : description));
  set(env, object, "singleton", flag(env, (load.module.flags & HEDDLE_MODULE_SINGLETON) != 0));
  set(env, object, "hasControl", flag(env, load.module.control != nullptr));
  return object;
}

napi_value close(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, ModuleHost::of(env)->close(args.handle(0)));
}

napi_value make(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const ShortText name = stringOf(env, args.at(1));
  return integer(env, ModuleHost::of(env)->make(args.handle(0), name.c_str()));
}

napi_value release(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, ModuleHost::of(env)->release(args.handle(0)));
}

// --- phases

napi_value confSetup(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return answer(env, withSelf(args, ModuleHost::of(env),
                              [](Self* self) { return self->confSetup(modules::nativeApi()); }));
}

// 0, -E2BIG, -ENOMEM, also where they are not what they should be.
int readOptions(napi_env env, napi_value arrays, const Module& module, Values** out) {
  ValuesMaker maker;
  for (size_t slot = 0; slot < module.options(); slot++) {
    napi_value array = nullptr;
    if (napi_get_element(env, arrays, static_cast<uint32_t>(slot), &array) != napi_ok) {
      return -ENOMEM;
    }
    const int added = addSlot(env, array, module.option(slot).type, &maker);
    if (added < 0) return added;
  }
  *out = maker.make();
  return *out == nullptr ? -ENOMEM : 0;
}

napi_value extInit(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  const heddle_init init = {args.i32(1), args.boolean(2) ? 1 : 0, nullptr};
  bool hasValues = false;
  napi_is_array(env, args.at(3), &hasValues);
  return answer(env, withSelf(args, host, [&](Self* self) {
                  Values* values = nullptr;
                  if (hasValues) {
                    const int read = readOptions(env, args.at(3), self->module(), &values);
                    if (read < 0) return read;
                  }
                  return self->extInit(init, values);
                }));
}

napi_value activate(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, withSelf(args, ModuleHost::of(env), [](Self* self) {
                   self->activate();
                   return 0;
                 }));
}

napi_value discard(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return integer(env, withSelf(args, ModuleHost::of(env), [](Self* self) {
                   self->dropPending();
                   return 0;
                 }));
}

napi_value destroy(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  return answer(env, withSelf(args, ModuleHost::of(env), [](Self* self) { return self->end(); }));
}

napi_value control(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  modules::Response response;
  const int result = withSelf(args, ModuleHost::of(env), [&](Self* self) {
    napi_value array = nullptr;
    ValuesMaker maker;
    if (napi_create_array_with_length(env, 1, &array) != napi_ok ||
        napi_set_element(env, array, 0, args.at(1)) != napi_ok ||
        addSlot(env, array, HEDDLE_TEXT, &maker) < 0) {
      return -ENOMEM;
    }
    Values* const words = maker.make();
    if (words == nullptr) return -ENOMEM;
    size_t count = 0;
    const heddle_value* const word = words->of(0, &count);
    int answered = -EINVAL;
    if (word->type == HEDDLE_TEXT) {
      const heddle_command command = {word->as.text, word->size, args.boolean(2) ? 1 : 0, 0};
      answered = self->control(command, &response);
    }
    words->release();
    return answered;
  });
  napi_value object = answer(env, result);
  set(env, object, "output",
      text(env, response.size() == 0 ? "" : response.data(), response.size()));
  return object;
}

napi_value validate(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  return answer(env, withSelf(args, ModuleHost::of(env), [&](Self* self) {
                  const auto slot = args.template real<size_t>(1);
                  ValuesMaker maker;
                  if (slot >= self->module().options()) return -EINVAL;
                  const int32_t type = self->module().option(slot).type;
                  const int added = addSlot(env, args.at(2), type, &maker);
                  if (added < 0) return added;
                  Values* const values = maker.make();
                  if (values == nullptr) return -ENOMEM;
                  size_t count = 0;
                  const heddle_value* const first = values->of(0, &count);
                  const int refused = self->validate(slot, first, count);
                  values->release();
                  return refused > 0 ? -EINVAL : refused;
                }));
}

// --- declarations

napi_value options(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const Module* const module = ModuleHost::of(env)->module(args.handle(0));
  napi_value array = nullptr;
  napi_create_array(env, &array);
  for (size_t slot = 0; module != nullptr && slot < module->options(); slot++) {
    const heddle_option& option = module->option(slot);
    napi_value object = nullptr;
    napi_create_object(env, &object);
    set(env, object, "name", textOf(env, option.name));
    set(env, object, "type", integer(env, option.type));
    set(env, object, "isArray", flag(env, (option.flags & HEDDLE_OPTION_ARRAY) != 0));
    set(env, object, "notTunableOnline",
        flag(env, (option.flags & HEDDLE_OPTION_NOT_TUNABLE_ONLINE) != 0));
    set(env, object, "scopes", textOf(env, option.scopes));
    set(env, object, "default", textOf(env, option.default_text));
    set(env, object, "hasValidate", flag(env, option.validate != nullptr));
    napi_set_element(env, array, static_cast<uint32_t>(slot), object);
  }
  return array;
}

napi_value hooks(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const Module* const module = ModuleHost::of(env)->module(args.handle(0));
  napi_value array = nullptr;
  napi_create_array(env, &array);
  for (size_t i = 0; module != nullptr && i < module->hooks(); i++) {
    const modules::HookNames& names = module->hookNames(i);
    napi_value object = nullptr;
    napi_create_object(env, &object);
    set(env, object, "scope", textOf(env, names.scope));
    set(env, object, "name", textOf(env, names.name));
    set(env, object, "kind", integer(env, names.kind));
    napi_set_element(env, array, static_cast<uint32_t>(i), object);
  }
  return array;
}

napi_value provisions(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  const Self* const self = ModuleHost::of(env)->self(args.handle(0));
  napi_value array = nullptr;
  napi_create_array(env, &array);
  if (self == nullptr) return array;
  const auto from = args.template real<size_t>(1);
  for (size_t i = from; i < self->provisions(); i++) {
    const modules::Provision& provision = self->provision(i);
    napi_value object = nullptr;
    napi_create_object(env, &object);
    set(env, object, "scope", textOf(env, provision.scope));
    set(env, object, "name", textOf(env, provision.name));
    set(env, object, "first", flag(env, provision.place == HEDDLE_FIRST));
    napi_set_element(env, array, static_cast<uint32_t>(i - from), object);
  }
  return array;
}

// --- hooks

napi_value runProvider(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  napi_value returned = nullptr;
  const modules::FailureScope outer;
  const int result = withSelf(args, host, [&](const Self* self) {
    ValuesMaker maker;
    Values* values = nullptr;
    const int added = addSlot(env, args.at(2), HEDDLE_NONE, &maker);
    if (added < 0) return added;
    values = maker.make();
    if (values == nullptr) return -ENOMEM;
    size_t count = 0;
    const heddle_value* const first = values->of(0, &count);
    heddle_value value{};
    const auto index = args.template real<size_t>(1);
    const int ran = self->runProvider(index, first, count, &value);
    if (ran >= 0) returned = fromModule(env, value);
    values->release();
    return ran < 0 ? ran : 0;
  });
  host->keepFailure();
  if (result < 0) host->setStatus(result);
  return returned == nullptr ? undefined(env) : returned;
}

napi_value failure(napi_env env, napi_callback_info) {
  return textOf(env, ModuleHost::of(env)->failure());
}

// nullptr: not all of it is there, or there is no memory.
modules::Plan* readPlan(napi_env env, napi_value pairs, ModuleHost* host) {
  const Bytes bytes = bytesOf(env, pairs);
  const size_t count = bytes.size / (2 * sizeof(int32_t));
  modules::Plan* const plan = modules::Plan::make(count);
  for (size_t i = 0; plan != nullptr && i < count; i++) {
    int32_t pair[2];
    std::memcpy(pair, bytes.data + i * sizeof pair, sizeof pair);
    const Self* const self = host->self(static_cast<uint32_t>(pair[0]));
    const auto index = static_cast<size_t>(pair[1]);
    if (self == nullptr || pair[1] < 0 || index >= self->provisions()) {
      modules::Plan::destroy(plan);
      return nullptr;
    }
    plan->set(i, self->provision(index).provider);
  }
  return plan;
}

napi_value publish(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  const Module* const module = host->module(args.handle(0));
  modules::Hook* const hook =
      module == nullptr ? nullptr : module->hook(args.template real<size_t>(1));
  if (hook == nullptr) return integer(env, -EBADF);
  bool isNative = false;
  napi_is_typedarray(env, args.at(3), &isNative);
  modules::Plan* const plan = isNative ? readPlan(env, args.at(3), host) : nullptr;
  hook->publish(args.template real<size_t>(2), plan);
  return integer(env, isNative && plan == nullptr ? -ENOMEM : 0);
}

napi_value retract(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  const Self* const self = host->self(args.handle(0));
  return integer(env, self == nullptr ? 0 : host->retract(self));
}

napi_value settle(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  ModuleHost* const host = ModuleHost::of(env);
  return integer(env, host->connected() ? host->desk().settle(args.i32(0)) : -EBADF);
}

napi_value takePost(napi_env env, napi_callback_info) {
  ModuleHost* const host = ModuleHost::of(env);
  modules::Post* const post = host->connected() ? host->desk().take() : nullptr;
  if (post == nullptr) return undefined(env);
  napi_value object = nullptr;
  napi_create_object(env, &object);
  size_t count = 0;
  const heddle_value* const values =
      post->values == nullptr ? nullptr : post->values->of(0, &count);
  const modules::Self* const self = post->self;
  set(env, object, "kind", integer(env, post->kind));
  set(env, object, "module",
      integer(env, post->module == nullptr ? 0 : host->handleOf(post->module)));
  set(env, object, "hook", integer(env, post->hook == nullptr ? -1 : int64_t{post->hook->index()}));
  set(env, object, "self", integer(env, self == nullptr ? 0 : self->number));
  set(env, object, "from", textOf(env, self == nullptr ? "" : self->module().name()));
  set(env, object, "number", integer(env, post->number));
  set(env, object, "values", fromModule(env, values, count));
  modules::Desk::drop(post);
  return object;
}

constexpr Method kMethods[] = {
    {"connect", connect},       {"open", open},
    {"close", close},           {"make", make},
    {"release", release},       {"confSetup", confSetup},
    {"extInit", extInit},       {"activate", activate},
    {"discard", discard},       {"destroy", destroy},
    {"control", control},       {"validate", validate},
    {"options", options},       {"hooks", hooks},
    {"provisions", provisions}, {"runProvider", runProvider},
    {"failure", failure},       {"publish", publish},
    {"retract", retract},       {"settle", settle},
    {"takePost", takePost},
};

}  // namespace

napi_value modulesObject(napi_env env) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  addMethods(env, object, kMethods, nullptr);
  return object;
}

}  // namespace heddle::binding
