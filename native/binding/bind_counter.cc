// A shared counter's engine: the cell is this isolate's memory, which JavaScript writes and others
// read until the counter is closed, at the latest when the environment ends.
#include <cerrno>

#include "binding/args.h"
#include "binding/bind_shared.h"
#include "binding/environment.h"
#include "binding/hold.h"
#include "mem/typed_object.h"

namespace heddle::binding {
namespace {

class CounterHold final : public Hold {
 public:
  // nullptr or what the core says, in `status`.
  static CounterHold* open(napi_env env, const shared::Name& name, int* status);
  napi_value object(napi_env env);
  [[nodiscard]] double sum() { return counter_->sum(); }

 private:
  void release(napi_env env) override {
    counter_->close(&cell_);
    napi_delete_reference(env, array_);
  }
  void destroy() override { Memory::destroy(this); }

  using Memory = mem::Typed<CounterHold, mem::Builtin::kCounterHold>;
  friend Memory;

  shared::SharedCounter* counter_ = nullptr;
  shared::CounterCell cell_;
  napi_ref array_ = nullptr;
};

napi_value sum(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  auto* const hold = args.data<CounterHold>();
  return hold->isClosed() ? nullptr : number(env, hold->sum());
}

napi_value close(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  args.data<CounterHold>()->close(env);
  return nullptr;
}

constexpr Method kMethods[] = {{"sum", sum}, {"close", close}};

CounterHold* CounterHold::open(napi_env env, const shared::Name& name, int* status) {
  *status = -ENOMEM;
  CounterHold* const hold = Memory::make();
  if (hold == nullptr) return nullptr;
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  if (napi_create_arraybuffer(env, sizeof(double), &data, &buffer) == napi_ok &&
      napi_create_typedarray(env, napi_float64_array, 1, buffer, 0, &array) == napi_ok &&
      napi_create_reference(env, array, 1, &hold->array_) == napi_ok) {
    hold->cell_.value = static_cast<double*>(data);
    *status = shared::SharedCounter::open(name, &hold->cell_, &hold->counter_);
  }
  if (*status == 0) return hold;
  if (hold->array_ != nullptr) napi_delete_reference(env, hold->array_);
  Memory::destroy(hold);
  return nullptr;
}

napi_value CounterHold::object(napi_env env) {
  napi_value object;
  napi_value array;
  napi_create_object(env, &object);
  napi_get_reference_value(env, array_, &array);
  napi_set_named_property(env, object, "cell", array);
  addMethods(env, object, kMethods);
  return object;
}

}  // namespace

napi_value openCounter(napi_env env, const shared::Name& name) {
  int status = 0;
  CounterHold* const hold = CounterHold::open(env, name, &status);
  if (hold == nullptr) return integer(env, status);
  Environment::of(env)->add(hold);
  return hold->object(env);
}

}  // namespace heddle::binding
