#include "module/self.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "mem/epoch.h"
#include "module/events.h"

namespace heddle::modules {
namespace {

constexpr size_t kFailureBytes = 1001;
constexpr size_t kLineBytes = 4096;

// Of the call that runs on the thread.
thread_local char failure[kFailureBytes];
thread_local bool hasFailed;

}  // namespace

void noteFailure(const char* text) {
  std::snprintf(failure, sizeof failure, "%s", text == nullptr ? "" : text);
  hasFailed = true;
}

const char* takeFailure() { return std::exchange(hasFailed, false) ? failure : ""; }

FailureScope::FailureScope() : had_(std::exchange(hasFailed, false)) {
  static_assert(sizeof text_ == kFailureBytes);
  if (had_) std::memcpy(text_, failure, sizeof text_);
}

FailureScope::~FailureScope() {
  if (had_ && !hasFailed) noteFailure(text_);
}

int Response::append(const char* text, size_t size) {
  if (size > kMostBytes - text_.size()) return -EMSGSIZE;
  return text_.append(text, size) ? 0 : -ENOMEM;
}

// --- life

Self::Self(Module* module) : module_(module) { module_->hold(); }

Self::~Self() {
  dropPending();
  // Relaxed: nobody else has it any more.
  Values* const last = current_.load(std::memory_order_relaxed);
  if (last != nullptr) last->releaseLater();
  module_->release();
}

Self* Self::make(Module* module, const char* name) {
  const size_t bytes = std::strlen(name) + 1;
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kModuleSelf), sizeof(Self) + bytes);
  if (memory == nullptr) return nullptr;
  auto* const made = ::new (memory) Self(module);
  std::memcpy(static_cast<void*>(made + 1), name, bytes);
  return made;
}

// Relaxed: whoever counts up has a count.
void Self::hold() { count_.fetch_add(1, std::memory_order_relaxed); }

void Self::release() {
  // Release: this holder is done with it. Acquire, of the last: so are the others.
  if (count_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  this->~Self();
  mem::release(mem::builtinType(mem::Builtin::kModuleSelf), this);
}

// --- phases

int Self::confSetup(const heddle_api* api) {
  const Phase before = std::exchange(phase_, Phase::kConfSetup);
  const int answer = module_->definition().conf_setup(api, handle());
  phase_ = before;
  isSetUp_ = isSetUp_ || answer >= 0;
  return answer;
}

int Self::extInit(const heddle_init& init, Values* values) {
  if (ended()) {
    if (values != nullptr) values->release();
    return -ESHUTDOWN;
  }
  if (values != nullptr) {
    dropPending();
    pending_ = values;
  }
  heddle_init given = init;
  const Values* const read = pending_ != nullptr ? pending_ : current();
  given.values = read == nullptr ? nullptr : read->handle();
  const Phase before =
      std::exchange(phase_, init.privileged != 0 ? Phase::kPrivileged : Phase::kExtInit);
  // Before: what fails, or is terminated in the middle, has begun.
  hasBegun_ = true;
  const int answer = module_->definition().ext_init(handle(), &given);
  phase_ = before;
  return answer;
}

int Self::end() {
  State before = State::kLive;
  // Sequentially consistent: see countEvent.
  if (!state_.compare_exchange_strong(before, State::kEnding)) return 0;
  if (hasEvents()) endEventsOfTheEnded();
  const bool isSingleton = module_->singleton();
  int answer = 0;
  if (isSingleton ? isSetUp_ : hasBegun_) {
    const heddle_init init = {isSingleton ? HEDDLE_EXIT : HEDDLE_DESTROY, 0, nullptr};
    answer = module_->definition().ext_init(handle(), &init);
  }
  state_.store(State::kOver);
  return answer;
}

int Self::control(const heddle_command& command, Response* response) {
  const auto control = module_->definition().control;
  if (control == nullptr) return -ENOTSUP;
  return control(handle(), &command, reinterpret_cast<heddle_response*>(response));
}

int Self::validate(size_t slot, const heddle_value* values, size_t count) {
  if (slot >= module_->options()) return -EINVAL;
  const auto validate = module_->option(slot).validate;
  return validate == nullptr ? 0 : validate(handle(), values, count);
}

int Self::runProvider(size_t index, const heddle_value* arguments, size_t count,
                      heddle_value* result) const {
  if (index >= provisions_.size()) return -EINVAL;
  // A copy: the provider may provide more.
  const Provider provider = provisions_[index].provider;
  return provider.run(provider.closure, arguments, count, result);
}

void Self::activate() {
  Values* const next = std::exchange(pending_, nullptr);
  if (next == nullptr) return;
  Values* before = nullptr;
  {
    const std::lock_guard<std::mutex> held(lock_);
    // Release: who finds the values finds them written. Acquire: of those before, to retire them.
    before = current_.exchange(next, std::memory_order_acq_rel);
  }
  if (before != nullptr) before->releaseLater();
}

void Self::dropPending() {
  Values* const dropped = std::exchange(pending_, nullptr);
  if (dropped != nullptr) dropped->release();
}

// --- declarations

int Self::declareOption(const heddle_option& option, int32_t* slot) {
  return inPhase(Phase::kConfSetup) ? module_->declareOption(option, slot) : -EPERM;
}

int Self::declareHook(const HookNames& names, Hook** out) {
  return inPhase(Phase::kConfSetup) ? module_->declareHook(names, out) : -EPERM;
}

// The thread first: phases are the isolate's.
bool Self::inPhase(Phase phase) const { return module_->desk().isHere() && phase_ == phase; }

bool Self::mayProvide() const {
  return inPhase(module_->singleton() ? Phase::kConfSetup : Phase::kExtInit);
}

int Self::provide(const Provision& provision) {
  if (!mayProvide()) return -EPERM;
  if (provision.scope == nullptr || provision.name == nullptr ||
      provision.provider.run == nullptr ||
      (provision.place != HEDDLE_FIRST && provision.place != HEDDLE_LAST)) {
    return -EINVAL;
  }
  if (provisions_.size() == kMostProviders) return -ENOSPC;
  return provisions_.push(provision) ? 0 : -ENOMEM;
}

// --- any thread

Values* Self::holdValues() const {
  const std::lock_guard<std::mutex> held(lock_);
  // Relaxed: changed under the lock only.
  Values* const values = current_.load(std::memory_order_relaxed);
  if (values != nullptr) values->hold();
  return values;
}

int Self::log(int level, const char* text) {
  if (text == nullptr || level < HEDDLE_DEBUG || level > HEDDLE_ERROR) return -EINVAL;
  heddle_value line{};
  line.type = HEDDLE_TEXT;
  line.as.text = text;
  line.size = strnlen(text, kLineBytes);
  ValuesMaker maker;
  maker.addSlot(&line, 1);
  return module_->desk().post({.kind = Post::kLine,
                               .module = module_,
                               .self = this,
                               .number = level,
                               .values = maker.make()});
}

}  // namespace heddle::modules
