// The core's side of the port: writes records for JS into the inbox, bytes into the receive slab.
//
// Ownership: the memory of an embedded loop belongs to JS, which keeps it alive as long as the loop
// is open; a dedicated one (loop/dedicated.h) lends memory of its own, a batch at a time. Thread
// rule: only the loop's own thread, or who stands in for it. Nothing here allocates on the hot
// path; records that arise while JS owns the inbox (during a dispatch, while the outbox is applied)
// wait in `deferred_` and open the next batch. No record may be lost, and none can be refused: so
// `deferred_` grows while half of it is still free, and a want of memory may pass before it is
// full. When it does not, the process ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "loop/protocol.h"
#include "mem/typed_array.h"

namespace heddle::loop {

struct PortMemory {
  int32_t* inbox = nullptr;
  uint32_t inboxWords = 0;
  uint8_t* recv = nullptr;
  uint32_t recvBytes = 0;
  int32_t* outbox = nullptr;
  uint32_t outboxWords = 0;
  uint8_t* send = nullptr;
  uint32_t sendBytes = 0;
  int32_t* control = nullptr;
  double* clock = nullptr;
};

class Port {
 public:
  // The longest record: an HTTP request with the most headers a parser accepts.
  static constexpr uint32_t kLongestRecord = 11 + 8 + 2 * 256;

  explicit Port(const PortMemory& memory) : memory_(memory) {}

  // Takes the memory that deferring begins with: 0 or -ENOMEM.
  [[nodiscard]] int open();

  const PortMemory& memory() const { return memory_; }

  // Other memory for inbox and receive slab: from now on a batch goes on where the last one ended,
  // until it is called again. Not while collecting.
  void turnTo(int32_t* inbox, uint8_t* recv);
  // Where outbox, send slab and what was received are looked for by the next application.
  void readFrom(int32_t* outbox, uint32_t words, uint8_t* send, uint32_t bytes, uint8_t* recv);

  // Opens a batch: what was deferred comes first. From here to `seal` records go to the inbox.
  void begin();
  // Ends the batch and returns its words.
  uint32_t seal();
  bool hasDeferred() const { return !deferred_.empty(); }

  // Whether the batch takes one more record of any size. When not, collecting must stop; what is
  // left is found again by the next pass, because the multiplexer is level-triggered.
  bool hasRoom() const { return used_ + kLongestRecord <= memory_.inboxWords; }

  // Words in the batch so far.
  uint32_t used() const { return used_; }
  // It has a record after which JavaScript comes first; see wantsAnswer.
  bool wantsAnswer() const { return wantsAnswer_; }

  // Where the next record will lie: a place to prepare one whose length is not known yet.
  int32_t* tail() const { return memory_.inbox + used_; }

  // A record whose words the caller fills. Only while collecting, after hasRoom() said yes.
  int32_t* append(int32_t kind, uint32_t words) {
    int32_t* at = memory_.inbox + used_;
    at[0] = recordHead(kind, words);
    used_ += words;
    return at;
  }

  // A short record, at any time.
  template <class... Args>
  void emit(int32_t kind, Args... args) {
    constexpr uint32_t kWords = 1 + sizeof...(args);
    const int32_t record[kWords] = {recordHead(kind, kWords), static_cast<int32_t>(args)...};
    if (mustDefer(kWords)) return defer(record, kWords);
    if (loop::wantsAnswer(kind)) wantsAnswer_ = true;
    // A length known here makes this a store or two: as a call of memcpy it was a tenth of the time
    // that a due timer costs.
    std::memcpy(tail(), record, sizeof(record));
    used_ += kWords;
  }

  uint8_t* recvCursor() const { return memory_.recv + recvUsed_; }
  uint32_t recvOffset() const { return recvUsed_; }
  uint32_t recvRoom() const { return memory_.recvBytes - recvUsed_; }
  // Takes `bytes` of the receive slab for this batch; the next user starts at a multiple of 8.
  void commitRecv(uint32_t bytes) {
    recvUsed_ = (recvUsed_ + bytes + 7u) & ~7u;
    if (recvUsed_ > memory_.recvBytes) recvUsed_ = memory_.recvBytes;
  }
  // A reader found too little room in the slab and left its bytes to the next pass.
  void lackRoom() { lacksRoom_ = true; }
  bool lacksRoom() const { return lacksRoom_; }
  bool ownsRecv(const uint8_t* p) const {
    return p >= memory_.recv && p < memory_.recv + memory_.recvBytes;
  }

 private:
  // Once one record had to be deferred, all later ones are, so that their order holds.
  bool mustDefer(uint32_t words) const {
    return !collecting_ || !deferred_.empty() || used_ + words > memory_.inboxWords;
  }
  void defer(const int32_t* record, uint32_t words);

  PortMemory memory_;
  uint32_t used_ = 0;
  uint32_t recvUsed_ = 0;
  bool collecting_ = false;
  bool goesOn_ = false;
  bool lacksRoom_ = false;
  bool wantsAnswer_ = false;
  mem::TypedArray<int32_t, mem::Builtin::kDeferred> deferred_;
};

}  // namespace heddle::loop
