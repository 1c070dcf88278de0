#include "module/module.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "mem/epoch.h"
#include "module/retire.h"
#include "module/self.h"

namespace heddle::modules {

// --- plans

Plan* Plan::make(size_t count) {
  void* const memory = mem::allocateBytes(mem::builtinType(mem::Builtin::kModulePlan),
                                          sizeof(Plan) + count * sizeof(Provider));
  if (memory == nullptr) return nullptr;
  auto* const made = ::new (memory) Plan{{}, count};
  std::memset(static_cast<void*>(made + 1), 0, count * sizeof(Provider));
  return made;
}

void Plan::destroy(Plan* plan) {
  for (const Provider* each = plan->providers(); each != plan->providers() + plan->count; each++) {
    if (each->self != nullptr) each->self->release();
  }
  mem::release(mem::builtinType(mem::Builtin::kModulePlan), plan);
}

void Plan::set(size_t index, const Provider& provider) {
  provider.self->hold();
  reinterpret_cast<Provider*>(this + 1)[index] = provider;
}

bool Plan::has(const Self* self) const {
  for (const Provider* each = providers(); each != providers() + count; each++) {
    if (each->self == self) return true;
  }
  return false;
}

// --- hooks

Hook::~Hook() {
  // Relaxed: whoever could call it has a self, and the last of them is gone.
  Plan* const plan = plan_.load(std::memory_order_relaxed);
  if (plan != nullptr) Plan::destroy(plan);
}

void Hook::publish(size_t providers, Plan* plan) {
  providers_.store(providers, std::memory_order_relaxed);
  exchange(plan);
}

// Whether there was one before.
bool Hook::exchange(Plan* plan) {
  // Release: who finds the plan finds it written. Acquire: of the one before, to retire it.
  Plan* const before = plan_.exchange(plan, std::memory_order_acq_rel);
  if (before == nullptr) return false;
  retire(&before->retired, sizeof(Plan) + before->count * sizeof(Provider),
         [](mem::Retired* retired) { Plan::destroy(reinterpret_cast<Plan*>(retired)); });
  return true;
}

bool Hook::retract(const Self* self) {
  // Relaxed: this thread has published it.
  const Plan* const plan = plan_.load(std::memory_order_relaxed);
  return plan != nullptr && plan->has(self) && exchange(nullptr);
}

bool Hook::close() {
  providers_.store(0, std::memory_order_relaxed);
  return exchange(nullptr);
}

int Hook::call(const heddle_value* arguments, size_t count, heddle_value* result) const {
  heddle_value ignored{};
  if (result == nullptr) result = &ignored;
  *result = {};
  if (!mem::epochAttached()) return -EPERM;
  {
    const mem::EpochScope section;
    // Acquire: pairs with publish.
    const Plan* const plan = plan_.load(std::memory_order_acquire);
    if (plan != nullptr) return run(*plan, arguments, count, result);
  }
  if (!has()) return 0;
  Desk& desk = module_->desk();
  return desk.mayCall() ? desk.isolate()->callHook(*this, arguments, count, result) : -EPERM;
}

namespace {

bool isNothing(const heddle_value& value) {
  switch (value.type) {
    case HEDDLE_NONE:
      return true;
    case HEDDLE_DOUBLE:
      return value.as.real == 0;
    case HEDDLE_TEXT:
      return value.size == 0;
    case HEDDLE_BYTES:
    case HEDDLE_OTHER:
      return false;
    default:
      return value.as.integer == 0;
  }
}

}  // namespace

int Hook::run(const Plan& plan, const heddle_value* arguments, size_t count,
              heddle_value* result) const {
  int ran = 0;
  const FailureScope outer;
  for (const Provider* provider = plan.providers(); provider != plan.providers() + plan.count;
       provider++) {
    heddle_value value{};
    static_cast<void>(takeFailure());
    const int answer = provider->run(provider->closure, arguments, count, &value);
    ran++;
    if (kind_ == HEDDLE_HOOK_VOID) {
      if (answer < 0) complain(provider->self, answer);
      continue;
    }
    if (answer < 0) return answer;
    *result = value;
    if (kind_ == HEDDLE_HOOK_FIRST || !isNothing(value)) break;
  }
  return ran;
}

// Nobody hears of it otherwise. Lost without memory, or when too much waits already.
void Hook::complain(Self* self, int error) const {
  heddle_value why{};
  why.type = HEDDLE_TEXT;
  why.as.text = takeFailure();
  why.size = std::strlen(why.as.text);
  ValuesMaker maker;
  maker.addSlot(&why, 1);
  const int lost = module_->desk().post({.kind = Post::kFailure,
                                         .module = module_,
                                         .hook = const_cast<Hook*>(this),
                                         .self = self,
                                         .number = error,
                                         .values = maker.make()});
  static_cast<void>(lost);
}

// --- modules

Module::Module(const heddle_module& definition, Desk* desk) : definition_(definition), desk_(desk) {
  desk_->hold();
}

Module::~Module() {
  while (hooks_ != nullptr) Hooks::destroy(std::exchange(hooks_, hooks_->next_));
  desk_->release();
}

Module* Module::make(const heddle_module& definition, const char* name, Desk* desk) {
  const size_t bytes = std::strlen(name) + 1;
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kModule), sizeof(Module) + bytes);
  if (memory == nullptr) return nullptr;
  auto* const made = ::new (memory) Module(definition, desk);
  std::memcpy(static_cast<void*>(made + 1), name, bytes);
  return made;
}

