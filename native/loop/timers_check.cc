#include <cstdio>
#include <cstdlib>

#include "loop/timers.h"

namespace heddle::loop {

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "heddle: timers damaged: %s\n", what);
  std::abort();
}

}  // namespace

void Timers::checkInvariants() const {
  size_t counted = late_.size();
  for (uint32_t list = 0; list < kWheelLists; list++) counted += checkList(list);
  const size_t deferred = checkList(kDeferred);
  require(deferred == deferred_, "count of deferred timers");
  require(deferred == 0 || inPass(), "deferred timers left behind by a pass");
  require(counted + deferred == armed_, "count of armed timers");
  require(late_.consistent(), "heap order");
}

size_t Timers::checkList(uint32_t list) const {
  size_t length = 0;
  uint32_t prev = kNoTimer;
  for (uint32_t id = lists_[list].head; id != kNoTimer; id = nodes_[id].next) {
    const TimerNode& node = nodes_[id];
    require(node.place == list, "place of a listed timer");
    require(node.prev == prev, "links of a list");
    if (list != kDeferred) checkFiled(list, tickOf(node.deadlineNs));
    if (list == currentList() && prev != kNoTimer) {
      require(nodes_[prev].deadlineNs <= node.deadlineNs, "order of the current slot");
    }
    prev = id;
    length++;
  }
  require(lists_[list].tail == prev, "tail of a list");
  if (list == kDeferred) return length;
  const bool mapped = length != 0 && list != currentList();
  require(occupied_.has(list) == mapped, "map of occupied slots");
  return length;
}

void Timers::checkFiled(uint32_t list, uint64_t tick) const {
  if (list == currentList()) return require(tick <= cursor_, "current slot ahead of the cursor");
  require(tick > cursor_, "filed timer not after the cursor");
  require(listFor(tick) == list, "slot of a filed timer");
}

}  // namespace heddle::loop
