// What one thread sends to a loop: a trigger, bytes, the news of a finished close. Each is one
// block of typed memory, linked into the queue it waits in, so that moving it allocates nothing.
//
// Ownership: a LetterPtr, or the LetterQueue that it was pushed to. Made on any thread, opened and
// released on any other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace heddle::loop {

struct Letter {
  // Not a record of the protocol: an Errand (loop/errand.h).
  static constexpr int32_t kErrand = -1;

  // Of the queue that it is in.
  Letter* next = nullptr;
  uint32_t to = 0;   // the number of the receiving loop
  int32_t kind = 0;  // In::TRIGGER, In::POST, In::FD_CLOSED or kErrand
  int32_t a = 0;
  int32_t b = 0;
  uint32_t size = 0;  // of the bytes behind it, which only a POST has

  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(this + 1); }
};

struct LetterRelease {
  void operator()(Letter* letter) const;
};
using LetterPtr = std::unique_ptr<Letter, LetterRelease>;

// nullptr without memory.
[[nodiscard]] LetterPtr makeLetter(uint32_t to, int32_t kind, int32_t a, int32_t b);
// A POST with a copy of the bytes.
[[nodiscard]] LetterPtr makePost(uint32_t to, const uint8_t* bytes, uint32_t size);

// Letters in the order in which they were pushed. One thread at a time.
class LetterQueue {
 public:
  LetterQueue() = default;
  ~LetterQueue();
  LetterQueue(const LetterQueue&) = delete;
  LetterQueue& operator=(const LetterQueue&) = delete;

  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  const Letter& front() const { return *first_; }
  void push(LetterPtr letter);
  LetterPtr pop();
  // All of the other's letters, behind ours.
  void append(LetterQueue* other);

 private:
  Letter* first_ = nullptr;
  Letter* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace heddle::loop
