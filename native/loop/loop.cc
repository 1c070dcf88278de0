#include "loop/loop.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "sys/clock.h"
#include "sys/spin.h"

namespace heddle::loop {
namespace {

double doubleAt(const int32_t* words) {
  double value;
  std::memcpy(&value, words, sizeof(value));
  return value;
}

}  // namespace

Loop::Loop(const PortMemory& memory, const LoopOptions& options)
    : port_(memory),
      options_(options),
      timers_(sys::monotonicNs()),
      mailbox_(memory.recvBytes, [this] { poller_.wake(); }),
      asks_(&port_, &poller_),
      lookout_(sys::usableProcessors()),
      nowNs_(sys::monotonicNs()) {
  port_.memory().clock[Clock::MAX_SLEEP] = static_cast<double>(options.maxSleepNs) / 1e6;
  port_.memory().clock[Clock::NOW] = toMs(nowNs_);
}

Loop::~Loop() {
  // The other guests may be gone.
  for (size_t i = 0; i < ownedCount_ && mailbox_.isOpen(); i++) owned_[i]->closing();
  while (ownedCount_ > 0) owned_[--ownedCount_]->abandoned();
  for (Watch* watch : watches_) Watches::destroy(watch);
  while (recurrent_ != nullptr) destroyRecurrent(&recurrent_);
}

int Loop::open() {
  if (!ready_.cover(std::max(options_.maxEventsPerWait, 1u))) return -ENOMEM;
  int opened = port_.open();
  if (opened >= 0) opened = poller_.open();
  if (opened >= 0) mailbox_.open();
  return opened;
}

void Loop::close() {
  if (!mailbox_.isOpen()) return;
  eachGuest([](Guest& guest) { guest.closing(); });
  mailbox_.close();
}

void Loop::attach(Guest* guest, uint32_t tags) {
  assert(guestCount_ < kMaxGuests);
  guests_[guestCount_++] = guest;
  for (size_t tag = 0; tag < kMaxTags; tag++) {
    if ((tags >> tag & 1) != 0) byTag_[tag] = guest;
  }
}

void Loop::adopt(Guest* guest, uint32_t tags) {
  attach(guest, tags);
  owned_[ownedCount_++] = guest;
}

int64_t Loop::toNs(double ms) const {
  // Clamped far inside the range of int64: centuries either way, and NaN counts as due.
  constexpr double kLimitMs = 8e12;
  if (!(ms > -kLimitMs)) ms = -kLimitMs;
  if (ms > kLimitMs) ms = kLimitMs;
  return options_.originNs + static_cast<int64_t>(std::ceil(ms * 1e6));
}

void Loop::markStarted() { port_.memory().clock[Clock::STARTED] = toMs(sys::monotonicNs()); }

void Loop::beat() { port_.memory().clock[Clock::LAST_BEAT] = toMs(nowNs_); }

void Loop::phase(Phase::Id id) {
  if (port_.memory().control[Control::TRACE] != 0) port_.emit(In::PHASE, id);
}

uint32_t Loop::collect(int64_t timeoutNs) {
  nowNs_ = sys::monotonicNs();
  inPass_ = true;
  eachGuest([](Guest& guest) { guest.roused(); });
  if (lookout_.waits()) settle();
  int32_t* const control = port_.memory().control;
  port_.memory().clock[Clock::NOW] = toMs(nowNs_);
  control[Control::PASSES] = static_cast<int32_t>(++passes_);
  port_.begin();
  phase(Phase::TIMERS);
  runTimers();
  phase(Phase::TRIGGERS);
  runTriggers();
  // What is due is not kept waiting by what may come. Recurrent events, which come every pass, may
  // wait.
  constexpr uint32_t kPhaseWords = 2;
  const bool due = port_.used() > (control[Control::TRACE] != 0 ? 2 * kPhaseWords : 0);
  phase(Phase::RECURRENT);
  runRecurrent();
  phase(Phase::WAIT);
  waitAndCollect(due || hasWork() ? 0 : timeoutNs);
  control[Control::TIMERS] = static_cast<int32_t>(timers_.armed());
  control[Control::WATCHES] = static_cast<int32_t>(watchCount_);
  control[Control::WAITS] = static_cast<int32_t>(waits_);
  inPass_ = false;
  return port_.seal();
}

void Loop::runTimers() {
  if (timers_.armed() > 0) {
    size_t fired = 0;
    // In slices that surely fit the inbox, so that a fired timer's record is never deferred behind
    // others.
    const size_t max = std::min<size_t>(options_.maxTimersPerPass, port_.memory().inboxWords / 8);
    if (port_.hasRoom()) {
      fired = timers_.expire(nowNs_, max,
                             [this](uint32_t tag, uint32_t) { port_.emit(In::TIMER, tag); });
    }
    timersLeft_ = fired == max;
  } else {
    timersLeft_ = false;
  }
  eachGuest([this](Guest& guest) { guest.timers(nowNs_); });
}

void Loop::deliver(LetterPtr letter) {
  if (letter->kind == Letter::kErrand) {
    auto* const errand = static_cast<Errand*>(letter.release());
    return errand->run(errand, *this);
  }
  if (letter->kind != In::POST) return port_.emit(letter->kind, letter->a, letter->b);
  if (letter->size > 0) std::memcpy(port_.recvCursor(), letter->bytes(), letter->size);
  port_.emit(In::POST, port_.recvOffset(), letter->size);
  port_.commitRecv(letter->size);
}

void Loop::runTriggers() {
  // What the last pass had no room for stays in front; what came since waits until it is gone.
  const bool leftOver = !letters_.empty();
  letters_.append(&triggers_);
  if (!leftOver && mailbox_.hasMail()) mailbox_.take(&letters_);
  while (!letters_.empty()) {
    if (!port_.hasRoom() || port_.recvRoom() < letters_.front().size) return;
    deliver(letters_.pop());
  }
}

void Loop::runRecurrent() {
  for (const Watch* event = recurrent_; event != nullptr; event = event->next) {
    if (!port_.hasRoom()) return;
    port_.emit(In::RECURRENT, event->handle);
  }
}

void Loop::waitAndCollect(int64_t timeoutNs) {
  eachGuest([](Guest& guest) { guest.resumed(); });
  // What the last pass had no room for comes before anything new. Nobody can starve then, and the
  // kernel is not asked to look at all the others again for every part that is served.
  if (nextReady_ == readyCount_ && port_.hasRoom()) {
    waits_++;
    nextReady_ = 0;
    if (timeoutNs != 0 && rest(poller_.fd()) != Rest::kAsleep) timeoutNs = 0;
    const int count = poller_.wait(ready_.data(), static_cast<int>(ready_.size()), timeoutNs);
    readyCount_ = count > 0 ? static_cast<uint32_t>(count) : 0;
  }
  lastReady_ = readyCount_ - nextReady_;
  phase(Phase::HEARTBEAT);
  beat();
  phase(Phase::DESCRIPTORS);
  for (; nextReady_ < readyCount_; nextReady_++) {
    if (!port_.hasRoom()) return;
    const sys::Ready& event = ready_[nextReady_];
    if ((event.data >> 32) == kWatchTag) {
      if (!readyWatch(static_cast<uint32_t>(event.data), event.mask)) return port_.lackRoom();
    } else if (Guest* const owner = byTag_[event.data >> 32]; owner != nullptr) {
      owner->ready(event.data, event.mask);
      if (port_.lacksRoom()) return;
    }
  }
}

bool Loop::readyWatch(uint32_t handle, uint32_t mask) {
  Watch* const watch = findWatch(handle);
  if (watch == nullptr) return true;
  if (watch->mask == kAsked) return asks_.ready(watch, mask);
  const uint32_t wanted = mask & (watch->mask | sys::kException);
  if (wanted != 0) port_.emit(In::FD, handle, wanted);
  return true;
}

bool Loop::hasWork() const {
  bool work = timersLeft_ || nextReady_ < readyCount_ || !triggers_.empty() || !letters_.empty() ||
              mailbox_.hasMail() || port_.hasDeferred();
  eachGuest([&work](const Guest& guest) { work = work || guest.hasWork(); });
  return work;
}

// Guests first say that they have to be woken, then look once more: what came in between is seen.
bool Loop::rests() const {
  bool rest = true;
  eachGuest([&rest](Guest& guest) { rest = guest.resting() && rest; });
  return rest;
}

bool Loop::expects() const {
  bool expects = false;
  eachGuest([&expects](const Guest& guest) { expects = expects || guest.expects(); });
  return expects;
}

// Whether what the loop waited for has come, at the start of a pass.
void Loop::settle() {
  bool came = false;
  eachGuest([&came](const Guest& guest) { came = came || (guest.expects() && guest.hasWork()); });
  if (came) lookout_.settled(nowNs_);
}

// Ends early when a descriptor asks for attention. Clocks and polls cost more than looks, so they
// come more rarely. However it ends, the time counts.
Rest Loop::look(int fd, Disturbed disturbed, void* by) {
  constexpr int kLooksPerClock = 16;
  constexpr int kClocksPerPoll = 4;
  const int64_t beginNs = sys::monotonicNs();
  const int64_t longestNs = lookout_.grant(beginNs);
  if (longestNs == 0) return Rest::kAsleep;
  eachGuest([](Guest& guest) { guest.roused(); });
  Rest saw = Rest::kAsleep;
  int64_t lookedNs = 0;
  for (int looks = 1; lookedNs < longestNs && saw == Rest::kAsleep; looks++) {
    sys::relax();
    if (disturbed != nullptr && disturbed(by)) saw = Rest::kDisturbed;
    if (hasWork()) saw = Rest::kFound;
    if (looks % kLooksPerClock != 0 && saw == Rest::kAsleep) continue;
    lookedNs = sys::monotonicNs() - beginNs;
    if (looks % (kLooksPerClock * kClocksPerPoll) == 0 && sys::isReadable(fd)) break;
  }
  lookout_.looked(lookedNs);
  return saw;
}

Rest Loop::rest(int fd, Disturbed disturbed, void* by) {
  if (hasWork()) return Rest::kWork;
  if (!expects()) {
    lookout_.forget();
  } else if (const Rest saw = look(fd, disturbed, by); saw != Rest::kAsleep) {
    return saw;
  }
  return rests() ? Rest::kAsleep : Rest::kWork;
}

int64_t Loop::sleepNs() const {
  if (hasWork()) return 0;
  int64_t deadline = timers_.nextDeadlineNs();
  eachGuest(
      [&deadline](const Guest& guest) { deadline = std::min(deadline, guest.nextDeadlineNs()); });
  if (deadline == INT64_MAX) return options_.maxSleepNs;
  const int64_t now = sys::monotonicNs();
  if (deadline < now) return 0;
  // One more nanosecond: a timer fires when its deadline is strictly past.
  return std::min(deadline - now + 1, options_.maxSleepNs);
}

void Loop::apply() {
  int32_t* const control = port_.memory().control;
  const int32_t* const outbox = port_.memory().outbox;
  const auto limit = port_.memory().outboxWords;
  const auto words = std::min(static_cast<uint32_t>(control[Control::OUT_WORDS]), limit);
  for (uint32_t at = 0; at < words;) {
    const int32_t* record = outbox + at;
    const uint32_t length = static_cast<uint32_t>(record[0]) >> 8;
    // A torn record: nothing behind it can be trusted.
    if (length > words - at || length < leastOutWords(record[0] & 0xff)) break;
    carryOut(record);
    at += length;
  }
  eachGuest([](Guest& guest) { guest.applied(); });
  control[Control::OUT_WORDS] = 0;
  control[Control::SEND_BYTES] = 0;
  control[Control::APPLIED]++;
}

void Loop::carryOut(const int32_t* record) {
  const auto handle = static_cast<uint32_t>(record[1]);
  switch (record[0] & 0xff) {
    case Out::TIMER_ADD:
      // Without memory for the node the timer cannot be kept: firing it at once is the loud answer.
      if (timers_.arm(handle & kHandleIndexMask, handle, toNs(doubleAt(record + 2))) < 0) {
        port_.emit(In::TIMER, handle);
      }
      return;
    case Out::TIMER_DELETE: {
      const uint32_t id = handle & kHandleIndexMask;
      if (timers_.isArmed(id) && timers_.tag(id) == handle) timers_.cancel(id);
      return;
    }
    case Out::RECURRENT_ADD:
      return addRecurrent(handle);
    case Out::RECURRENT_DELETE:
      return removeRecurrent(handle);
    case Out::FD_MASK:
      return setMask(handle, static_cast<uint32_t>(record[2]));
    case Out::TRIGGER:
      return trigger(handle, record[2]);
    case Out::FD_READ:
    case Out::FD_WAIT:
      return ask(handle, record[0] & 0xff, static_cast<uint32_t>(record[2]));
    default:
      if (Guest* const taker = byGroup_[static_cast<uint32_t>(record[0] & 0xff) / 16];
          taker != nullptr) {
        taker->record(record);
      } else if (guestCount_ > 0) {
        guests_[0]->record(record);
      }
  }
}

// Without memory for the letter the record is all there is: it opens the next batch, which is
// before its phase, but not before the callback that asked for it has returned.
void Loop::trigger(uint32_t handle, int32_t mask) {
  LetterPtr letter = makeLetter(loopId(), In::TRIGGER, static_cast<int32_t>(handle), mask);
  if (letter == nullptr) return port_.emit(In::TRIGGER, handle, mask);
  triggers_.push(std::move(letter));
}

// The link that leads to it, or the last one.
Watch** Loop::recurrentLink(uint32_t handle) {
  Watch** link = &recurrent_;
  while (*link != nullptr && (*link)->handle != handle) link = &(*link)->next;
  return link;
}

// The record that asks for it has no answer, so one event is in reserve for a want of memory that
// passes.
Watch* Loop::makeRecurrent(uint32_t handle) {
  if (Watch* const made = Watches::make(handle); made != nullptr) return made;
  if (spare_.handle != 0) mem::stopWithoutMemory(mem::Builtin::kEvent, sizeof(Watch));
  spare_ = Watch{handle};
  return &spare_;
}

void Loop::destroyRecurrent(Watch** link) {
  Watch* const gone = std::exchange(*link, (*link)->next);
  if (gone != &spare_) return Watches::destroy(gone);
  spare_ = Watch{};
}

void Loop::addRecurrent(uint32_t handle) {
  Watch** const link = recurrentLink(handle);
  if (*link == nullptr) *link = makeRecurrent(handle);
}

void Loop::removeRecurrent(uint32_t handle) {
  Watch** const link = recurrentLink(handle);
  if (*link != nullptr) destroyRecurrent(link);
}

Watch* Loop::findWatch(uint32_t handle) {
  const uint32_t index = handle & kHandleIndexMask;
  if (handle == 0 || index >= watches_.size()) return nullptr;
  Watch* const watch = watches_[index];
  return watch == nullptr || watch->handle != handle ? nullptr : watch;
}

int Loop::fdAdd(uint32_t handle, int fd, uint32_t mask) {
  if (fd < 0) return -EBADF;
  const uint32_t index = handle & kHandleIndexMask;
  if (!watches_.cover(index + size_t{1})) return -ENOMEM;
  Watches::Ptr watch = Watches::makePtr(handle, fd, mask);
  if (watch == nullptr) return -ENOMEM;
  const uint32_t interest =
      mask == kAsked ? Asks::kFirstInterest : mask & (sys::kRead | sys::kWrite);
  const int added = poller_.add(fd, interest, watch->pollerData());
  if (added < 0) return added;
  // Only now is the number known to be a descriptor's, and the table not to grow beyond what the
  // process may open.
  if (!fdOwner_.cover(static_cast<size_t>(fd) + 1)) {
    static_cast<void>(poller_.remove(fd));
    return -ENOMEM;
  }
  watch->interest = static_cast<uint8_t>(interest);
  if (watches_[index] == nullptr) watchCount_++;
  Watches::destroy(std::exchange(watches_[index], watch.release()));
  fdOwner_[static_cast<size_t>(fd)] = handle;
  return 0;
}

int Loop::fdRemove(uint32_t handle, int fd) {
  Watch* watch = findWatch(handle);
  if (watch == nullptr) return -ENOENT;
  // A descriptor number closed without removing its event may have been given to a new one by now;
  // only its present owner may take the registration away.
  if (watch->fd == fd && owns(*watch)) {
    disown(fd);
    const int removed = poller_.remove(fd);
    static_cast<void>(removed);  // -EBADF or -ENOENT: closed already, which ended the registration
  }
  Watches::destroy(std::exchange(watches_[handle & kHandleIndexMask], nullptr));
  watchCount_--;
  return 0;
}

void Loop::setMask(uint32_t handle, uint32_t mask) {
  Watch* watch = findWatch(handle);
  if (watch == nullptr || watch->mask == kAsked || watch->mask == mask || !owns(*watch)) return;
  watch->mask = mask;
  const int changed =
      poller_.modify(watch->fd, mask & (sys::kRead | sys::kWrite), watch->pollerData());
  if (changed < 0) port_.emit(In::FD, handle, sys::kException);
}

void Loop::ask(uint32_t handle, int32_t kind, uint32_t argument) {
  Watch* const watch = findWatch(handle);
  if (watch == nullptr || watch->mask != kAsked) return;
  if (argument != 0 && !owns(*watch)) return asks_.refuse(watch, kind);
  if (kind == Out::FD_READ) return asks_.read(watch, argument);
  asks_.wait(watch, argument);
}

}  // namespace heddle::loop
