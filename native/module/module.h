// A module of a library in one isolate, and its hooks.
//
// What a phase declares is noted, and looked at by the isolate when the phase has returned: so a
// phase that fails has left nothing behind but a self.
//
// Counted: by the isolate and by every self. Thread rule: the isolate's thread, except for what
// says otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "include/heddle/module.h"
#include "mem/epoch_retired.h"
#include "mem/typed_array.h"
#include "mem/typed_object.h"
#include "module/desk.h"

namespace heddle::modules {

class Module;
class Self;

struct Provider {
  heddle_provider run;
  void* closure;
  Self* self;
};

// The providers of a hook in the configuration that is in use, where all of them are native. Never
// changes once it is published; reclaimed by the epochs. It has a count on each self, so that one
// which is published for too long leads to a self that has ended, and never to freed memory.
struct Plan {
  mem::Retired retired;
  size_t count;

  const Provider* providers() const { return reinterpret_cast<const Provider*>(this + 1); }
  // Each once.
  void set(size_t index, const Provider& provider);
  [[nodiscard]] bool has(const Self* self) const;

  // nullptr without memory.
  [[nodiscard]] static Plan* make(size_t count);
  static void destroy(Plan* plan);
};

// A hook of a module's own. Called on any thread.
class Hook {
 public:
  Hook(Module* module, uint32_t index, int kind) : module_(module), index_(index), kind_(kind) {}
  ~Hook();
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  [[nodiscard]] heddle_hook* handle() { return reinterpret_cast<heddle_hook*>(this); }
  [[nodiscard]] static Hook* from(heddle_hook* handle) { return reinterpret_cast<Hook*>(handle); }
  [[nodiscard]] static const Hook* from(const heddle_hook* handle) {
    return reinterpret_cast<const Hook*>(handle);
  }

  [[nodiscard]] uint32_t index() const { return index_; }
  [[nodiscard]] int kind() const { return kind_; }
  [[nodiscard]] Module* module() const { return module_; }

  // As in the header. Any thread.
  [[nodiscard]] int call(const heddle_value* arguments, size_t count, heddle_value* result) const;
  [[nodiscard]] bool has() const {
    // Relaxed: a number.
    return providers_.load(std::memory_order_relaxed) > 0;
  }

  // A configuration comes into use in which the hook has so many providers. `plan` nullptr: some of
  // them are JavaScript's.
  void publish(size_t providers, Plan* plan);
  // Where the self provides it, it is called by way of JavaScript from now on. Whether it did.
  bool retract(const Self* self);
  // From now on nobody is called. Whether anybody could be.
  bool close();

 private:
  friend class Module;

  bool exchange(Plan* plan);
  void complain(Self* self, int error) const;
  [[nodiscard]] int run(const Plan& plan, const heddle_value* arguments, size_t count,
                        heddle_value* result) const;

  Module* const module_;
  const uint32_t index_;
  const int kind_;
  std::atomic<Plan*> plan_{nullptr};
  std::atomic<size_t> providers_{0};
  Hook* next_ = nullptr;
};

struct HookNames {
  const char* scope;
  const char* name;
  int kind;
};

class Module {
 public:
  static constexpr size_t kMostOptions = 4096;
  static constexpr size_t kMostHooks = 4096;

  // With a count for the caller. nullptr without memory.
  [[nodiscard]] static Module* make(const heddle_module& definition, const char* name, Desk* desk);
  void hold();
  void release();

  [[nodiscard]] const heddle_module& definition() const { return definition_; }
  [[nodiscard]] bool singleton() const {
    return (definition_.flags & HEDDLE_MODULE_SINGLETON) != 0;
  }
  // Of the manifest. Any thread.
  [[nodiscard]] const char* name() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] Desk& desk() { return *desk_; }

  // --- in a phase
  [[nodiscard]] int declareOption(const heddle_option& option, int32_t* slot);
  [[nodiscard]] int declareHook(const HookNames& names, Hook** out);

  // --- afterwards
  [[nodiscard]] size_t options() const { return options_.size(); }
  // Its texts are good until the module's code goes on.
  [[nodiscard]] const heddle_option& option(size_t slot) const { return options_[slot]; }
  [[nodiscard]] size_t hooks() const { return names_.size(); }
  [[nodiscard]] const HookNames& hookNames(size_t index) const { return names_[index]; }
  [[nodiscard]] Hook* hook(size_t index) const;
  // As those of Hook, for all of them.
  bool retract(const Self* self);
  bool closeHooks();

 private:
  Module(const heddle_module& definition, Desk* desk);
  ~Module();

  std::atomic<uint32_t> count_{1};
  const heddle_module definition_;
  Desk* const desk_;  // with a count
  mem::TypedArray<heddle_option, mem::Builtin::kModuleBytes> options_;
  mem::TypedArray<HookNames, mem::Builtin::kModuleBytes> names_;
  Hook* hooks_ = nullptr;  // newest first
};

using Hooks = mem::Typed<Hook, mem::Builtin::kModuleHook>;

}  // namespace heddle::modules
