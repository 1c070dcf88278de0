#include "loop/dedicated.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mem/epoch.h"
#include "sys/clock.h"

namespace heddle::loop {

Dedicated::Dedicated(Loop* loop, DedicatedCells* cells, const PortMemory& isolate, Ending ending,
                     void* context)
    : loop_(loop), cells_(cells), isolate_(isolate), ending_(ending), context_(context) {}

int Dedicated::open(const char* name) {
  std::strncpy(name_, name, sizeof(name_) - 1);
  int opened = batches_.open(isolate_.inboxWords, isolate_.recvBytes);
  if (opened < 0) return opened;
  const Batch& first = batches_.filling();
  loop_->port().turnTo(first.inbox, first.recv);
  tell();
  isolate_.clock[Clock::MAX_SLEEP] = cells_->clock[Clock::MAX_SLEEP];
  refresh();
  opened = alarm_.open();
  if (opened >= 0) opened = thread_.start(enter, this);
  if (opened < 0) alarm_.close();
  return opened;
}

void Dedicated::close() {
  // The wake-up in the same turn: the thread may end the loop in its next one.
  turn_.visit([this] {
    ends_.store(true);
    nudge();
  });
  thread_.join();
}

void Dedicated::start() {
  isolate_.clock[Clock::STARTED] = loop_->toMs(sys::monotonicNs());
  passes_.store(true);
  nudge();
}

// A pass that is under way ends first.
void Dedicated::stop() {
  passes_.store(false);
  turn_.visit([] {});
}

// --- the isolate's side

void Dedicated::handOver() {
  if (isolate_.control[Control::OUT_WORDS] == 0) return;
  beginTurn();
  copyOut();
}

void Dedicated::flush() {
  handOver();
  visit([] {});
}

void Dedicated::turnEnds() {
  copyOut();
  if (turns_.load() % 2 == 0) return;
  endTurn();
  unpark();
}

void Dedicated::copyOut() {
  int32_t* const control = isolate_.control;
  if (control[Control::OUT_WORDS] == 0 && control[Control::TRACE] == toldTrace_) return;
  toldTrace_ = control[Control::TRACE];
  size_t bytes = 0;
  Errand* const output = isBehind() ? nullptr : copyOutput(isolate_, &bytes);
  if (output != nullptr) {
    submit(output, bytes);
  } else {
    turn_.visit([this, control] {
      applyHandedOver();
      Port& port = loop_->port();
      const PortMemory own = port.memory();
      cells_->control[Control::TRACE] = control[Control::TRACE];
      cells_->control[Control::OUT_WORDS] = control[Control::OUT_WORDS];
      port.readFrom(isolate_.outbox, isolate_.outboxWords, isolate_.send, isolate_.sendBytes,
                    isolate_.recv);
      loop_->apply();
      port.readFrom(own.outbox, own.outboxWords, own.send, own.sendBytes, own.recv);
    });
    nudge();
  }
  control[Control::OUT_WORDS] = 0;
  control[Control::SEND_BYTES] = 0;
  control[Control::APPLIED]++;
}

namespace {

// The answer to an ask of that handle, in words that end at `end`; nullptr if it is not there.
int32_t* findAnswer(int32_t* words, uint32_t count, uint32_t handle) {
  for (uint32_t at = 0; at < count; at += static_cast<uint32_t>(words[at]) >> 8) {
    if ((words[at] & 0xff) == In::FD_DATA && static_cast<uint32_t>(words[at + 1]) == handle) {
      return words + at;
    }
  }
  return nullptr;
}

}  // namespace

int64_t Dedicated::takeAhead(uint32_t handle, uint8_t* into, uint32_t most) {
  handOver();
  return visit([&]() -> int64_t {
    for (const Batch* batch : {batches_.published(), &batches_.filling()}) {
      int32_t* const found =
          batch == nullptr ? nullptr : findAnswer(batch->inbox, batch->words, handle);
      if (found == nullptr) continue;
      found[1] = 0;
      const int32_t result = found[3];
      if (result <= 0) return result;
      const uint32_t size = std::min(static_cast<uint32_t>(result), most);
      std::memcpy(into, batch->recv + found[2], size);
      return size;
    }
    return -ENOENT;
  });
}

uint32_t Dedicated::take() {
  if (batches_.published() == nullptr && held_.load()) {
    // In its turn the thread publishes by itself when that ends.
    turn_.tryVisit([this] { publish(); });
  }
  const Batch* const batch = batches_.published();
  if (batch == nullptr) return 0;
  const uint32_t words = batch->words;
  std::memcpy(isolate_.inbox, batch->inbox, words * sizeof(int32_t));
  if (batch->recvBytes > 0) std::memcpy(isolate_.recv, batch->recv, batch->recvBytes);
  const double nowMs = batch->nowMs;
  count();
  // The isolate may have been told the time of a later pass meanwhile: it does not run back.
  isolate_.clock[Clock::NOW] = std::max(isolate_.clock[Clock::NOW], nowMs);
  isolate_.clock[Clock::LAST_BEAT] = toldClock_[Clock::LAST_BEAT].load(std::memory_order_relaxed);
  batches_.done();
  unpark();
  return words;
}

void Dedicated::dispatched() {
  copyOut();
  // After the output: who sees that it has been dispatched finds what it asked for.
  dispatched_.fetch_add(1);
  endTurn();
  unpark();
}

void Dedicated::count() {
  for (uint32_t cell = Control::PASSES; cell < kControlWords; cell++) {
    if (cell == Control::TRACE) continue;
    isolate_.control[cell] = toldControl_[cell].load(std::memory_order_relaxed);
  }
  isolate_.control[Control::WAITS] = static_cast<int32_t>(sleeps());
  int64_t sleptNs = sleptNs_.load(std::memory_order_relaxed);
  if (sleptNs < 0) sleptNs += sys::monotonicNs();
  // A sleep may end between the two looks, which then say too much; what was said stays said.
  double& told = isolate_.clock[Clock::SLEPT];
  told = std::max(told, static_cast<double>(sleptNs) / 1e6);
}

void Dedicated::refresh() {
  count();
  isolate_.clock[Clock::NOW] = toldClock_[Clock::NOW].load(std::memory_order_relaxed);
  isolate_.clock[Clock::LAST_BEAT] = toldClock_[Clock::LAST_BEAT].load(std::memory_order_relaxed);
}

void Dedicated::hush() {
  sys::Ready none[1];
  static_cast<void>(alarm_.wait(none, 1, 0));
}

void Dedicated::submit(Errand* errand, size_t bytes) {
  handedOver_.push(errand, bytes);
  nudge();
}

void Dedicated::nudge() {
  news_.fetch_add(1);
  wakeFrom(sleep_.load());
}

void Dedicated::unpark() {
  news_.fetch_add(1);
  if (sleep_.load() == kParked) wakeFrom(kParked);
}

void Dedicated::wakeFrom(uint32_t sleep) {
  if (sleep == kAwake || !sleep_.compare_exchange_strong(sleep, kAwake)) return;
  if (sleep == kInPoller) {
    loop_->wake();
    return;
  }
  // Through the lock, so that it cannot be between its last look and its wait.
  { const std::lock_guard<std::mutex> held(parking_); }
  unparked_.notify_one();
}

// --- the thread's side

void* Dedicated::enter(void* data) {
  auto* const self = static_cast<Dedicated*>(data);
  sys::nameThread(self->name_);
  // Without memory for its place among those that reclaim it has no coroutines (see aco::Runtime).
  const bool attached = mem::epochAttachThread() == 0;
  self->run();
  self->ending_(self->context_);
  self->turn_.end();
  if (attached) mem::epochDetachThread();
  return nullptr;
}

// Returns in its turn.
void Dedicated::run() {
  for (;;) {
    // Before it looks at anything: what comes later is seen by the next look.
    const uint64_t seen = news_.load();
    turn_.begin();
    const uint64_t turns = turns_.load();
    applyHandedOver();
    if (ends_.load()) return;
    if (held_.load()) publish();
    // Of a turn that has begun or ended meanwhile not everything may have been there to be applied.
    if (turns_.load() == turns && mayPass() && isDue_) pass();
    const Rest next = nextRest(seen);
    turn_.end();
    if (next.how != kAwake) rest(next, seen);
  }
}

bool Dedicated::mayPass() const {
  return passes_.load() && !isFull_ && turns_.load() % 2 == 0 && dispatched_.load() >= awaited_;
}

void Dedicated::pass() {
  Batch& batch = batches_.filling();
  Port& port = loop_->port();
  batch.words = loop_->collect(0);
  batch.recvBytes = port.recvOffset();
  batch.nowMs = cells_->clock[Clock::NOW];
  // There is no output, but guests settle what the pass has left.
  loop_->apply();
  tell();
  isFull_ =
      batch.words > 0 && (loop_->lacksRoom() || port.recvRoom() < isolate_.recvBytes / kLeastShare);
  isDue_ = false;
  // So many timers a pass, so many a dispatch.
  if (port.wantsAnswer() || loop_->hasTimersLeft()) awaited_ = publishedOnes_ + 1;
  if (batch.words > 0) publish();
}

void Dedicated::publish() {
  if (loop_->port().used() == 0) return;
  // Said before it looks whether the place is free: see `held_`.
  held_.store(true);
  if (!batches_.publish()) return;
  held_.store(false);
  publishedOnes_++;
  isFull_ = false;
  Batch& next = batches_.filling();
  next.words = 0;
  loop_->port().turnTo(next.inbox, next.recv);
  if (isolateSleeps_.load() && isolateSleeps_.exchange(false)) alarm_.wake();
}

// The counters of the last pass, for whoever asks meanwhile.
void Dedicated::tell() {
  for (uint32_t cell = 0; cell < kControlWords; cell++) {
    toldControl_[cell].store(cells_->control[cell], std::memory_order_relaxed);
  }
  for (uint32_t cell = 0; cell < kClockCells; cell++) {
    toldClock_[cell].store(cells_->clock[cell], std::memory_order_relaxed);
  }
}

void Dedicated::applyHandedOver() {
  if (handedOver_.empty()) return;
  handedOver_.take(&applying_);
  while (!applying_.empty()) {
    auto* const errand = static_cast<Errand*>(applying_.pop().release());
    errand->run(errand, *loop_);
  }
}

// In its turn, which looking does not keep from others.
Dedicated::Rest Dedicated::nextRest(uint64_t seen) {
  if (!mayPass()) return {kParked, 0};
  // A pass that found this many will most likely be followed by another that finds some.
  constexpr uint32_t kEagerReady = 4;
  const int64_t forNs = loop_->lastReady() >= kEagerReady ? 0 : loop_->sleepNs();
  struct Attention {
    Dedicated* self;
    uint64_t seen;
    static bool isAsked(void* data) {
      const auto* const here = static_cast<Attention*>(data);
      return here->self->news_.load() != here->seen || here->self->turn_.isAwaited();
    }
  } attention{this, seen};
  const loop::Rest rest = forNs == 0
                              ? loop::Rest::kWork
                              : loop_->rest(loop_->poller().fd(), Attention::isAsked, &attention);
  isDue_ = rest == loop::Rest::kWork || rest == loop::Rest::kFound;
  return {rest == loop::Rest::kAsleep ? kInPoller : kAwake, forNs};
}

void Dedicated::rest(const Rest& rest, uint64_t seen) {
  // An isolate in the middle of a turn is back soon.
  if (rest.how == kParked && turns_.load() % 2 != 0)
    spinUntil([&] { return news_.load() != seen; });
  sleep_.store(rest.how);
  if (news_.load() == seen) sleep(rest);
  sleep_.store(kAwake);
}

void Dedicated::sleep(const Rest& rest) {
  const int64_t before = sleptNs_.load(std::memory_order_relaxed);
  const int64_t beganNs = sys::monotonicNs();
  sleeps_.store(sleeps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sleptNs_.store(before - beganNs, std::memory_order_relaxed);
  if (rest.how == kInPoller) {
    loop_->poller().sleep(rest.forNs);
    isDue_ = true;
  } else {
    park();
  }
  sleptNs_.store(before + sys::monotonicNs() - beganNs, std::memory_order_relaxed);
}

void Dedicated::park() {
  std::unique_lock<std::mutex> held(parking_);
  unparked_.wait(held, [this] { return sleep_.load() == kAwake; });
}

}  // namespace heddle::loop
