// A loop on a thread of its own. The thread waits, reads, parses and writes; the isolate behind the
// loop is handed finished records and hands over what its callbacks want.
//
//   the thread                                 the isolate
//   passes ── Batches: words, bytes ─────────▶ take, copies them into its port, dispatches
//   applies ◀── HandedOver: output, calls ──── dispatched, flush, call
//
// So neither ever reads memory that the other writes. Each wakes the other only when that one
// sleeps: the thread in the loop's multiplexer, or parked where no pass may be made (the batches
// are full; a record of the last one wants to be answered first, see `wantsAnswer`; stopped); the
// isolate in its own multiplexer, with which it watches `alarm`.
//
// Calls that need an answer at once `visit` the loop between two passes. What belongs to the
// thread itself (coroutines with their stacks) is done there while the isolate waits: `call`. Both
// find done what was handed over before. What the isolate does in one turn of its own the loop sees
// as one, as an embedded loop does: from the first such call, or hand-over in the middle, to
// `turnEnds` no pass is made, so that of a timer and a descriptor added together the order of a
// pass decides. Answers to a batch are handed over at its end and hold up nothing. The thread never
// waits for the isolate with output in hand, so the isolate may wait for it.
//
// Ownership: the isolate's engine owns it and the loop. Failure: negative errnos. Without memory to
// hand output over the isolate applies it itself, as a visitor.
// Thread rule: the isolate's thread, except where it says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <utility>

#include "loop/batches.h"
#include "loop/handed_over.h"
#include "loop/loop.h"
#include "loop/turn.h"
#include "mem/typed_object.h"
#include "sys/clock.h"
#include "sys/poller.h"
#include "sys/spin.h"
#include "sys/thread.h"

namespace heddle::loop {

// The memory of a dedicated loop's own port. Its inbox and slabs are those of the batches.
struct DedicatedCells {
  std::array<int32_t, kControlWords> control{};
  std::array<double, kClockCells> clock{};

  // For a loop whose isolate has `memory`.
  PortMemory portMemory(const PortMemory& memory) {
    PortMemory own{};
    own.inboxWords = memory.inboxWords;
    own.recvBytes = memory.recvBytes;
    own.control = control.data();
    own.clock = clock.data();
    return own;
  }
};

class Dedicated {
 public:
  // Called on the loop's thread when it ends, with everything handed over applied: ends the guests
  // and the loop.
  using Ending = void (*)(void* context);

  // `cells` is what the loop was made with.
  Dedicated(Loop* loop, DedicatedCells* cells, const PortMemory& isolate, Ending ending,
            void* context);
  Dedicated(const Dedicated&) = delete;
  Dedicated& operator=(const Dedicated&) = delete;

  // The loop is open and its guests are attached. The thread has the name; passes begin with
  // `start`. 0, -ENOMEM, -EMFILE, -ENFILE, -EAGAIN (no thread): nothing is left behind then but the
  // loop.
  [[nodiscard]] int open(const char* name);
  // Waits until the thread has ended the loop and itself. After a successful `open`, once. The
  // alarm stays until the destructor: the isolate's multiplexer may let go of it later.
  void close();

  void start();
  void stop();

  // --- the crossing

  // Ends the loop's wait, once a turn.
  void wake() {
    beginTurn();
    loop_->wake();
  }
  // Hands over the outbox and clears it, if there is anything in it. More is to come in this turn.
  void handOver();
  // The same, and has it applied when it returns.
  void flush();
  // Copies the next batch, if one is there, to the port's memory: its words, 0 for none.
  uint32_t take();
  // What `take` has brought has been dispatched. Hands over the outbox; the turn ends.
  void dispatched();
  // The isolate goes to its own multiplexer. Hands over the outbox.
  void turnEnds();
  // An answer to an ask that nobody wants any more (Out::FD_READ withdrawn) may be on its way in a
  // batch: its bytes, at most `most`, are copied to `into`, and the record says nothing any more.
  // -ENOENT: there is none, nor will there be; else what the answer said.
  int64_t takeAhead(uint32_t handle, uint8_t* into, uint32_t most);
  // Whether `take` would bring something.
  bool hasMore() const { return batches_.published() != nullptr || held_.load(); }
  // Copies the loop's counters and clock to the port; `count` the counters, and how long its thread
  // has slept, alone.
  void refresh();
  void count();
  // Times that its thread has gone to sleep.
  uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }
  // Before the isolate sleeps: from now on a batch rings the alarm. Look at hasMore again after it.
  void awaitAlarm() { isolateSleeps_.store(true); }
  // Readable when it rings; of no use to others. `hush` makes it silent.
  sys::Poller& alarm() { return alarm_; }
  void hush();

  // --- calls

  // use(), with the loop to itself. Afterwards the thread looks what has changed.
  template <class Use>
  decltype(auto) visit(Use&& use) {
    beginTurn();
    const Nudge nudge{this};
    return turn_.visit([&]() -> decltype(auto) {
      applyHandedOver();
      return use();
    });
  }
  // use(), on the loop's thread. The isolate waits for it.
  template <class Use>
  decltype(auto) call(Use&& use) {
    beginTurn();
    using Result = decltype(use());
    if constexpr (std::is_void_v<Result>) {
      Call<std::remove_reference_t<Use>> call(&use);
      submit(&call);
      call.await();
    } else {
      Result result{};
      auto store = [&] { result = use(); };
      Call<decltype(store)> call(&store);
      submit(&call);
      call.await();
      return result;
    }
  }
  // Hands the errand over, behind the output. `bytes`: what it holds.
  void submit(Errand* errand, size_t bytes = 0);
  // Whether so much waits for the thread already that the caller had better do it himself.
  bool isBehind() const { return handedOver_.bytes() > kMostHandedOver; }

