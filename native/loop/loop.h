// One event loop: a multiplexer, timers, recurrent events, triggers and the port to one isolate.
//
// A pass has a fixed order (FEATURES EV-05): due timers, queued triggers, recurrent events, the
// wait, the heartbeat, ready descriptors. `collect` runs a pass up to the point where callbacks
// must run and leaves their records in the inbox; the driver then lets JS dispatch them and calls
// `apply`, which carries out what the callbacks asked for. The driver decides how the loop sleeps:
// an embedded loop in the isolate's own multiplexer (binding/embedded), a dedicated one in its
// poller.
//
// Thread rule: everything runs on the loop's thread, except what the mailbox offers.
// Failure: calls return negative errnos; nothing throws.
#pragma once

#include <array>
#include <cstdint>

#include "loop/asks.h"
#include "loop/errand.h"
#include "loop/lookout.h"
#include "loop/mailbox.h"
#include "loop/port.h"
#include "loop/timers.h"
#include "loop/watch.h"
#include "mem/typed_array.h"
#include "mem/typed_object.h"
#include "sys/poller.h"

namespace heddle::loop {

struct LoopOptions {
  int64_t originNs = 0;  // monotonic time that counts as loop millisecond 0
  int64_t maxSleepNs = 200'000'000;
  uint32_t maxTimersPerPass = 1024;
  uint32_t maxEventsPerWait = 1024;
};

// What hangs descriptors of its own into the loop: the net layer, coroutines.
class Guest {
 public:
  virtual ~Guest() = default;
  // A descriptor that the guest added to the poller, under one of its tags, is ready.
  virtual void ready(uint64_t data, uint32_t mask) = 0;
  // Once a pass, after the timers: the guest's own deadlines and work it put off.
  virtual void timers(int64_t nowNs) = 0;
  // Once a pass, before the wait.
  virtual void resumed() {}
  // One record of the outbox of a kind the loop does not know. Asked of the guest that takes the
  // records of its group, else of the one that was attached first.
  virtual void record(const int32_t* record) { static_cast<void>(record); }
  // The outbox has been applied to its end.
  virtual void applied() {}
  virtual int64_t nextDeadlineNs() const = 0;
  // Whether work is left that no descriptor will announce.
  virtual bool hasWork() const = 0;
  // The loop may sleep from now on: who brings work from another thread has to wake it. False:
  // there is some already, and it will not.
  virtual bool resting() { return true; }
  // It does not sleep: a pass begins, or it looks whether something comes.
  virtual void roused() {}
  // Whether another thread may bring something any microsecond, so that looking for it may pay.
  virtual bool expects() const { return false; }
  // The loop closes: what waits must end now, while descriptors and the mailbox are still there.
  virtual void closing() {}
  // The loop is gone. Only said to a guest that it owns, which destroys itself.
  virtual void abandoned() {}
};

class Loop {
 public:
  // Poller data: a tag in the upper half says whose the descriptor is, the lower half is a handle.
  // Descriptors watched for JS have this one; a guest names its own when it is attached.
  static constexpr uint64_t kWatchTag = Watch::kTag;
  static constexpr size_t kMaxTags = 8;
  static constexpr size_t kMaxGuests = 8;
  static constexpr size_t kRecordGroups = 16;

