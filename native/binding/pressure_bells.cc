#include "binding/pressure_bells.h"

#include <atomic>
#include <mutex>

#include "binding/bell.h"

namespace heddle::binding {
namespace {

constexpr size_t kMostBells = 4096;

struct Bells {
  std::mutex lock;
  size_t count = 0;
  Bell* each[kMostBells] = {};
};
constinit Bells bells;
constinit std::atomic<uint64_t> changes{0};

}  // namespace

uint64_t pressureChanges() { return changes.load(std::memory_order_acquire); }

void pressureChanged(void*, bool, uint64_t) {
  // Release: pairs with the acquire above. The engine tells of low and not low in turn.
  changes.fetch_add(1, std::memory_order_release);
  std::lock_guard<std::mutex> held(bells.lock);
  for (size_t i = 0; i < bells.count; i++) bells.each[i]->ring();
}

bool addPressureBell(Bell* bell) {
  std::lock_guard<std::mutex> held(bells.lock);
  if (bells.count == kMostBells) return false;
  bells.each[bells.count++] = bell;
  return true;
}

void removePressureBell(Bell* bell) {
  std::lock_guard<std::mutex> held(bells.lock);
  for (size_t i = 0; i < bells.count; i++) {
    if (bells.each[i] != bell) continue;
    bells.each[i] = bells.each[--bells.count];
    return;
  }
}

}  // namespace heddle::binding
