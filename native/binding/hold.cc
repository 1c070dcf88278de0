#include "binding/hold.h"

namespace heddle::binding {

void Hold::close(napi_env env) {
  if (closed_) return;
  closed_ = true;
  leaveList();
  release(env);
  if (functions_ == 0) destroy();
}

void Hold::addMethod(napi_env env, napi_value object, const Method& method) {
  napi_value function;
  napi_create_function(env, method.name, NAPI_AUTO_LENGTH, method.call, this, &function);
  if (napi_add_finalizer(env, function, this, functionCollected, nullptr, nullptr) == napi_ok) {
    functions_++;
  }
  napi_set_named_property(env, object, method.name, function);
}

// May run when the environment is no more; so it touches the hold alone.
void Hold::functionCollected(napi_env, void* data, void*) {
  auto* const hold = static_cast<Hold*>(data);
  if (--hold->functions_ == 0 && hold->closed_) hold->destroy();
}

void Hold::leaveList() {
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  link_ = nullptr;
}

void Holds::add(Hold* hold) {
  hold->next_ = first_;
  hold->link_ = &first_;
  if (first_ != nullptr) first_->link_ = &hold->next_;
  first_ = hold;
}

void Holds::closeAll(napi_env env) {
  // A cleanup hook has none.
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  while (first_ != nullptr) first_->close(env);
  napi_close_handle_scope(env, scope);
}

}  // namespace heddle::binding
