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

  // With a count for the caller. nullptr without memory.
  [[nodiscard]] static Self* make(Module* module);
  // Any thread, both.
  void hold();
  void release();

  [[nodiscard]] heddle_self* handle() { return reinterpret_cast<heddle_self*>(this); }
  [[nodiscard]] static Self* from(heddle_self* handle) { return reinterpret_cast<Self*>(handle); }
  [[nodiscard]] static const Self* from(const heddle_self* handle) {
    return reinterpret_cast<const Self*>(handle);
  }

  [[nodiscard]] Module& module() const { return *module_; }
  // Any thread. Acquire and release: what was written before set_data is seen by who gets it.
  [[nodiscard]] void* data() const { return data_.load(std::memory_order_acquire); }
  void setData(void* data) { data_.store(data, std::memory_order_release); }
  // It has seen HEDDLE_DESTROY. Any thread.
  [[nodiscard]] bool ended() const { return ended_.load(std::memory_order_acquire); }

  // --- phases; what the module answered
  [[nodiscard]] int confSetup(const heddle_api* api);
  // `values` is taken over: they are pending until they come into use or are dropped.
  [[nodiscard]] int extInit(const heddle_init& init, Values* values);
  // The first time; after that it has ended.
  int destroy();
  // Its timers and watches run no more; nothing can be asked of it.
  void endEvents();
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
  // A line for the log, about an error.
  void complain(const char* what, int error);
  [[nodiscard]] int log(int level, const char* text);

 private:
  enum class Phase : uint8_t { kNone, kConfSetup, kExtInit, kPrivileged };

  explicit Self(Module* module);
  ~Self();
  [[nodiscard]] bool mayProvide() const;

  std::atomic<uint32_t> count_{1};
  std::atomic<bool> ended_{false};
  Phase phase_ = Phase::kNone;
  Module* const module_;  // with a count
  std::atomic<void*> data_{nullptr};
  std::atomic<Values*> current_{nullptr};  // with a count
  mutable std::mutex lock_;                // who counts up what is current, and who replaces it
  Values* pending_ = nullptr;              // with a count
  mem::TypedArray<Provision, mem::Builtin::kModuleBytes> provisions_;
};

// Notes why the thread's call is about to fail. Any thread.
void noteFailure(const char* text);
// What was noted last on this thread, and nothing is any more. "" for nothing. Good until the next
// note.
[[nodiscard]] const char* takeFailure();

}  // namespace heddle::modules
