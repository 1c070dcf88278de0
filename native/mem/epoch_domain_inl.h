#pragma once

// The bodies of EpochDomain. Included by epoch_domain.h.

#include "mem/epoch_domain.h"

namespace heddle::mem {

[[noreturn, gnu::cold, gnu::noinline]] inline void epochDie(const char* what) {
  std::fprintf(stderr, "heddle: epoch: %s\n", what);
  std::abort();
}

template <class P>
EpochDomain<P>::EpochDomain(const EpochOptions& options)
    : options_(options),
      asymmetric_(options.form != EpochForm::kExchange && P::asymmetricWorks()),
      highWaterBytes_(options.highWaterBytes) {}

template <class P>
EpochDomain<P>::~EpochDomain() {
  while (unfinished()) {
    begin();
    if (finish() == 0 && inFlight_ > 0) epochDie("a section is open while its domain ends");
  }
  while (threads_ != nullptr) {
    Thread* next = threads_->next_;
    epochRawDelete(threads_);
    threads_ = next;
  }
  while (sections_ != nullptr) {
    Section* next = sections_->next_;
    epochRawDelete(sections_);
    sections_ = next;
  }
}

// --- threads and sections

template <class P>
EpochThread<P>* EpochDomain<P>::attach() {
  // Under the lock that oldestOpen takes: a record that a scan has not seen is entered only by
  // someone who sees what was unlinked before that scan.
  std::lock_guard held(registryLock_);
  Thread* free = threads_;
  while (free != nullptr && free->used_) free = free->next_;
  if (free == nullptr) {
    free = epochRawNew<Thread>(&epoch_, asymmetric_);
    if (free == nullptr) return nullptr;
    free->next_ = threads_;
    threads_ = free;
  }
  free->used_ = true;
  return free;
}

template <class P>
uint32_t EpochDomain<P>::detach(Thread* thread) {
  settle(thread);
  thread->swap(nullptr);
  const uint32_t levels = thread->own_.abandon();
  std::lock_guard held(registryLock_);
  thread->used_ = false;
  return levels;
}

template <class P>
EpochSection<P>* EpochDomain<P>::makeSection() {
  std::lock_guard held(registryLock_);
  Section* free = sections_;
  while (free != nullptr && free->used_) free = free->next_;
  if (free == nullptr) {
    free = epochRawNew<Section>(&epoch_, asymmetric_);
    if (free == nullptr) return nullptr;
    free->next_ = sections_;
    sections_ = free;
  }
  free->used_ = true;
  return free;
}

template <class P>
uint32_t EpochDomain<P>::dropSection(Section* section) {
  const uint32_t levels = section->abandon();
  std::lock_guard held(registryLock_);
  section->used_ = false;
  return levels;
}

template <class P>
EpochThread<P>* EpochDomain<P>::firstThread() {
  std::lock_guard held(registryLock_);
  return threads_;
}

// --- retiring

template <class P>
void EpochDomain<P>::add(Thread* thread, Retired* object, size_t bytes, Retired::Reclaim reclaim) {
  if (object->sequence != Retired::kLive) {
    epochDie(object->reclaim != nullptr ? "an object is retired twice"
                                        : "the header of a retired object is damaged");
  }
  object->reclaim = reclaim;
  object->bytes = static_cast<uint32_t>(std::min<size_t>(std::max(bytes, sizeof(Retired)), ~0u));
  // Relaxed: one writer. Before the push, whose release carries it: nobody counts the completion
  // of what is not yet counted as requested.
  const uint64_t total = thread->requestedBytes_.load(std::memory_order_relaxed);
  thread->requestedBytes_.store(total + object->bytes, std::memory_order_relaxed);
  thread->push(object, thread->requested_.load(std::memory_order_relaxed) + 1);
}

template <class P>
bool EpochDomain<P>::unsettled(const Thread* thread) const {
  // Relaxed: the caller's own.
  return thread->requestedBytes_.load(std::memory_order_relaxed) - thread->settledBytes_ >=
         std::max<uint64_t>(1, highWaterBytes() / 16);
}

template <class P>
void EpochDomain<P>::retire(Thread* thread, Retired* object, size_t bytes,
                            Retired::Reclaim reclaim) {
  add(thread, object, bytes, reclaim);
  if (!unsettled(thread)) return;
  const int64_t backlog = settle(thread);
  if (backlog < static_cast<int64_t>(highWaterBytes())) return;
  relieve(thread, backlog);
}

template <class P>
int EpochDomain<P>::tryRetire(Thread* thread, Retired* object, size_t bytes,
                              Retired::Reclaim reclaim) {
  if (overLimit()) {
    wake();
    return -EAGAIN;
  }
  add(thread, object, bytes, reclaim);
  if (!unsettled(thread)) return 0;
  const int64_t backlog = settle(thread);
  if (backlog >= static_cast<int64_t>(highWaterBytes())) wake();
  return 0;
}

// Adds what the thread has retired since the last time to the backlog all see; returns that.
template <class P>
int64_t EpochDomain<P>::settle(Thread* thread) {
  const uint64_t total = thread->requestedBytes_.load(std::memory_order_relaxed);
  const auto delta = static_cast<int64_t>(total - thread->settledBytes_);
  thread->settledBytes_ = total;
  // Relaxed: an estimate that decides how soon, not whether it is safe.
  const int64_t before = backlogBytes_.fetch_add(delta, std::memory_order_relaxed);
  const auto mark = static_cast<int64_t>(highWaterBytes());
  if (before < mark && before + delta >= mark) bump<uint64_t>(highWaters_, 1);
  return before + delta;
}

template <class P>
void EpochDomain<P>::relieve(Thread* thread, int64_t backlog) {
  wake();
  if (options_.limitBytes == 0 || backlog < static_cast<int64_t>(options_.limitBytes)) return;
  if (!mayWait(thread)) {
    bump<uint64_t>(overruns_, 1);
    return;
  }
  bump<uint64_t>(waits_, 1);
  waitBelowLimit();
}

template <class P>
void EpochDomain<P>::waitBelowLimit() {
  for (unsigned round = 0; overLimit(); round++) {
    // Without a collector, or where it cannot keep up, the one who causes the work does it.
    if (maintainTry() <= 0) P::pause(round);
    wake();
  }
}

template <class P>
bool EpochDomain<P>::mayWait(const Thread* thread) {
  if (epochReclaiming) return false;
  return thread == nullptr || thread->quiet();
}

// --- reclaiming

template <class P>
bool EpochDomain<P>::takeAll(unsigned index) {
  bool any = false;
  for (Thread* each = firstThread(); each != nullptr; each = each->next_) {
    // The unlinking of what is taken precedes the epoch that now begins.
    each->taken_[index] = each->take();
    any |= each->taken_[index].count > 0;
  }
  return any;
}

// From here on: a section that is entered and bears an epoch below the result may hold what was
// unlinked before; no other section can.
template <class P>
uint64_t EpochDomain<P>::startGrace() {
  // Release: pairs with the acquire in pin. Acquire: not needed, but keeps the order obvious.
  const uint64_t begun = epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
  // Between the taking and the looking. In the exchange form observe does its part.
  if (asymmetric_) P::heavyBarrier();
  bump<uint64_t>(cycles_, 1);
  return begun;
}

// Puts everything that is pending in flight. False when there is no room for another batch.
template <class P>
bool EpochDomain<P>::begin() {
  if (inFlight_ == kEpochBatches) return false;
  const unsigned index = (oldest_ + inFlight_) % kEpochBatches;
  // Acquire: pairs with the release in maintainAsync; what was retired before the ticket is seen.
  const uint64_t wanted = wanted_.load(std::memory_order_acquire);
  if (!takeAll(index) && wanted <= batchEpoch_) return true;
  batchEpoch_ = startGrace();
  targets_[index] = batchEpoch_;
  inFlight_++;
  return true;
}

template <class P>
uint64_t EpochDomain<P>::oldestOpen() {
  uint64_t oldest = ~uint64_t{0};
  const auto look = [&oldest](Section& section) {
    const uint64_t epoch = section.observe();
    if (epoch != Section::kOutside) oldest = std::min(oldest, epoch);
  };
  std::lock_guard held(registryLock_);
  for (Thread* each = threads_; each != nullptr; each = each->next_) {
    if (each->used_) look(each->own_);
  }
  for (Section* each = sections_; each != nullptr; each = each->next_) {
    if (each->used_) look(*each);
  }
  return oldest;
}

// Reclaims the batches whose readers have left; how many objects.
template <class P>
int64_t EpochDomain<P>::finish() {
  if (inFlight_ == 0) return 0;
  int64_t count = 0;
  const uint64_t open = oldestOpen();
  while (inFlight_ > 0 && targets_[oldest_] <= open) {
    count += reclaimBatch(oldest_);
    // Release: pairs with the acquire in past.
    completedEpoch_.store(targets_[oldest_], std::memory_order_release);
    oldest_ = (oldest_ + 1) % kEpochBatches;
    inFlight_--;
  }
  return count;
}

template <class P>
int64_t EpochDomain<P>::reclaimBatch(unsigned index) {
  int64_t count = 0;
  epochReclaiming = true;
  for (Thread* each = firstThread(); each != nullptr; each = each->next_) {
    const auto chain = std::exchange(each->taken_[index], {});
    if (chain.count > 0) count += reclaimChain(chain);
  }
  epochReclaiming = false;
  return count;
}

template <class P>
int64_t EpochDomain<P>::reclaimChain(const typename Thread::Chain& chain) {
  uint64_t bytes = 0;
  Retired* object = chain.first;
  for (uint32_t done = 0; done != chain.count; done++) {
    if (object->sequence != chain.sequence - done) {
      epochDie("the header of a retired object is damaged");
    }
    Retired* const next = object->next;
    bytes += object->bytes;
    object->reclaim(object);
    object = next;
  }
  const auto count = static_cast<int64_t>(chain.count);
  // Release: pairs with the acquire in stats, which so sees the requests counted before.
  completed_.fetch_add(static_cast<uint64_t>(count), std::memory_order_release);
  completedBytes_.fetch_add(bytes, std::memory_order_release);
  bump<int64_t>(backlogBytes_, -static_cast<int64_t>(bytes));
  return count;
}

// --- maintaining

template <class P>
int64_t EpochDomain<P>::maintainTry() {
  if (epochReclaiming || !collectLock_.try_lock()) return -1;
  begin();
  const int64_t count = finish();
  const bool left = inFlight_ > 0;
  collectLock_.unlock();
  return count == 0 && left ? -1 : count;
}

template <class P>
int64_t EpochDomain<P>::maintainBarrier(Thread* thread) {
  if (!mayWait(thread)) return 0;
  int64_t count = 0;
  uint64_t target = 0;
  for (unsigned round = 0;; round++) {
    collectLock_.lock();
    // Everything retired before the call is in the newest batch or an older one.
    if (target == 0 && begin()) target = batchEpoch_;
    count += finish();
    collectLock_.unlock();
    if (target != 0 && past(target)) return count;
    P::pause(round);
  }
}

template <class P>
uint64_t EpochDomain<P>::maintainAsync() {
  // Two ahead: the batch that is begun at this moment may have taken the lists already; the next
  // one has not. Acquire: as in pin.
  const uint64_t ticket = epoch_.load(std::memory_order_acquire) + 2;
  uint64_t highest = wanted_.load(std::memory_order_relaxed);
  // Release: pairs with the acquire in begin.
  while (highest < ticket &&
         !wanted_.compare_exchange_weak(highest, ticket, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
  wake();
  return ticket;
}

template <class P>
bool EpochDomain<P>::synchronize(Thread* thread) {
  if (!mayWait(thread)) return false;
  collectLock_.lock();
  const uint64_t target = startGrace();
  collectLock_.unlock();
  for (unsigned round = 0; oldestOpen() < target; round++) P::pause(round);
  return true;
}

// --- statistics

template <class P>
EpochStats EpochDomain<P>::stats() {
  EpochStats result{};
  // The completed first: acquire pairs with the release in reclaimChain, so that the requests of
  // what is complete are in the sums below. The rest is relaxed: counters.
  result.completed = completed_.load(std::memory_order_acquire);
  result.completedBytes = completedBytes_.load(std::memory_order_acquire);
  result.epoch = epoch_.load(std::memory_order_relaxed);
  result.cycles = cycles_.load(std::memory_order_relaxed);
  result.highWaters = highWaters_.load(std::memory_order_relaxed);
  result.waits = waits_.load(std::memory_order_relaxed);
  result.overruns = overruns_.load(std::memory_order_relaxed);
  std::lock_guard held(registryLock_);
  for (Thread* each = threads_; each != nullptr; each = each->next_) {
    result.requested += each->requested_.load(std::memory_order_relaxed);
    result.requestedBytes += each->requestedBytes_.load(std::memory_order_relaxed);
    if (each->used_) result.threads++;
  }
  for (Section* each = sections_; each != nullptr; each = each->next_) {
    if (each->used_) result.sections++;
  }
  return result;
}

template <class P>
bool EpochDomain<P>::unfinished() {
  return awaited() || stats().backlog() > 0;
}

}  // namespace heddle::mem