// Relaxed: whoever counts up has a count.
void Module::hold() { count_.fetch_add(1, std::memory_order_relaxed); }

void Module::release() {
  // Release: this holder is done with it. Acquire, of the last: so are the others.
  if (count_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  this->~Module();
  mem::release(mem::builtinType(mem::Builtin::kModule), this);
}

int Module::declareOption(const heddle_option& option, int32_t* slot) {
  constexpr uint32_t kFlags = HEDDLE_OPTION_ARRAY | HEDDLE_OPTION_NOT_TUNABLE_ONLINE;
  const bool known = option.type == HEDDLE_INT64 || option.type == HEDDLE_UINT64 ||
                     option.type == HEDDLE_DOUBLE || option.type == HEDDLE_BOOL ||
                     option.type == HEDDLE_TEXT;
  if (!known || option.name == nullptr || (option.flags & ~kFlags) != 0) return -EINVAL;
  if (options_.size() == kMostOptions) return -ENOSPC;
  if (!options_.push(option)) return -ENOMEM;
  *slot = static_cast<int32_t>(options_.size() - 1);
  return 0;
}

int Module::declareHook(const HookNames& names, Hook** out) {
  if (names.scope == nullptr || names.name == nullptr || names.kind < HEDDLE_HOOK_VOID ||
      names.kind > HEDDLE_HOOK_FIRST) {
    return -EINVAL;
  }
  if (names_.size() == kMostHooks) return -ENOSPC;
  if (!names_.reserve(names_.size() + 1)) return -ENOMEM;
  Hook* const made = Hooks::make(this, static_cast<uint32_t>(names_.size()), names.kind);
  if (made == nullptr) return -ENOMEM;
  static_cast<void>(names_.push(names));  // there is room
  made->next_ = hooks_;
  hooks_ = made;
  *out = made;
  return 0;
}

Hook* Module::hook(size_t index) const {
  Hook* found = hooks_;
  while (found != nullptr && found->index_ != index) found = found->next_;
  return found;
}

bool Module::retract(const Self* self) {
  bool any = false;
  for (Hook* each = hooks_; each != nullptr; each = each->next_) any = each->retract(self) || any;
  return any;
}

bool Module::closeHooks() {
  bool any = false;
  for (Hook* each = hooks_; each != nullptr; each = each->next_) any = each->close() || any;
  return any;
}

}  // namespace heddle::modules
