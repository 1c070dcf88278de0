#pragma once

// Heddle's epochs in both forms and the peers', behind the same few functions. An object of a
// contestant is what it wants inside of the reclaimed memory, in a cache line as small objects are.

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "mem/epoch.h"

#ifdef HEDDLE_HAS_CK
extern "C" {
#include <ck_epoch.h>
}
#endif
#ifdef HEDDLE_HAS_URCU
// Its sections are inlined for programs that say so.
#define _LGPL_SOURCE
#include <urcu/urcu-memb.h>
#endif

namespace bench {

// Reclaimed objects; only the thread that reclaims counts.
inline std::atomic<uint64_t> reclaimed{0};
inline void countReclaimed() {
  reclaimed.store(reclaimed.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

template <heddle::mem::EpochForm kForm>
struct Heddle {
  using Epochs = heddle::mem::Epochs;
  struct alignas(64) Object : heddle::mem::Retired {};
  static inline Epochs& domain = *new Epochs({.form = kForm});
  static inline thread_local Epochs::Thread* self [[gnu::tls_model("initial-exec")]] = nullptr;
  static void attach() { self = domain.attach(); }
  static void detach() { domain.detach(self); }
  // As EpochScope does it.
  static Epochs::Section* enter() {
    Epochs::Section* section = self->current();
    return section->enterOutermost() ? section : nullptr;
  }
  static void leave(Epochs::Section* section) {
    if (section != nullptr) section->leaveOutermost();
  }
  static void retire(Object* object) {
    object->sequence = heddle::mem::Retired::kLive;
    domain.retire(self, object, 64, [](heddle::mem::Retired*) { countReclaimed(); });
  }
  static void flush() { domain.maintainBarrier(self); }
};

#ifdef HEDDLE_HAS_CK
struct Ck {
  struct alignas(64) Object {
    ck_epoch_entry_t entry;
  };
  static inline ck_epoch_t epoch;
  static inline thread_local ck_epoch_record_t* self [[gnu::tls_model("initial-exec")]] = nullptr;
  static void attach() {
    static const bool once = [] {
      ck_epoch_init(&epoch);
      return true;
    }();
    (void)once;
    self = ck_epoch_recycle(&epoch, nullptr);
    if (self != nullptr) return;
    self = static_cast<ck_epoch_record_t*>(aligned_alloc(64, sizeof(ck_epoch_record_t)));
    ck_epoch_register(&epoch, self, nullptr);
  }
  static void detach() { ck_epoch_unregister(self); }
  static int enter() {
    ck_epoch_begin(self, nullptr);
    return 0;
  }
  static void leave(int) { ck_epoch_end(self, nullptr); }
  static void retire(Object* object) {
    ck_epoch_call(self, &object->entry, [](ck_epoch_entry_t*) { countReclaimed(); });
  }
  static void flush() { ck_epoch_barrier(self); }
};
#endif

#ifdef HEDDLE_HAS_URCU
// Sections only: its deferred frees cost ten times the others'.
struct Urcu {
  static void attach() { urcu_memb_register_thread(); }
  static void detach() { urcu_memb_unregister_thread(); }
  static int enter() {
    urcu_memb_read_lock();
    return 0;
  }
  static void leave(int) { urcu_memb_read_unlock(); }
};
#endif

}  // namespace bench
