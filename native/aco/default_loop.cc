#include "aco/default_loop.h"

#include <atomic>

namespace heddle::aco {
namespace {

// Relaxed, all of it: a number. What is sent to the loop goes through its mailbox, which orders.
constinit std::atomic<uint32_t> chosen{0};

}  // namespace

uint32_t defaultLoop() { return chosen.load(std::memory_order_relaxed); }

void setDefaultLoop(uint32_t loopId) { chosen.store(loopId, std::memory_order_relaxed); }

void offerDefaultLoop(uint32_t loopId) {
  uint32_t none = 0;
  chosen.compare_exchange_strong(none, loopId, std::memory_order_relaxed);
}

void forgetDefaultLoop(uint32_t loopId) {
  uint32_t expected = loopId;
  chosen.compare_exchange_strong(expected, 0, std::memory_order_relaxed);
}

}  // namespace heddle::aco
