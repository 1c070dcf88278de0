#include "binding/module_host.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "binding/environment.h"
#include "binding/module_values.h"
#include "mem/epoch.h"

namespace heddle::binding {

ModuleHost::Call::Call(ModuleHost* host)
    : host_(host),
      inSection_(mem::epochEnter() == 0),
      maker_([](void* self) { static_cast<ModuleHost*>(self)->loop(); }, host) {
  host_->desk().enter();
}

ModuleHost::Call::~Call() {
  host_->desk().leave();
  if (inSection_) static_cast<void>(mem::epochLeave());
}

ModuleHost* ModuleHost::of(napi_env env) { return &Environment::of(env)->modules(); }

int ModuleHost::connect(napi_value callbacks, napi_value status) {
  if (desk_ != nullptr) return -EALREADY;
  if (bytesOf(env_, status).size < sizeof(int32_t)) return -EINVAL;
  if (napi_create_reference(env_, callbacks, 1, &callbacks_) != napi_ok ||
      napi_create_reference(env_, status, 1, &statusReference_) != napi_ok ||
      bell_.open(env_) < 0) {
    forgetCallbacks();
    return -ENOMEM;
  }
  desk_ = modules::Desk::make(this);
  if (desk_ != nullptr) return 0;
  forgetCallbacks();
  return -ENOMEM;
}

void ModuleHost::forgetCallbacks() {
  bell_.close();
  if (callbacks_ != nullptr) napi_delete_reference(env_, std::exchange(callbacks_, nullptr));
  if (statusReference_ != nullptr) {
    napi_delete_reference(env_, std::exchange(statusReference_, nullptr));
  }
}

void ModuleHost::end() {
  if (std::exchange(ended_, true) || desk_ == nullptr) return;
  // First: nobody calls JavaScript any more.
  desk_->close();
  closeHooks();
  while (newest_ != 0) letGo(newest_);
  modules_.each([this](const Open& open, uint32_t handle) {
    open.module->release();
    modules_.destroy(handle);
  });
  if (result_ != nullptr) std::exchange(result_, nullptr)->release();
  forgetCallbacks();
  std::exchange(desk_, nullptr)->release();
}

void ModuleHost::closeHooks() {
  bool anyCalled = false;
  modules_.each([&anyCalled](const Open& open, uint32_t) {
    anyCalled = open.module->closeHooks() || anyCalled;
  });
  if (!anyCalled) return;
  const uint64_t ticket = mem::epochs().maintainAsync();
  for (int waited = 0; waited < kMostWaitMs && !mem::epochs().past(ticket); waited++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

loop::Loop* ModuleHost::loop() { return Environment::of(env_)->prepareLoop(); }

// --- handles

int64_t ModuleHost::add(const heddle_module& definition, const char* name) {
  modules::Module* const made = modules::Module::make(definition, name, desk_);
  if (made == nullptr) return -ENOMEM;
  const auto created = modules_.create(Open{made});
  if (created.value != nullptr) return created.handle;
  made->release();
  return modules_.full() ? -ENFILE : -ENOMEM;
}

modules::Module* ModuleHost::module(uint32_t handle) const {
  const Open* const open = modules_.get(handle);
  return open == nullptr ? nullptr : open->module;
}

uint32_t ModuleHost::handleOf(const modules::Module* module) const {
  uint32_t found = 0;
  modules_.each([&found, module](const Open& open, uint32_t handle) {
    if (open.module == module) found = handle;
  });
  return found;
}

int ModuleHost::close(uint32_t handle) {
  const Open* const open = modules_.get(handle);
  if (open == nullptr) return -EBADF;
  open->module->release();
  modules_.destroy(handle);
  return 0;
}

int64_t ModuleHost::make(uint32_t handle, const char* name) {
  modules::Module* const of = module(handle);
  if (of == nullptr) return -EBADF;
  modules::Self* const made = modules::Self::make(of, name);
  if (made == nullptr) return -ENOMEM;
  const auto created = selves_.create(Known{made, newest_, 0});
  if (created.value == nullptr) {
    made->release();
    return selves_.full() ? -ENFILE : -ENOMEM;
  }
  made->number = created.handle;
  if (newest_ != 0) selves_.get(newest_)->newer = created.handle;
  newest_ = created.handle;
  return created.handle;
}

modules::Self* ModuleHost::self(uint32_t handle) const {
  const Known* const found = connected() ? selves_.get(handle) : nullptr;
  return found == nullptr ? nullptr : found->self;
}

int ModuleHost::release(uint32_t handle) {
  if (selves_.get(handle) == nullptr) return -EBADF;
  letGo(handle);
  return 0;
}

void ModuleHost::letGo(uint32_t handle) {
  const Known last = *selves_.get(handle);
  (last.newer == 0 ? newest_ : selves_.get(last.newer)->older) = last.older;
  if (last.older != 0) selves_.get(last.older)->newer = last.newer;
  selves_.destroy(handle);
  const bool inSection = mem::epochEnter() == 0;
  last.self->end();
  if (inSection) static_cast<void>(mem::epochLeave());
  last.self->release();
}

int ModuleHost::retract(const modules::Self* self) {
  bool any = false;
  modules_.each(
      [&any, self](const Open& open, uint32_t) { any = open.module->retract(self) || any; });
  return any ? 1 : 0;
}

void ModuleHost::keepFailure() {
  std::snprintf(failure_, sizeof failure_, "%s", modules::takeFailure());
}

// --- JavaScript's part

void ModuleHost::setStatus(int error) {
  napi_value status = nullptr;
  if (statusReference_ == nullptr ||
      napi_get_reference_value(env_, statusReference_, &status) != napi_ok || status == nullptr) {
    return;
  }
  const Bytes bytes = bytesOf(env_, status);
  if (bytes.size >= sizeof(int32_t)) *reinterpret_cast<int32_t*>(bytes.data) = error;
}

napi_value ModuleHost::callback(const char* name, napi_value* receiver) const {
  napi_value function = nullptr;
  if (napi_get_reference_value(env_, callbacks_, receiver) != napi_ok || *receiver == nullptr ||
      napi_get_named_property(env_, *receiver, name, &function) != napi_ok) {
    return nullptr;
  }
  return function;
}

int ModuleHost::callHook(const modules::Hook& hook, const heddle_value* arguments, size_t count,
                         heddle_value* result) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return -ECANCELED;
  napi_value receiver = nullptr;
  napi_value const function = callback("call", &receiver);
  napi_value const values = fromModule(env_, arguments, count);
  int answer = -ECANCELED;
  if (function != nullptr && values != nullptr) {
    napi_value given[] = {integer(env_, handleOf(hook.module())), integer(env_, hook.index()),
                          values};
    napi_value returned = nullptr;
    if (napi_call_function(env_, receiver, function, 3, given, &returned) == napi_ok) {
      answer = keep(returned, result);
    }
  }
  napi_close_handle_scope(env_, scope);
  return answer;
}

// The status is JavaScript's answer, the value stays until the next call.
int ModuleHost::keep(napi_value returned, heddle_value* out) {
  napi_value status = nullptr;
  napi_get_reference_value(env_, statusReference_, &status);
  const Bytes bytes = status == nullptr ? Bytes{} : bytesOf(env_, status);
  if (bytes.size < sizeof(int32_t)) return -ECANCELED;
  const int answer = std::exchange(*reinterpret_cast<int32_t*>(bytes.data), 0);
  if (answer < 0) return answer;
  napi_value array = nullptr;
  modules::ValuesMaker maker;
  if (napi_create_array_with_length(env_, 1, &array) != napi_ok ||
      napi_set_element(env_, array, 0, returned) != napi_ok ||
      addSlot(env_, array, HEDDLE_NONE, &maker) < 0) {
    return -ENOMEM;
  }
  modules::Values* const kept = maker.make();
  if (kept == nullptr) return -ENOMEM;
  if (result_ != nullptr) result_->release();
  result_ = kept;
  size_t count = 0;
  *out = *kept->of(0, &count);
  return 0;
}

void ModuleHost::heard(napi_env env, void* data) {
  auto* const self = static_cast<ModuleHost*>(data);
  if (self->ended_ || self->callbacks_ == nullptr) return;
  napi_value receiver = nullptr;
  napi_value const function = self->callback("posted", &receiver);
  if (function != nullptr) napi_call_function(env, receiver, function, 0, nullptr, nullptr);
}

}  // namespace heddle::binding
