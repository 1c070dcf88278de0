// An object of a module: of a singleton there is one in an isolate, of others one for each
// configuration.
//
// Counted: by the isolate until the module has been destroyed, by its jobs, timers, watches and
// posts, and by the module itself (`hold`). Thread rule: the isolate's thread, except for what says
// otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "include/heddle/module.h"
#include "mem/typed_array.h"
#include "module/module.h"
#include "module/values.h"

namespace heddle::modules {

// What a phase has asked for; its texts are good until the module's code goes on.
struct Provision {
  const char* scope;
  const char* name;
  int place;
  Provider provider;
};

// The answer to a command.
class Response {
 public:
  static constexpr size_t kMostBytes = size_t{16} << 20;

  [[nodiscard]] int append(const char* text, size_t size);
  [[nodiscard]] const char* data() const { return text_.data(); }
  [[nodiscard]] size_t size() const { return text_.size(); }

 private:
  mem::TypedArray<char, mem::Builtin::kModuleBytes> text_;
};

class Self {
 public:
  static constexpr size_t kMostProviders = 4096;

  // `name` is that of its stanza, `number` the isolate's for it. With a count for the caller.
  // nullptr without memory.
  [[nodiscard]] static Self* make(Module* module, const char* name);
  // Any thread, both.
  void hold();
  void release();

  [[nodiscard]] heddle_self* handle() { return reinterpret_cast<heddle_self*>(this); }
  [[nodiscard]] static Self* from(heddle_self* handle) { return reinterpret_cast<Self*>(handle); }
  [[nodiscard]] static const Self* from(const heddle_self* handle) {
    return reinterpret_cast<const Self*>(handle);
  }

  [[nodiscard]] Module& module() const { return *module_; }
  // In the configuration: `module` or `module:instance`. Any thread.
  [[nodiscard]] const char* name() const { return reinterpret_cast<const char*>(this + 1); }
  // The isolate's handle.
  uint32_t number = 0;
  // Any thread. Acquire and release: what was written before set_data is seen by who gets it.
  [[nodiscard]] void* data() const { return data_.load(std::memory_order_acquire); }
  void setData(void* data) { data_.store(data, std::memory_order_release); }
  // Its end has begun: no event of it comes any more. Any thread. Sequentially consistent: see
  // countEvent.
  [[nodiscard]] bool ended() const { return state_.load() != State::kLive; }
  // The module's code was called for the last time, but for what is left of its jobs. Any thread.
  [[nodiscard]] bool over() const { return state_.load() == State::kOver; }

  // --- phases; what the module answered
  [[nodiscard]] int confSetup(const heddle_api* api);
  // `values` is taken over: they are pending until they come into use or are dropped.
  [[nodiscard]] int extInit(const heddle_init& init, Values* values);
  // The first time: ends its timers and watches, then tells the module if that has begun:
  // HEDDLE_DESTROY, of a singleton HEDDLE_EXIT.
  int end();
  [[nodiscard]] int control(const heddle_command& command, Response* response);
  [[nodiscard]] int validate(size_t slot, const heddle_value* values, size_t count);
  [[nodiscard]] int runProvider(size_t index, const heddle_value* arguments, size_t count,
                                heddle_value* result) const;
  void activate();
  void dropPending();

  // --- asked for in a phase
  [[nodiscard]] int declareOption(const heddle_option& option, int32_t* slot);
  [[nodiscard]] int declareHook(const HookNames& names, Hook** out);
  [[nodiscard]] int provide(const Provision& provision);
  [[nodiscard]] size_t provisions() const { return provisions_.size(); }
  [[nodiscard]] const Provision& provision(size_t index) const { return provisions_[index]; }

  // --- any thread
  // In a section of the epochs; nullptr before there are any.
  [[nodiscard]] const Values* current() const {
    // Acquire: pairs with activate.
    return current_.load(std::memory_order_acquire);
  }
  // With a count for the caller.
  [[nodiscard]] Values* holdValues() const;
  // Timers and watches on all loops. Who counts one up and then finds that the self has not ended,
  // and who ends it and then finds none, have not missed each other: both are sequentially
  // consistent.
  void countEvent(int by) { events_.fetch_add(by); }
  [[nodiscard]] bool hasEvents() const { return events_.load() > 0; }
  [[nodiscard]] int log(int level, const char* text);

 private:
  enum class Phase : uint8_t { kNone, kConfSetup, kExtInit, kPrivileged };
  enum class State : uint8_t { kLive, kEnding, kOver };

  [[nodiscard]] bool inPhase(Phase phase) const;
  explicit Self(Module* module);
  ~Self();
  [[nodiscard]] bool mayProvide() const;

  std::atomic<uint32_t> count_{1};
  std::atomic<State> state_{State::kLive};
  std::atomic<int> events_{0};
  Phase phase_ = Phase::kNone;
  bool isSetUp_ = false;   // conf_setup has succeeded with it
  bool hasBegun_ = false;  // HEDDLE_INIT was called
  Module* const module_;   // with a count
  std::atomic<void*> data_{nullptr};
  std::atomic<Values*> current_{nullptr};  // with a count
  mutable std::mutex lock_;                // who counts up what is current, and who replaces it
  Values* pending_ = nullptr;              // with a count
  mem::TypedArray<Provision, mem::Builtin::kModuleBytes> provisions_;
};

// What was noted on this thread before comes back at its end, unless something was noted that
// nobody took.
class FailureScope {
 public:
  FailureScope();
  ~FailureScope();
  FailureScope(const FailureScope&) = delete;
  FailureScope& operator=(const FailureScope&) = delete;

 private:
  bool had_;
  char text_[1001];
};

// Notes why the thread's call is about to fail. Any thread.
void noteFailure(const char* text);
// What was noted last on this thread, and nothing is any more. "" for nothing. Good until the next
// note.
[[nodiscard]] const char* takeFailure();

}  // namespace heddle::modules
