#include "binding/module_host.h"

#include <cerrno>
#include <utility>

#include "binding/environment.h"
#include "binding/module_values.h"
#include "mem/epoch.h"

namespace heddle::binding {

ModuleHost::Call::Call(ModuleHost* host) : host_(host), inSection_(mem::epochEnter() == 0) {
  host_->desk().enter();
  Environment::of(host_->env_)->prepareLoop();
}

ModuleHost::Call::~Call() {
  host_->desk().leave();
  if (inSection_) static_cast<void>(mem::epochLeave());
}

ModuleHost* ModuleHost::of(napi_env env) { return &Environment::of(env)->modules(); }

int ModuleHost::connect(napi_value callbacks, napi_value status) {
  if (desk_ != nullptr) return -EALREADY;
  if (bytesOf(env_, status).size < sizeof(int32_t)) return -EINVAL;
  if (bell_.open(env_) < 0) return -ENOMEM;
  desk_ = modules::Desk::make(this);
  if (desk_ == nullptr) return -ENOMEM;
  if (napi_create_reference(env_, callbacks, 1, &callbacks_) != napi_ok ||
      napi_create_reference(env_, status, 1, &statusReference_) != napi_ok) {
    return -ENOMEM;
  }
  return 0;
}

void ModuleHost::end() {
  if (std::exchange(ended_, true) || desk_ == nullptr) return;
  // First: nobody calls JavaScript any more.
  desk_->close();
  bell_.close();
  selves_.each([this](const Known& known, uint32_t handle) {
    const Known last = known;
    selves_.destroy(handle);
    letGo(last);
  });
  modules_.each([this](const Open& open, uint32_t handle) {
    open.module->release();
    modules_.destroy(handle);
  });
  if (result_ != nullptr) std::exchange(result_, nullptr)->release();
  if (callbacks_ != nullptr) napi_delete_reference(env_, std::exchange(callbacks_, nullptr));
  if (statusReference_ != nullptr) {
    napi_delete_reference(env_, std::exchange(statusReference_, nullptr));
  }
  std::exchange(desk_, nullptr)->release();
}

// --- handles

int64_t ModuleHost::add(const heddle_module* definition, const char* name) {
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

int64_t ModuleHost::make(uint32_t handle) {
  modules::Module* const of = module(handle);
  if (of == nullptr) return -EBADF;
  modules::Self* const made = modules::Self::make(of);
  if (made == nullptr) return -ENOMEM;
  const auto created = selves_.create(Known{made, false});
  if (created.value != nullptr) return created.handle;
  made->release();
  return selves_.full() ? -ENFILE : -ENOMEM;
}

int ModuleHost::release(uint32_t handle) {
  const Known* const found = selves_.get(handle);
  if (found == nullptr) return -EBADF;
  const Known last = *found;
  selves_.destroy(handle);
  letGo(last);
  return 0;
}

void ModuleHost::letGo(const Known& known) {
  if (known.begun && !known.self->module().singleton()) {
    const bool inSection = mem::epochEnter() == 0;
    known.self->destroy();
    if (inSection) static_cast<void>(mem::epochLeave());
  } else {
    known.self->endEvents();
  }
  known.self->release();
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
      !addSlot(env_, array, HEDDLE_NONE, &maker)) {
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
