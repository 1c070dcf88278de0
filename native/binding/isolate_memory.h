// What one isolate holds of typed and safe memory: the blocks JavaScript allocated, the views it
// has of them, its pins on safe blocks, its extra sections. All of it ends with the isolate,
// however that ends.
//
// Owned by the environment. Thread rule: the isolate's thread, except for what rings its bell.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "base/slots.h"
#include "binding/bell.h"
#include "binding/external_views.h"
#include "mem/memtype.h"
#include "mem/safe_pin.h"
#include "mem/typed_memory.h"
#include "mem/typed_object.h"

namespace heddle::binding {

// A memtype's block in the hands of JavaScript.
struct TypedBlock {
  void* memory = nullptr;
  size_t bytes = 0;
  mem::Memtype type = mem::kNoMemtype;
  ExternalView* view = nullptr;
};

// A view of a safe block, and the pin that keeps the block for it.
struct SafeView {
  mem::SafePin* pin = nullptr;
  ExternalView* view = nullptr;
  SafeView* next = nullptr;
  SafeView** place = nullptr;
};
using SafeViews = mem::Typed<SafeView, mem::Builtin::kSafeView>;

class IsolateMemory {
 public:
  explicit IsolateMemory(napi_env env);
  ~IsolateMemory();
  IsolateMemory(const IsolateMemory&) = delete;
  IsolateMemory& operator=(const IsolateMemory&) = delete;

  static IsolateMemory* of(napi_env env);
  // The isolate ends: everything goes.
  void end();

  // --- typed blocks; handles are not negative, errors are errnos
  [[nodiscard]] int64_t add(const TypedBlock& block);
  [[nodiscard]] TypedBlock* block(uint32_t handle) { return blocks_.get(handle); }
  [[nodiscard]] int resize(uint32_t handle, size_t bytes);
  [[nodiscard]] int free(uint32_t handle);
  // The token, or a negative errno.
  [[nodiscard]] int64_t giveUp(uint32_t handle);
  [[nodiscard]] int view(uint32_t handle, napi_value* buffer);

  // --- safe blocks
  // nullptr without memory.
  [[nodiscard]] mem::SafeHolder* holder();
  [[nodiscard]] int viewSafe(uint64_t id, napi_value* buffer);
  // Lets go of the views of freed blocks, if no section is open here. After every tick, so the
  // usual case is two loads.
  void letGo() {
    if (holder_ != nullptr && holder_->hasDue()) letGoDue();
  }
  [[nodiscard]] uint64_t takeReclaimed();

  // --- sections of their own
  [[nodiscard]] int64_t makeSection();
  [[nodiscard]] int64_t swapSection(uint32_t handle);
  [[nodiscard]] int64_t dropSection(uint32_t handle);

  // --- signals
  // `heard` is called with nothing when the bell has rung. 0 or a negative errno.
  [[nodiscard]] int listen(napi_value heard);

 private:
  struct OwnSection {
    mem::EpochCoroutineSection* section = nullptr;
  };

  [[nodiscard]] bool isCarriedAway(const TypedBlock& block) const;
  void secure(TypedBlock* block);
  [[nodiscard]] int leaveBehind(TypedBlock* block, size_t bytes);
  void letGoDue();
  void drop(SafeView* view);
  void endSafe();
  void reportLeft() const;
  static void heard(napi_env env, void* self);

  const napi_env env_;
  Bell bell_;
  ExternalViews views_;
  base::Slots<TypedBlock, mem::TypedMemory<mem::Builtin::kHandles>> blocks_;
  mem::SafeHolder* holder_ = nullptr;
  mem::SafeBlock* reclaimed_ = nullptr;
  SafeView* safeViews_ = nullptr;
  base::Slots<OwnSection, mem::TypedMemory<mem::Builtin::kHandles>> sections_;
  uint32_t currentSection_ = 0;
  napi_ref listener_ = nullptr;
  bool hearsPressure_ = false;
  bool ended_ = false;
};

// Blocks that isolates have left unfreed when they ended; process-wide.
[[nodiscard]] uint64_t abandonedBlocks();
// Whether the end of an isolate tells of them on stderr.
void setLeakReport(bool on);

napi_value memoryObject(napi_env env);
napi_value safeObject(napi_env env);

}  // namespace heddle::binding
