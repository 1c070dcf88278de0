// What other threads send to a loop: triggers, bytes, wake-ups, finished closes.
//
// A loop is known to the process by its number. Any thread may post to a number; the registry
// answers -ENOENT when that loop is gone, so a sender never holds a pointer into a loop that
// another thread ends. The mailbox is bounded: -ENOBUFS tells the sender that the receiver does not
// keep up.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include "loop/letter.h"

namespace heddle::loop {

class Mailbox {
 public:
  static constexpr size_t kMaxLetters = 1 << 16;
  static constexpr size_t kMaxBytes = 64u << 20;

  // `wake` is called from sending threads, with the registry locked, so that it cannot outlive the
  // loop behind it. No letter may carry more than `maxLetterBytes`, which is what the receiver can
  // take in one piece.
  Mailbox(size_t maxLetterBytes, std::function<void()> wake);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  uint32_t loopId() const { return loopId_; }
  // Registers the receiver, which can be woken from now on.
  void open();
  // From now on the loop is gone for senders (-ENOENT) and is not woken any more. Idempotent.
  void close();
  // Owner thread: between `open` and `close`.
  bool isOpen() const { return open_; }

  // Owner thread: moves everything that has arrived behind what `into` holds.
  void take(LetterQueue* into);
  // Owner thread: whether letters wait. The wake-up of one that came after the last `take` may have
  // been spent on a wait that was about to end anyway.
  bool hasMail() const {
    // Relaxed: only a hint to look; `take` synchronises. It is set before the sender's wake, and
    // the wait that swallows the wake has acquired what came before it, so after such a wait it is
    // seen.
    return hasMail_.load(std::memory_order_relaxed);
  }

  // Any thread. 0, -ENOMEM (there is no letter: it could not be made), -ENOENT (no such loop),
  // -ENOBUFS (full), -EMSGSIZE (never fits). A letter that is not taken is released. FD_CLOSED fits
  // a full mailbox, there being no more of them than descriptors, and so does an Errand that is a
  // reply.
  [[nodiscard]] static int post(LetterPtr letter);
  [[nodiscard]] static int wake(uint32_t loopId);

 private:
  friend class MailboxRegistry;

  int push(LetterPtr letter);

  const uint32_t loopId_;
  const size_t maxLetterBytes_;
  std::function<void()> wake_;
  bool open_ = false;
  Mailbox* nextRegistered_ = nullptr;  // the registry's
  std::mutex lock_;
  LetterQueue letters_;
  size_t bytes_ = 0;
  std::atomic<bool> hasMail_{false};  // written under lock_
};

}  // namespace heddle::loop
