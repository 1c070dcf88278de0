// What other threads send to a loop: triggers, bytes, wake-ups, finished closes.
//
// A loop is known to the process by its number. Any thread may post to a number; the registry answers
// -ENOENT when that loop is gone, so a sender never holds a pointer into a loop that another thread ends.
// The mailbox is bounded: -ENOBUFS tells the sender that the receiver does not keep up.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace heddle::loop {

struct Letter {
  int32_t kind = 0;  // In::TRIGGER, In::POST or In::FD_CLOSED
  int32_t a = 0;
  int32_t b = 0;
  std::vector<uint8_t> bytes;
};

class Mailbox {
 public:
  static constexpr size_t kMaxLetters = 1 << 16;
  static constexpr size_t kMaxBytes = 64u << 20;

  // Registers the receiver; `wake` is called from sending threads, with the registry locked, so that it
  // cannot outlive the loop behind it.
  explicit Mailbox(std::function<void()> wake);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  uint32_t loopId() const { return loopId_; }

  // Owner thread: moves everything that has arrived into `into` (which it clears first).
  void take(std::vector<Letter>* into);

  // Any thread. 0, -ENOENT (no such loop), -ENOBUFS (full).
  [[nodiscard]] static int post(uint32_t loopId, Letter letter);
  [[nodiscard]] static int wake(uint32_t loopId);

 private:
  int push(Letter letter);

  const uint32_t loopId_;
  std::function<void()> wake_;
  std::mutex lock_;
  std::vector<Letter> letters_;
  size_t bytes_ = 0;
};

}  // namespace heddle::loop
