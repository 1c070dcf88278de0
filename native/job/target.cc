#include "job/target.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>

#include "base/immortal.h"
#include "job/builtin.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::job {
namespace {

// Kept for good: numbers and names are in the hands of every isolate.
template <class T>
T* keep(size_t bytes) {
  return static_cast<T*>(mem::allocateBytes(mem::builtinType(mem::Builtin::kJobName), bytes));
}

// Both in one block, so that there is nothing to give back when there is no memory.
bool copyNames(std::string_view module, std::string_view name, Target* into) {
  char* const copy = keep<char>(module.size() + name.size() + 1);
  if (copy == nullptr) return false;
  if (!module.empty()) std::memcpy(copy, module.data(), module.size());
  if (!name.empty()) std::memcpy(copy + module.size(), name.data(), name.size());
  copy[module.size() + name.size()] = '\0';
  into->module = {copy, module.size()};
  into->name = {copy + module.size(), name.size()};
  return true;
}

// Process-wide by nature: a number means the same to all isolates.
class Targets {
 public:
  // Under the lock.
  Target* find(std::string_view module, std::string_view name) {
    Target* at = chains_[bucket(module, name)];
    while (at != nullptr && (at->name != name || at->module != module)) at = at->next;
    return at;
  }

  // Under the lock. nullptr: -ENOMEM, or all numbers are taken.
  Target* add(std::string_view module, std::string_view name) {
    if (count_ == kMost) return nullptr;
    Target** const chunk = &chunks_[count_ / kChunk];
    if (*chunk == nullptr) {
      auto* const made = keep<Target>(sizeof(Target) * kChunk);
      if (made == nullptr) return nullptr;
      for (uint32_t i = 0; i < kChunk; i++) ::new (made + i) Target;
      *chunk = made;
    }
    Target* const target = *chunk + count_ % kChunk;
    if (!copyNames(module, name, target)) return nullptr;
    target->number = count_ + 1;
    Target** const head = &chains_[bucket(module, name)];
    target->next = *head;
    *head = target;
    // Release: who finds the number finds what stands above.
    published_.store(++count_, std::memory_order_release);
    return target;
  }

  // Without the lock.
  Target* at(uint32_t number) {
    if (number == 0 || number > published_.load(std::memory_order_acquire)) return nullptr;
    return chunks_[(number - 1) / kChunk] + (number - 1) % kChunk;
  }

  std::mutex lock;

 private:
  static constexpr uint32_t kChains = 256;
  static constexpr uint32_t kChunk = 64;
  static constexpr uint32_t kMost = kChunk * 4096;

  static size_t bucket(std::string_view module, std::string_view name) {
    uint32_t hash = 2166136261u;
    for (const std::string_view part : {module, name}) {
      for (const char c : part) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    }
    return hash % kChains;
  }

  Target* chains_[kChains] = {};
  Target* chunks_[kMost / kChunk] = {};
  uint32_t count_ = 0;
  std::atomic<uint32_t> published_{0};
};

Targets& targets() {
  static base::Immortal<Targets> instance;
  return *instance;
}

}  // namespace

void Target::noteRun(int64_t ns) {
  const auto sample = static_cast<uint32_t>(ns < 0 ? 0 : ns > kLongNs ? kLongNs : ns);
  const uint32_t before = guessNs.load(std::memory_order_relaxed);
  const bool first = before == kUnknownNs;
  const uint32_t after = first || sample > before ? sample : before - (before - sample) / 8;
  if (after != before) guessNs.store(after, std::memory_order_relaxed);
}

int registerFunction(const char* name, NativeFunction function, void* context) {
  if (name == nullptr || name[0] == '\0' || function == nullptr) return -EINVAL;
  Targets& all = targets();
  const std::lock_guard<std::mutex> guard(all.lock);
  Target* target = all.find(kNativeModule, name);
  if (target != nullptr) {
    const bool same = target->function == function && target->context == context;
    return same ? 0 : -EEXIST;
  }
  if (builtinFunction(name) != nullptr || aco::findFunction(name) != nullptr) return -EEXIST;
  target = all.add(kNativeModule, name);
  if (target == nullptr) return -ENOMEM;
  target->function = function;
  target->context = context;
  return 0;
}

int64_t targetNumber(std::string_view module, std::string_view name) {
  Targets& all = targets();
  const std::lock_guard<std::mutex> guard(all.lock);
  Target* target = all.find(module, name);
  if (target != nullptr) return target->number;
  if (module != kNativeModule) {
    target = all.add(module, name);
    return target == nullptr ? -ENOMEM : int64_t{target->number};
  }
  if (const NativeFunction function = builtinFunction(name); function != nullptr) {
    target = all.add(module, name);
    if (target == nullptr) return -ENOMEM;
    target->function = function;
    return target->number;
  }
  char text[256];
  if (name.empty() || name.size() >= sizeof text) return -ENOENT;
  std::memcpy(text, name.data(), name.size());
  text[name.size()] = '\0';
  const aco::NamedFunction bare = aco::findFunction(text);
  if (bare == nullptr) return -ENOENT;
  target = all.add(module, name);
  if (target == nullptr) return -ENOMEM;
  target->bare = bare;
  return target->number;
}

Target* findTarget(uint32_t number) { return targets().at(number); }

}  // namespace heddle::job
