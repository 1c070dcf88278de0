// Gathers what one application of the outbox writes to a connection, so that it leaves in one
// system call.
//
// Only one connection is gathered at a time: moving on to another one sends what the last one has.
// Bytes that already lie together in memory (a run in a slab) are sent from where they are;
// anything else is assembled in one scratch buffer that stays warm. What the system does not take
// goes to the connection's Output. Thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "net/connection.h"

namespace heddle::net {

// Told about the outcome of a write. Must not destroy the connection (the writer goes on with it).
class WriteEvents {
 public:
  virtual ~WriteEvents() = default;
  virtual void written(Connection* connection, int64_t bytes) = 0;
  virtual void writeFailed(Connection* connection, int error) = 0;
};

class Writer {
 public:
  static constexpr uint32_t kScratchBytes = 65536;

  explicit Writer(WriteEvents* events) : events_(events) {}

  // Bytes that stay where they are until settle().
  void span(Connection* connection, const uint8_t* data, uint32_t size);
  // A place for at most `size` (<= kScratchBytes) bytes; `commit` says how many were written.
  uint8_t* room(Connection* connection, uint32_t size);
  void commit(uint32_t size) { used_ += size; }
  // Sends what is gathered.
  void settle();
  void settle(const Connection* connection) {
    if (connection == current_) settle();
  }
  // The connection is going away; what was gathered for it is dropped.
  void forget(const Connection* connection);

 private:
  void turnTo(Connection* connection);
  void send(Connection* connection, const uint8_t* data, uint32_t size);

  WriteEvents* events_;
  Connection* current_ = nullptr;
  const uint8_t* span_ = nullptr;
  uint32_t spanSize_ = 0;
  uint32_t used_ = 0;
  uint8_t scratch_[kScratchBytes];
};

}  // namespace heddle::net
