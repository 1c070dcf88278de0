#include "binding/isolate_memory.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "binding/environment.h"
#include "binding/pressure_bells.h"
#include "mem/epoch.h"
#include "mem/loose_blocks.h"
#include "mem/typed_object.h"

namespace heddle::binding {
namespace {

constinit std::atomic<uint64_t> abandoned{0};
constinit std::atomic<bool> reportsLeft{false};

void releaseBlock(const TypedBlock& block) {
  mem::FaultReport report;
  // The table knows its blocks; a fault would be its own.
  if (mem::tryRelease(block.type, block.memory, report) != mem::Fault::kNone) {
    mem::stopAtFault(report);
  }
}

// A block whose bytes a program has carried away: it goes when Node has them back.
struct Lent {
  void* memory;
  mem::Memtype type;
};

using LentBlocks = mem::Typed<Lent, mem::Builtin::kLentBlock>;

void releaseLent(void* context) {
  auto* const lent = static_cast<Lent*>(context);
  releaseBlock({lent->memory, 0, lent->type, nullptr});
  LentBlocks::destroy(lent);
}

// Nothing of it can be seen: a buffer of its own, which is detached as others are.
int emptyBuffer(napi_env env, napi_value* buffer) {
  void* data = nullptr;
  return napi_create_arraybuffer(env, 0, &data, buffer) == napi_ok ? 0 : -ENOMEM;
}

void unpin(void* pin) { mem::SafeHolder::unpin(static_cast<mem::SafePin*>(pin)); }

}  // namespace

uint64_t abandonedBlocks() { return abandoned.load(std::memory_order_relaxed); }

void setLeakReport(bool on) { reportsLeft.store(on, std::memory_order_relaxed); }

IsolateMemory::IsolateMemory(napi_env env) : env_(env), bell_(heard, this) {}

IsolateMemory::~IsolateMemory() { end(); }

IsolateMemory* IsolateMemory::of(napi_env env) { return &Environment::of(env)->memory(); }

void IsolateMemory::end() {
  if (ended_) return;
  ended_ = true;
  if (hearsPressure_) removePressureBell(&bell_);
  endSafe();
  bell_.close();
  if (listener_ != nullptr) napi_delete_reference(env_, listener_);
  if (reportsLeft.load(std::memory_order_relaxed)) reportLeft();
  abandoned.fetch_add(blocks_.live(), std::memory_order_relaxed);
  blocks_.each([this](TypedBlock& block, uint32_t handle) {
    const bool isFree = block.view == nullptr || ExternalViews::abandon(env_, block.view);
    if (isFree) releaseBlock(block);
    blocks_.destroy(handle);
  });
  sections_.each([this](OwnSection& own, uint32_t handle) {
    if (mem::epochAttached() && handle == currentSection_) mem::epochSelf->swap(nullptr);
    mem::epochs().dropSection(own.section);
    sections_.destroy(handle);
  });
}

void IsolateMemory::reportLeft() const {
  if (blocks_.live() == 0) return;
  std::fprintf(stderr, "heddle: an isolate ended with %zu blocks that it did not free\n",
               blocks_.live());
}

// --- typed blocks

bool IsolateMemory::isCarriedAway(const TypedBlock& block) const {
  return block.view != nullptr && ExternalViews::bufferOf(env_, block.view) == nullptr;
}

int64_t IsolateMemory::add(const TypedBlock& block) {
  const auto created = blocks_.create(block);
  return created.value == nullptr ? -ENOMEM : static_cast<int64_t>(created.handle);
}

// Afterwards the memory is only ours, or no longer the block's.
void IsolateMemory::secure(TypedBlock* block) {
  ExternalView* const view = block->view;
  if (view == nullptr) return;
  block->view = nullptr;
  Lent* const lent = ExternalViews::bufferOf(env_, view) == nullptr
                         ? LentBlocks::make(block->memory, block->type)
                         : nullptr;
  // Lent without memory to note it: it is never released, which is the lesser evil.
  if (ExternalViews::detach(env_, view, lent == nullptr ? nullptr : releaseLent, lent)) {
    LentBlocks::destroy(lent);
    return;
  }
  block->memory = nullptr;
}

// The bytes were carried away: they stay where they are, for whoever has them.
int IsolateMemory::leaveBehind(TypedBlock* block, size_t bytes) {
  mem::FaultReport report;
  void* const copy = mem::isFixed(block->type) ? mem::tryAllocate(block->type, report)
                                               : mem::tryAllocateBytes(block->type, bytes, report);
  if (copy == nullptr) return -ENOMEM;
  std::memcpy(copy, block->memory, bytes < block->bytes ? bytes : block->bytes);
  secure(block);
  if (block->memory != nullptr) releaseBlock(*block);
  block->memory = copy;
  block->bytes = bytes;
  return 0;
}

int IsolateMemory::resize(uint32_t handle, size_t bytes) {
  TypedBlock* const block = blocks_.get(handle);
  if (block == nullptr) return -EBADF;
  if (isCarriedAway(*block)) return leaveBehind(block, bytes);
  mem::FaultReport report;
  void* const moved = mem::tryResize(block->type, block->memory, bytes, report);
  if (moved == nullptr) return report.fault == mem::Fault::kNone ? -ENOMEM : -EINVAL;
  // The engine knows classes, not sizes: what was never asked for before is new memory.
  const uint32_t fill = mem::findType(block->type)->fill;
  if (fill != mem::kNoFill && bytes > block->bytes) {
    std::memset(static_cast<char*>(moved) + block->bytes, static_cast<int>(fill),
                bytes - block->bytes);
  }
  block->memory = moved;
  block->bytes = bytes;
  // No JavaScript has run since, so nobody has looked at the old place.
  secure(block);
  return 0;
}

int IsolateMemory::free(uint32_t handle) {
  TypedBlock* const block = blocks_.get(handle);
  if (block == nullptr) return -EBADF;
  secure(block);
  if (block->memory != nullptr) releaseBlock(*block);
  blocks_.destroy(handle);
  return 0;
}

int64_t IsolateMemory::giveUp(uint32_t handle) {
  TypedBlock* const block = blocks_.get(handle);
  if (block == nullptr) return -EBADF;
  if (isCarriedAway(*block)) {
    const int left = leaveBehind(block, block->bytes);
    if (left < 0) return left;
  }
  const uint64_t token = mem::leaveBlock({block->memory, block->bytes, block->type});
  if (token == 0) return -ENOMEM;
  secure(block);
  blocks_.destroy(handle);
  return static_cast<int64_t>(token);
}

int IsolateMemory::view(uint32_t handle, napi_value* buffer) {
  TypedBlock* const block = blocks_.get(handle);
  if (block == nullptr) return -EBADF;
  if (block->bytes == 0) return emptyBuffer(env_, buffer);
  if (block->view == nullptr) {
    return views_.make(env_, block->memory, block->bytes, buffer, &block->view);
  }
  *buffer = ExternalViews::bufferOf(env_, block->view);
  return *buffer == nullptr ? -EBUSY : 0;
}

// --- safe blocks

mem::SafeHolder* IsolateMemory::holder() {
  if (holder_ != nullptr) return holder_;
  if (bell_.open(env_) < 0) return nullptr;
  holder_ = mem::SafeHolder::make([](void* bell) { static_cast<Bell*>(bell)->ring(); }, &bell_);
  return holder_;
}

int IsolateMemory::viewSafe(uint64_t id, napi_value* buffer) {
  if (holder() == nullptr) return -ENOMEM;
  SafeViews::Ptr view = SafeViews::makePtr();
  if (view == nullptr) return -ENOMEM;
  bool outOfMemory = false;
  mem::SafePin* const pin = holder_->pin(id, &outOfMemory);
  if (pin == nullptr) return outOfMemory ? -ENOMEM : -ENOENT;
  const size_t bytes = pin->block->payloadBytes;
  const int made = bytes == 0
                       ? emptyBuffer(env_, buffer)
                       : views_.make(env_, pin->block->payload(), bytes, buffer, &view->view);
  if (made < 0 || bytes == 0) {
    // Of an empty block there is nothing to hold.
    mem::SafeHolder::unpin(pin);
    return made;
  }
  view->pin = pin;
  view->next = safeViews_;
  view->place = &safeViews_;
  if (safeViews_ != nullptr) safeViews_->place = &view->next;
  pin->view = view.get();
  safeViews_ = view.release();
  return 0;
}

void IsolateMemory::letGoDue() {
  if (!mem::epochQuiet()) return;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  while (mem::SafePin* const pin = holder_->takeDue()) drop(static_cast<SafeView*>(pin->view));
  napi_close_handle_scope(env_, scope);
}

void IsolateMemory::drop(SafeView* view) {
  *view->place = view->next;
  if (view->next != nullptr) view->next->place = view->place;
  mem::SafePin* const pin = view->pin;
  ExternalView* const external = view->view;
  SafeViews::destroy(view);
  if (ExternalViews::detach(env_, external, unpin, pin)) unpin(pin);
}

uint64_t IsolateMemory::takeReclaimed() {
  if (holder_ == nullptr) return 0;
  if (reclaimed_ != nullptr) holder_->endReclaimed(reclaimed_);
  reclaimed_ = holder_->takeReclaimed();
  return reclaimed_ == nullptr ? 0 : reclaimed_->id;
}

void IsolateMemory::endSafe() {
  if (holder_ == nullptr) return;
  if (reclaimed_ != nullptr) holder_->endReclaimed(reclaimed_);
  reclaimed_ = nullptr;
  holder_->close();
  while (safeViews_ != nullptr) {
    SafeView* const view = safeViews_;
    safeViews_ = view->next;
    if (ExternalViews::abandon(env_, view->view)) {
      unpin(view->pin);
    } else {
      // The block stays for good, and with it whom it would tell of its end.
      holder_->share();
    }
    SafeViews::destroy(view);
  }
  holder_->unshare();
  holder_ = nullptr;
}

// --- sections of their own

int64_t IsolateMemory::makeSection() {
  mem::EpochCoroutineSection* const section = mem::epochs().makeSection();
  if (section == nullptr) return -ENOMEM;
  const auto created = sections_.create(OwnSection{section});
  if (created.value != nullptr) return created.handle;
  mem::epochs().dropSection(section);
  return -ENOMEM;
}

int64_t IsolateMemory::swapSection(uint32_t handle) {
  if (!mem::epochAttached()) return -EPERM;
  mem::EpochCoroutineSection* section = nullptr;
  if (handle != 0) {
    OwnSection* const own = sections_.get(handle);
    if (own == nullptr) return -EBADF;
    section = own->section;
  }
  mem::epochSelf->swap(section);
  const uint32_t before = currentSection_;
  currentSection_ = handle;
  return before;
}

int64_t IsolateMemory::dropSection(uint32_t handle) {
  OwnSection* const own = sections_.get(handle);
  if (own == nullptr) return -EBADF;
  if (handle == currentSection_) return -EBUSY;
  const uint32_t levels = mem::epochs().dropSection(own->section);
  sections_.destroy(handle);
  return levels;
}

// --- signals

int IsolateMemory::listen(napi_value function) {
  if (listener_ != nullptr) return 0;
  if (bell_.open(env_) < 0) return -ENOMEM;
  if (napi_create_reference(env_, function, 1, &listener_) != napi_ok) return -ENOMEM;
  hearsPressure_ = addPressureBell(&bell_);
  // For a change between the program's own look and now.
  bell_.ring();
  return 0;
}

void IsolateMemory::heard(napi_env env, void* data) {
  auto* const self = static_cast<IsolateMemory*>(data);
  self->letGo();
  if (self->listener_ == nullptr) return;
  napi_value function;
  napi_value receiver;
  if (napi_get_reference_value(env, self->listener_, &function) != napi_ok ||
      napi_get_undefined(env, &receiver) != napi_ok) {
    return;
  }
  napi_call_function(env, receiver, function, 0, nullptr, nullptr);
}

}  // namespace heddle::binding
