#include "job/waiting.h"

#include <algorithm>

#include "mem/typed_object.h"

namespace heddle::job {
namespace {

using Subqueues = mem::Typed<Subqueue, mem::Builtin::kJobWaiting>;
using Bands = mem::Typed<Band, mem::Builtin::kJobWaiting>;

// Neighbouring ids are usual; the golden ratio spreads them.
size_t bucketOf(uint64_t id, size_t buckets) {
  return static_cast<size_t>((id * 0x9e3779b97f4a7c15u) >> 32) & (buckets - 1);
}

}  // namespace

Waiting::Waiting() { root_.bands = &root_.base; }

Waiting::~Waiting() {
  eachSubqueue([this](Subqueue& home) {
    if (&home != &root_) Subqueues::destroy(&home);
  });
}

Subqueue** Waiting::chainOf(uint64_t id) { return &table_[bucketOf(id, table_.size())]; }

bool Waiting::growTable() {
  if (named_ < table_.size()) return true;
  mem::TypedArray<Subqueue*, mem::Builtin::kJobWaiting> larger;
  if (!larger.cover(std::max<size_t>(16, table_.size() * 2))) return !table_.empty();
  table_.swap(larger);
  for (Subqueue* head : larger) {
    while (head != nullptr) {
      Subqueue* const moved = head;
      head = head->chain;
      Subqueue** const chain = chainOf(moved->id);
      moved->chain = *chain;
      *chain = moved;
    }
  }
  return true;
}

Subqueue* Waiting::subqueueOf(uint64_t id, bool make) {
  if (id == 0) return &root_;
  if (!table_.empty()) {
    for (Subqueue* at = *chainOf(id); at != nullptr; at = at->chain) {
      if (at->id == id) return at;
    }
  }
  if (!make || !growTable()) return nullptr;
  Subqueue* const made = Subqueues::make();
  if (made == nullptr) return nullptr;
  made->id = id;
  made->bands = &made->base;
  Subqueue** const chain = chainOf(id);
  made->chain = *chain;
  *chain = made;
  named_++;
  return made;
}

Band* Waiting::bandOf(Subqueue* home, int32_t priority, bool make) {
  Band** link = &home->bands;
  while (*link != nullptr && (*link)->priority > priority) link = &(*link)->next;
  if (*link != nullptr && (*link)->priority == priority) return *link;
  Band* const made = make ? Bands::make() : nullptr;
  if (made == nullptr) return nullptr;
  made->priority = priority;
  made->next = *link;
  *link = made;
  bands_++;
  return made;
}

void Waiting::dropBand(Subqueue* home, Band* band) {
  if (band == &home->base || band->first != nullptr) return;
  Band** link = &home->bands;
  while (*link != band) link = &(*link)->next;
  *link = band->next;
  Bands::destroy(band);
  bands_--;
}

void Waiting::enterRing(Subqueue* home) {
  if (turn_ == nullptr) {
    home->next = home->previous = home;
    turn_ = home;
  } else {
    // At the end: the last to be asked.
    home->next = turn_;
    home->previous = turn_->previous;
    turn_->previous->next = home;
    turn_->previous = home;
  }
  ring_++;
}

void Waiting::leaveRing(Subqueue* home) {
  if (turn_ == home) turn_ = home->next == home ? nullptr : home->next;
  home->previous->next = home->next;
  home->next->previous = home->previous;
  home->next = home->previous = nullptr;
  ring_--;
}

void Waiting::insert(Subqueue* home, Band* band, Job* after, Job* job) {
  job->home = home;
  job->band = band;
  job->previous = after;
  job->next = after == nullptr ? band->first : after->next;
  (after == nullptr ? band->first : after->next) = job;
  (job->next == nullptr ? band->last : job->next->previous) = job;
  job->place.store(Job::Place::kWaiting, std::memory_order_relaxed);
  count_++;
  if (home->waiting++ > 0) return;
  enterRing(home);
  if (home->given == 0) busy_++;
}

bool Waiting::push(Job* job) {
  Subqueue* const home = subqueueOf(job->subqueue, true);
  if (home == nullptr) return false;
  Band* const band = bandOf(home, job->priority, true);
  if (band == nullptr) {
    settle(home);
    return false;
  }
  insert(home, band, band->last, job);
  return true;
}

bool Waiting::pushBound(Job* job) {
  Subqueue* const home = subqueueOf(job->subqueue, true);
  if (home == nullptr) return false;
  job->home = home;
  job->band = nullptr;
  job->place.store(Job::Place::kWaiting, std::memory_order_relaxed);
  give(job);
  return true;
}

void Waiting::restore(Job* job) {
  Subqueue* const home = job->home;
  // Without memory for its band it has lost its priority, not its turn.
  Band* band = bandOf(home, job->priority, true);
  if (band == nullptr) band = &home->base;
  Job* after = band->last;
  // From the end that is nearer: what was given is old, unless the newest come first.
  if (band->first != nullptr && band->first->number > job->number) after = nullptr;
  while (after != nullptr && after->number > job->number) after = after->previous;
  insert(home, band, after, job);
}

void Waiting::unlink(Job* job) {
  Subqueue* const home = job->home;
  Band* const band = job->band;
  (job->previous == nullptr ? band->first : job->previous->next) = job->next;
  (job->next == nullptr ? band->last : job->next->previous) = job->previous;
  job->next = job->previous = nullptr;
  job->band = nullptr;
  job->place.store(Job::Place::kOutside, std::memory_order_relaxed);
  dropBand(home, band);
  count_--;
  if (--home->waiting > 0) return;
  leaveRing(home);
  if (home->given == 0) busy_--;
}

void Waiting::settle(Subqueue* home) {
  if (home == &root_ || home->waiting > 0 || home->given > 0) return;
  Subqueue** link = chainOf(home->id);
  while (*link != home) link = &(*link)->chain;
  *link = home->chain;
  Subqueues::destroy(home);
  if (--named_ > 0) return;
  mem::TypedArray<Subqueue*, mem::Builtin::kJobWaiting> none;
  table_.swap(none);
}

void Waiting::give(Job* job) {
  Subqueue* const home = job->home;
  if (home->given++ == 0 && home->waiting == 0) busy_++;
}

void Waiting::ungive(Subqueue* home) {
  if (--home->given == 0 && home->waiting == 0) busy_--;
  settle(home);
}

Job* Waiting::peek(uint32_t threads, bool lifo) {
  if (turn_ == nullptr) return nullptr;
  Subqueue* chosen = turn_;
  if (ring_ > 1 || busy_ > 1) {
    const uint32_t share = std::max(1u, threads / busy_);
    Subqueue* at = turn_;
    do {
      if (at->given < share) {
        chosen = at;
        break;
      }
      if (at->given < chosen->given) chosen = at;
      at = at->next;
    } while (at != turn_);
  }
  const Band* band = chosen->bands;
  while (band->first == nullptr) band = band->next;
  return lifo ? band->last : band->first;
}

void Waiting::turnAfter(const Job* job) { turn_ = job->home->next; }

}  // namespace heddle::job