 private:
  static constexpr size_t kMostHandedOver = 16u << 20;
  // A pass wants at least an eighth of the receive slab.
  static constexpr uint32_t kLeastShare = 8;

  enum Sleep : uint32_t { kAwake = 0, kInPoller = 1, kParked = 2 };

  // How to rest until the next pass.
  struct Rest {
    Sleep how;
    int64_t forNs;  // in the poller
  };

  struct Nudge {
    Dedicated* self;
    ~Nudge() { self->nudge(); }
  };

  // Looks for a moment, if another processor can make it come true.
  template <class Come>
  static void spinUntil(Come&& come) {
    static const bool pays = sys::usableProcessors() > 1;
    if (!pays || come()) return;
    constexpr int64_t kLongestNs = 20'000;
    const int64_t endNs = sys::monotonicNs() + kLongestNs;
    while (!come() && sys::monotonicNs() < endNs) sys::relax();
  }

  template <class Use>
  struct Call final : Errand {
    explicit Call(Use* useIn) : Errand(0, execute, drop, kReply), use(useIn) {}
    static void execute(Errand* errand, Loop&) {
      auto* const self = static_cast<Call*>(errand);
      (*self->use)();
      self->finish();
    }
    static void drop(Errand* errand) { static_cast<Call*>(errand)->finish(); }
    void finish() {
      // Under the lock to the end: the waiter ends this with his next step.
      const std::lock_guard<std::mutex> held(lock);
      done.store(true, std::memory_order_release);  // with the results of use()
      changed.notify_one();
    }
    void await() {
      // Many calls often follow each other; to be woken takes longer than most of them.
      spinUntil([this] { return done.load(std::memory_order_acquire); });
      std::unique_lock<std::mutex> held(lock);
      changed.wait(held, [this] { return done.load(std::memory_order_relaxed); });
    }
    Use* const use;
    std::mutex lock;
    std::condition_variable changed;
    std::atomic<bool> done{false};
  };

  // The isolate's.
  void copyOut();
  void beginTurn() {
    if (turns_.load() % 2 == 0) turns_.fetch_add(1);
  }
  void endTurn() {
    if (turns_.load() % 2 != 0) turns_.fetch_add(1);
  }

  // The thread's.
  static void* enter(void* self);
  void run();
  bool mayPass() const;
  void pass();
  Rest nextRest(uint64_t seen);
  void rest(const Rest& rest, uint64_t seen);
  void sleep(const Rest& rest);
  void park();

  // Who has the turn.
  void applyHandedOver();
  void publish();
  void tell();

  // There is news for the thread, and it is woken if it sleeps; or only if it is parked, where the
  // news is of no use to one that waits for descriptors.
  void nudge();
  void unpark();
  void wakeFrom(uint32_t sleep);

  Loop* const loop_;
  DedicatedCells* const cells_;
  const PortMemory isolate_;
  const Ending ending_;
  void* const context_;
  char name_[16] = {};  // what a system shows of it
  sys::Thread thread_;
  sys::Poller alarm_;
  Turn turn_;
  Batches batches_;
  HandedOver handedOver_;

  // Who has the turn.
  LetterQueue applying_;
  bool isFull_ = false;  // nothing more goes into the batch that is filled
  // A pass is due: there may be something for it. An isolate that has only answered, and added no
  // work, is no reason for recurrent events to run.
  bool isDue_ = true;
  uint64_t publishedOnes_ = 0;  // batches
  uint64_t awaited_ = 0;        // no pass before so many were dispatched

  // Shared. All of these are sequentially consistent: each side says that it sleeps, or holds
  // something back, and then looks again, while the other acts and then looks whether somebody
  // sleeps; either of them sees the other.
  std::atomic<bool> held_{false};  // the batch that is filled waits for the other to be taken
  std::atomic<uint64_t> dispatched_{0};
  std::atomic<bool> isolateSleeps_{false};
  // Counts beginnings and ends of the isolate's turns: while odd it is in the middle of one, and no
  // pass is made.
  std::atomic<uint64_t> turns_{0};
  std::atomic<uint32_t> sleep_{kAwake};
  std::atomic<uint64_t> news_{0};  // counts what the thread has to look at
  std::atomic<bool> passes_{false};
  std::atomic<bool> ends_{false};
  std::mutex parking_;
  std::condition_variable unparked_;

  // Copies of the cells, written by the thread and read by the isolate. Relaxed: each is a figure
  // by itself.
  std::array<std::atomic<int32_t>, kControlWords> toldControl_{};
  std::array<std::atomic<double>, kClockCells> toldClock_{};
  std::atomic<uint64_t> sleeps_{0};
  // How long the thread has slept; while it sleeps less the time at which it began to, which is
  // negative then: one word, so that whoever reads it while it changes is told what is true.
  std::atomic<int64_t> sleptNs_{0};

  // The isolate's.
  int32_t toldTrace_ = 0;
};

using Dedicateds = mem::Typed<Dedicated, mem::Builtin::kDedicated>;

}  // namespace heddle::loop