  Loop(const PortMemory& memory, const LoopOptions& options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Takes the memory that every pass needs, opens the poller and lets other threads post. 0, or
  // EMFILE, ENFILE, ENOMEM: then the loop may only be destroyed.
  [[nodiscard]] int open();
  // The guests are told; then other threads learn that the loop is gone, though it may still be
  // destroyed much later. Idempotent.
  void close();
  // `tags` is a set of bits, of tags below kMaxTags that no other guest has. The guest outlives the
  // last pass and `close`.
  void attach(Guest* guest, uint32_t tags);
  // The same for a guest whose life is the loop's: `abandoned` is its end.
  void adopt(Guest* guest, uint32_t tags);
  // Gives it the records of the outbox whose kind is in [16 * group, 16 * group + 15].
  void takeRecords(Guest* guest, uint32_t group) { byGroup_[group] = guest; }
  // nullptr: nobody has this tag.
  Guest* guest(uint64_t tag) const { return byTag_[tag]; }

  // Between the first `open` and `close`.
  bool isOpen() const { return mailbox_.isOpen(); }
  // A pass is under way: what changes meanwhile is looked at before the loop sleeps.
  bool inPass() const { return inPass_; }

  // Runs a pass and returns the words in the inbox. timeoutNs bounds the wait (0: only look).
  uint32_t collect(int64_t timeoutNs);
  // Carries out the outbox. May be called from inside a dispatch.
  void apply();
  // A pass has work although no descriptor is ready and no deadline has come.
  bool hasWork() const;
  // Before the thread waits for descriptors. Unless there is work, it looks for a moment for what
  // guests expect (kFound: it came, or something else did), but no longer than until `fd` is
  // readable. Then it may sleep for `sleepNs`: other threads wake it (Guest::resting), until the
  // next pass begins. kDisturbed: `disturbed(by)` has said while it looked that it must not go on.
  using Disturbed = bool (*)(void* by);
  [[nodiscard]] Rest rest(int fd, Disturbed disturbed = nullptr, void* by = nullptr);
  // Nanoseconds until the next pass is due, at most the longest sleep.
  int64_t sleepNs() const;
  // More timers are due than one pass runs.
  bool hasTimersLeft() const { return timersLeft_; }
  // Something is left that the batch had no room for.
  bool lacksRoom() const { return !letters_.empty() || port_.lacksRoom() || !port_.hasRoom(); }
  // Whether the last pass found descriptors ready (so that another look may pay).
  uint32_t lastReady() const { return lastReady_; }

  // Watches a descriptor, which stays the caller's, for sys::kRead and sys::kWrite; exceptions are
  // always reported. With the mask kAsked it reports nothing and answers asks (see Asks). EBADF,
  // EEXIST (watched already, by whomever), EPERM (cannot be watched), ENOSPC, ENOMEM.
  [[nodiscard]] int fdAdd(uint32_t handle, int fd, uint32_t mask);
  // Ends the watch, before the descriptor is closed. ENOENT: no such watch.
  [[nodiscard]] int fdRemove(uint32_t handle, int fd);
  // Whether JS watches the descriptor, or did and closed it without ending the watch.
  bool isWatched(int fd) const {
    return static_cast<size_t>(fd) < fdOwner_.size() && fdOwner_[static_cast<size_t>(fd)] != 0;
  }
  // The descriptor is the guest's from now on: a watch of an earlier descriptor with the same
  // number, closed without being removed, must not touch its registration.
  void disown(int fd) {
    if (static_cast<size_t>(fd) < fdOwner_.size()) fdOwner_[static_cast<size_t>(fd)] = 0;
  }
  // Any thread, through the mailbox: see Mailbox.
  uint32_t loopId() const { return mailbox_.loopId(); }
  void wake() { poller_.wake(); }

  void markStarted();
  sys::Poller& poller() { return poller_; }
  Port& port() { return port_; }
  int64_t nowNs() const { return nowNs_; }
  int64_t originNs() const { return options_.originNs; }
  double toMs(int64_t ns) const { return static_cast<double>(ns - options_.originNs) / 1e6; }
  int64_t toNs(double ms) const;
  size_t timersArmed() const { return timers_.armed(); }
  size_t watches() const { return watchCount_; }
  uint64_t passes() const { return passes_; }
  uint64_t waits() const { return waits_; }

 private:
  template <class T>
  using Table = mem::TypedArray<T, mem::Builtin::kLoopTable>;

  template <class Ask>
  void eachGuest(Ask&& ask) const {
    for (size_t i = 0; i < guestCount_; i++) ask(*guests_[i]);
  }
  bool expects() const;
  void settle();
  Rest look(int fd, Disturbed disturbed, void* by);
  bool rests() const;
  void phase(Phase::Id id);
  void runTimers();
  void runTriggers();
  void runRecurrent();
  void deliver(LetterPtr letter);
  void waitAndCollect(int64_t timeoutNs);
  bool readyWatch(uint32_t handle, uint32_t mask);
  void carryOut(const int32_t* record);
  void setMask(uint32_t handle, uint32_t mask);
  void ask(uint32_t handle, int32_t kind, uint32_t argument);
  void addRecurrent(uint32_t handle);
  void removeRecurrent(uint32_t handle);
  Watch** recurrentLink(uint32_t handle);
  Watch* makeRecurrent(uint32_t handle);
  void destroyRecurrent(Watch** link);
  void trigger(uint32_t handle, int32_t mask);
  Watch* findWatch(uint32_t handle);
  bool owns(const Watch& watch) const {
    return fdOwner_[static_cast<size_t>(watch.fd)] == watch.handle;
  }
  void beat();

  Port port_;
  LoopOptions options_;
  sys::Poller poller_;
  Timers timers_;
  Mailbox mailbox_;
  Asks asks_;
  Lookout lookout_;
  std::array<Guest*, kMaxGuests> guests_{};  // in order of attachment
  std::array<Guest*, kMaxTags> byTag_{};
  std::array<Guest*, kRecordGroups> byGroup_{};
  size_t guestCount_ = 0;
  std::array<Guest*, kMaxGuests> owned_{};
  size_t ownedCount_ = 0;
  int64_t nowNs_ = 0;
  uint64_t passes_ = 0;
  uint64_t waits_ = 0;
  uint32_t lastReady_ = 0;
  size_t watchCount_ = 0;
  bool timersLeft_ = false;
  bool inPass_ = false;
  Table<Watch*> watches_;       // by handle index
  Table<uint32_t> fdOwner_;     // by descriptor: the handle that watches it, 0 = none
  Watch* recurrent_ = nullptr;  // in order of addition
  Watch spare_;                 // for the recurrent event that there is no memory for
  LetterQueue triggers_;        // asked for by this isolate, delivered by the next pass
  LetterQueue letters_;         // taken from the mailbox, not yet delivered
  Table<sys::Ready> ready_;
  uint32_t readyCount_ = 0;
  uint32_t nextReady_ = 0;  // entries before it are dealt with
};

using Loops = mem::Typed<Loop, mem::Builtin::kLoop>;

}  // namespace heddle::loop
