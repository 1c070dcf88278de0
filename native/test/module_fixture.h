#pragma once

// A module of the test's own, with a loop and a fake isolate. Its functions are lambdas of the
// test.

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "mem/epoch.h"
#include "module/module.h"
#include "module/self.h"
#include "module/table.h"
#include "test/aco_fixture.h"

namespace heddle::test {

using modules::Desk;
using modules::Hook;
using modules::Module;
using modules::Self;
using modules::Values;
using modules::ValuesMaker;

// The calling thread takes part in epochs.
class Attached {
 public:
  Attached() : attached_(mem::epochAttachThread() == 0) {}
  ~Attached() {
    if (attached_) mem::epochDetachThread();
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  const bool attached_;
};

inline const heddle_api& api() { return *modules::nativeApi(); }

inline heddle_value integerValue(int64_t number) {
  heddle_value value{};
  value.type = HEDDLE_INT64;
  value.as.integer = number;
  return value;
}

inline heddle_value textValue(const char* text) {
  heddle_value value{};
  value.type = HEDDLE_TEXT;
  value.as.text = text;
  value.size = std::strlen(text);
  return value;
}

inline Values* valuesOf(const std::vector<heddle_value>& slots) {
  ValuesMaker maker;
  for (const heddle_value& value : slots) maker.addSlot(&value, 1);
  return maker.make();
}

// Where the module's functions lead.
struct Script {
  std::function<int(heddle_self*)> confSetup = [](heddle_self*) { return 0; };
  std::function<int(heddle_self*, const heddle_init*)> extInit =
      [](heddle_self*, const heddle_init*) { return 0; };
};
inline Script*& script() {
  static Script* now = nullptr;
  return now;
}

constexpr heddle_module definitionOf(uint32_t flags) {
  return {HEDDLE_API_VERSION,
          sizeof(heddle_module),
          HEDDLE_API_REVISION,
          flags,
          "test",
          nullptr,
          [](const heddle_api*, heddle_self* self) { return script()->confSetup(self); },
          [](heddle_self* self, const heddle_init* init) { return script()->extInit(self, init); },
          nullptr};
}
inline const heddle_module plainModule = definitionOf(0);
inline const heddle_module singletonModule = definitionOf(HEDDLE_MODULE_SINGLETON);

class FakeIsolate : public modules::Isolate {
 public:
  int callHook(const Hook& hook, const heddle_value*, size_t count, heddle_value* result) override {
    calls.push_back(hook.index() * 100 + static_cast<uint32_t>(count));
    *result = answer;
    return status;
  }
  void wake() override { woken.fetch_add(1); }
  loop::Loop* loop() override {
    if (first != nullptr) return first;
    aco::Runtime* const runtime = aco::Runtime::current();
    return runtime == nullptr ? nullptr : &runtime->loop();
  }
  // The isolate's first loop; nullptr: the one that was made last.
  loop::Loop* first = nullptr;

  std::vector<uint32_t> calls;
  heddle_value answer{};
  int status = 0;
  std::atomic<int> woken{0};
};

// One module in one isolate.
struct ModuleWorld {
  explicit ModuleWorld(const heddle_module& definition = plainModule) {
    script() = &functions;
    desk = Desk::make(&isolate);
    if (desk != nullptr) module = Module::make(definition, "test", desk);
  }
  ~ModuleWorld() {
    if (module != nullptr) {
      module->closeHooks();
      module->release();
    }
    if (desk != nullptr) {
      desk->close();
      desk->release();
    }
    // Plans, then the selves that they had, then the values of those.
    for (int level = 0; level < 3; level++) mem::epochMaintain(mem::MaintainMode::kBarrier);
    script() = nullptr;
  }
  ModuleWorld(const ModuleWorld&) = delete;
  ModuleWorld& operator=(const ModuleWorld&) = delete;

  Attached attached;
  Script functions;
  FakeIsolate isolate;
  Desk* desk = nullptr;
  Module* module = nullptr;
};

}  // namespace heddle::test
