#include "shared/shard.h"

namespace heddle::shared {

namespace {

constexpr size_t kNowhere = ~size_t{0};

// At most half full, so that the next table is due only after as many new keys as half of these.
size_t slotsFor(size_t entries) {
  size_t slots = kLeastSlots;
  while (slots < 2 * entries) slots *= 2;
  return slots;
}

}  // namespace

// --- counting

void Shard::charge(const Node* node) {
  const uint64_t cost = costOf(*node);
  change(entries_, 1);
  change(bytes_, cost);
  if (budget_->limited()) budget_->heldBytes.fetch_add(cost, std::memory_order_relaxed);
  if (node->expiresNs == 0) return;
  mortal_++;
  noteEnd(node->expiresNs);
}

void Shard::discharge(const Node* node) {
  const uint64_t cost = costOf(*node);
  change(entries_, uint64_t{0} - 1);
  change(bytes_, uint64_t{0} - cost);
  if (budget_->limited()) budget_->heldBytes.fetch_sub(cost, std::memory_order_relaxed);
  if (node->expiresNs != 0) mortal_--;
}

void Shard::noteEnd(int64_t expiresNs) {
  if (expiresNs < earliestOfRound_) earliestOfRound_ = expiresNs;
  // Relaxed: whoever counts at the same time may do so from before or after.
  if (expiresNs < earliestEnd_.load(std::memory_order_relaxed)) {
    earliestEnd_.store(expiresNs, std::memory_order_relaxed);
  }
}

// --- changing

void Shard::unlink(size_t at, Node* node, Garbage& garbage) {
  store(at, kGap, node->hash);
  discharge(node);
  garbage.add(node, costOf(*node), reclaimNode);
}

void Shard::expire(size_t at, Node* node, Garbage& garbage) {
  unlink(at, node, garbage);
  change(expirations_, 1);
}

Shard::Place Shard::locate(const Key& key, Now& now, Garbage& garbage) {
  const Table slots = table();
  if (!slots.exists()) return {kNowhere, nullptr};
  const uint64_t tag = tagOf(key.hash);
  size_t gap = kNowhere;
  size_t at = slots.home(key.hash);
  // Ends: a quarter of the slots are empty.
  for (;; at = (at + 1) & slots.mask()) {
    const uint64_t word = slots.slot(at).load(std::memory_order_relaxed);
    if (word == kEmpty) return {gap != kNowhere ? gap : at, nullptr};
    if (word == kGap && gap == kNowhere) gap = at;
    if (((word ^ tag) & ~kAddressMask) != 0 || !nodeIn(word)->matches(key)) continue;
    Node* const node = nodeIn(word);
    if (!now.isPast(node->expiresNs)) return {at, node};
    expire(at, node, garbage);
    return {gap != kNowhere ? gap : at, nullptr};
  }
}

bool Shard::put(const Place& place, Node* fresh, Now& now, Garbage& garbage) {
  if (place.node != nullptr) {
    // Writing is using, too.
    if (budget_->limited()) fresh->touch();
    // One store: readers see the old node or the new one, and the key at all times.
    store(place.at, slotWord(fresh), fresh->hash);
    discharge(place.node);
    garbage.add(place.node, costOf(*place.node), reclaimNode);
    charge(fresh);
    return true;
  }
  size_t at = place.at;
  const bool taken = at != kNowhere && table().slot(at).load(std::memory_order_relaxed) == kGap;
  if (!taken && (at == kNowhere || 4 * (used_ + 1) > 3 * table().slots())) {
    if (!rebuild(now, garbage)) return false;
    at = table().home(fresh->hash);
    while (nodeAt(at) != nullptr) at = (at + 1) & table().mask();
  }
  store(at, slotWord(fresh), fresh->hash);
  if (!taken) used_++;
  charge(fresh);
  return true;
}

// Another table, larger or smaller, for the live entries and one more.
bool Shard::rebuild(Now& now, Garbage& garbage) {
  const Table before = table();
  const size_t slots = before.exists() ? before.slots() : 0;
  size_t expired = 0;
  for (size_t at = 0; mortal_ > 0 && at < slots; at++) {
    const Node* const node = before.nodeAt(at);
    if (node != nullptr && now.isPast(node->expiresNs)) expired++;
  }
  const size_t live = entries() - expired;
  const Table after = makeTable(slotsFor(live + 1));
  if (!after.exists()) return false;
  earliestOfRound_ = kNever;
  for (size_t at = 0; at < slots; at++) {
    Node* const node = before.nodeAt(at);
    if (node == nullptr) continue;
    if (now.isPast(node->expiresNs)) {
      expire(at, node, garbage);
      continue;
    }
    fillTable(after, node);
    if (node->expiresNs != 0 && node->expiresNs < earliestOfRound_) {
      earliestOfRound_ = node->expiresNs;
    }
  }
  table_.store(after.word(), std::memory_order_seq_cst);
  if (before.exists()) garbage.add(before.header(), tableBytes(before), reclaimTable);
  earliestEnd_.store(earliestOfRound_, std::memory_order_relaxed);
  used_ = live;
  sweepHand_ = 0;
  // The hand of eviction stays at the same hash.
  evictHand_ = before.exists() ? after.home(before.firstHash(evictHand_)) : 0;
  return true;
}

void Shard::clear(Garbage& garbage) {
  const Table before = table();
  if (!before.exists()) return;
  const Versions::ChangeOfAll all(versions_, index_);
  table_.store(0, std::memory_order_seq_cst);
  if (budget_->limited()) budget_->heldBytes.fetch_sub(bytes(), std::memory_order_relaxed);
  // Readers may hold the nodes through the old table, which they go with.
  garbage.add(before.header(), tableBytes(before) + bytes(), reclaimTableAndNodes);
  entries_.store(0, std::memory_order_relaxed);
  bytes_.store(0, std::memory_order_relaxed);
  earliestEnd_.store(kNever, std::memory_order_relaxed);
  earliestOfRound_ = kNever;
  used_ = mortal_ = sweepHand_ = evictHand_ = 0;
}

// --- time and room

void Shard::sweep(Now& now, Garbage& garbage) {
  if (mortal_ == 0) return;
  const Table slots = table();
  for (size_t step = 0; step < kSweepSteps; step++) {
    Node* const node = slots.nodeAt(sweepHand_);
    if (node != nullptr && now.isPast(node->expiresNs)) {
      expire(sweepHand_, node, garbage);
    } else if (node != nullptr && node->expiresNs != 0 && node->expiresNs < earliestOfRound_) {
      earliestOfRound_ = node->expiresNs;
    }
    if (++sweepHand_ < slots.slots()) continue;
    sweepHand_ = 0;
    earliestEnd_.store(earliestOfRound_, std::memory_order_relaxed);
    earliestOfRound_ = kNever;
  }
}

bool Shard::evict(const Node* keep, bool force, Now& now, Garbage& garbage) {
  const Table slots = table();
  if (!slots.exists()) return false;
  Place coldest{kNowhere, nullptr};
  uint8_t coldestMark = UINT8_MAX;
  size_t passed = 0;
  for (size_t step = 0; step < slots.slots() && passed < kHandSteps; step++) {
    const size_t at = evictHand_;
    evictHand_ = (at + 1) & slots.mask();
    if (evictHand_ == 0) versions_->ageMarks(index_);
    Node* const node = slots.nodeAt(at);
    if (node == nullptr || node == keep) continue;
    if (now.isPast(node->expiresNs)) {
      expire(at, node, garbage);
      return true;
    }
    // The mark of its class is not its own to take away.
    const bool isRemembered = versions_->hasMark(Versions::cellOf(node->hash));
    uint8_t mark = node->mark.load(std::memory_order_relaxed);
    if (isRemembered) mark = kTouched;
    if (mark < coldestMark) {
      coldest = {at, node};
      coldestMark = mark;
      if (mark == kCold) break;
    }
    if (!isRemembered) node->mark.store(static_cast<uint8_t>(mark - 1), std::memory_order_relaxed);
    passed++;
  }
  if (coldest.node == nullptr) return false;
  if (coldestMark != kCold && passed < kHandSteps && !force) return false;
  unlink(coldest.at, coldest.node, garbage);
  change(evictions_, 1);
  return true;
}

uint64_t Shard::liveEntries(Now& now) const {
  const int64_t earliest = earliestEnd_.load(std::memory_order_relaxed);
  if (earliest == kNever || earliest > now.ns()) return entries();
  const Table slots = table();
  uint64_t live = 0;
  for (size_t at = 0; slots.exists() && at < slots.slots(); at++) {
    const Node* const node = slots.nodeAt(at);
    if (node != nullptr && !now.isPast(node->expiresNs)) live++;
  }
  return live;
}

void Shard::destroy() {
  if (table().exists()) reclaimTableAndNodes(table().header());
}

}  // namespace heddle::shared
