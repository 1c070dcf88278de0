// Listeners and stream connections of one loop: accepts, reads into the port's receive slab, writes
// what the outbox says, keeps time-outs and water marks, and leaves HTTP connections to the HTTP
// driver.
//
// A connection is never destroyed while the writer or a driver is in the middle of it: failures and
// finished closes are noted (`settleLater`) and carried out when the outbox has been applied or the
// pass ends. Its last record is CLOSE (or HTTP_ABORT, when requests are outstanding).
//
// Thread rule: the loop's thread. Results are >= 0 or negative errnos.
#pragma once

#include <cerrno>
#include <cstdint>

#include "base/slots.h"
#include "loop/loop.h"
#include "mem/typed_memory.h"
#include "net/connection.h"
#include "net/http.h"
#include "net/listener.h"
#include "net/resting.h"
#include "net/todo.h"
#include "net/writer.h"

namespace heddle::net {

class Net final : public loop::Guest, private WriteEvents {
 public:
  static constexpr uint64_t kListenerTag = 2;
  static constexpr uint64_t kConnectionTag = 3;
  static constexpr uint32_t kTags = 1u << kListenerTag | 1u << kConnectionTag;

  explicit Net(loop::Loop* loop);
  ~Net() override;
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  // Both take the settings over by copy and return a handle, or the errno of the system call that
  // failed; ENFILE also when no handle is left, ENOMEM without memory. Nothing is left behind then.
  // ENOTSUP: reusePort on a system that does not spread connections by it.
  [[nodiscard]] int64_t listen(const ListenSpec& spec);
  // The outcome comes as a CONNECT record, a failure as a CLOSE behind it.
  [[nodiscard]] int64_t connect(const ConnectSpec& spec);
  // Takes over a connected stream socket and makes it non-blocking; on failure it stays the
  // caller's. EEXIST: it is watched already. ENFILE: no handle is left. ENOMEM.
  [[nodiscard]] int64_t adopt(int fd, const Settings& settings);
  // Stops accepting and closes the descriptor (a Unix socket's file goes); the connections stay.
  // LISTENER_CLOSED follows, and LISTENER_EMPTY with the last of them. EBADF: no such listener.
  int closeListener(uint32_t handle);
  // HTTP connections of the listener end with the response to what they have asked, also after it
  // was closed. EBADF: neither it nor one of them is left.
  int drainListener(uint32_t handle);
  // Open connections that came from the listener, also after it was closed (then by a walk over
  // all).
  uint32_t connectionsOf(uint32_t handle);
  // Destroys them, soon: what failed is settled with the next outbox or pass.
  void destroyConnectionsOf(uint32_t handle);
  const Listener* listener(uint32_t handle) const { return listeners_.get(handle); }
  const Connection* connection(uint32_t handle) const { return connections_.get(handle); }
  // Writes the block behind everything the outbox holds. *kept tells whether the block is still
  // needed after the call; its release is called later then, and not at all otherwise. EBADF: no
  // such connection; EPIPE: it takes no output any more; else the errno of the write, which ends
  // it.
  [[nodiscard]] int writeBlock(uint32_t handle, const Block& block, bool* kept);
  [[nodiscard]] int writeHttpBlock(uint32_t handle, uint8_t seq, const Block& block, bool* kept);
  // Destroys everything, silently.
  void closeAll();
  size_t bufferedBytes();
  size_t connections() const { return connections_.live(); }
  size_t listeners() const { return listeners_.live(); }

  // loop::Guest
  void ready(uint64_t data, uint32_t mask) override;
  void timers(int64_t nowNs) override;
  void resumed() override;
  void record(const int32_t* record) override;
  void applied() override;
  int64_t nextDeadlineNs() const override;
  bool hasWork() const override { return !queued_.empty() || !settling_.empty(); }

  // For the HTTP driver.
  loop::Port& port() { return loop_->port(); }
  Writer& writer() { return writer_; }
  uint32_t nowMs() const { return nowMs_; }
  int64_t nowNs() const { return loop_->nowNs(); }
  // In the next pass: HTTP goes on with its kept input, a stream whose peer has ended closes.
  void queue(Connection* connection);
  void settleLater(Connection* connection);  // look at it again when the outbox has been applied
  // Ends the connection with this errno, soon; the first reason counts.
  void fail(Connection* connection, int error);
  // The same because it has more unsent output than it may have.
  void overflow(Connection* connection);
  void updateInterest(Connection* connection);
  void recheckAt(Connection* connection, uint32_t inMs);

 private:
  void written(Connection* connection, int64_t bytes) override;
  void writeFailed(Connection* connection, int error) override;

  // net_accept.cc
  void acceptReady(Listener* listener);
  void acceptFailed(Listener* listener, int error);
  [[nodiscard]] int64_t takeAccepted(Listener* listener, int fd);
  void watchListener(Listener* listener, bool on);
  [[nodiscard]] int64_t take(int fd, const Settings& settings);
  [[nodiscard]] int64_t watchNew(Connection* connection);
  // nullptr when there is no handle or no memory left; noHandle tells which.
  Connection* create(int fd, Settings* settings);
  template <class Pool>
  static int noHandle(const Pool& pool) {
    return pool.full() ? -ENFILE : -ENOMEM;
  }
  static void closeDescriptor(const Connection* connection);
  static void closeDescriptor(const Listener* listener);
  [[nodiscard]] int watch(int fd, uint32_t interest, uint64_t data);

  // net_stream.cc
  void readyConnection(Connection* connection, uint32_t mask);
  void finishConnect(Connection* connection);
  void exceptionOn(Connection* connection);
  void readStream(Connection* connection);
  void flushOutput(Connection* connection);
  void streamRecord(Connection* connection, const int32_t* record);
  void writeRecord(Connection* connection, const uint8_t* slab, uint32_t slabBytes,
                   const int32_t* record);
  void idleCheck(uint32_t handle);
  uint32_t streamDeadline(const Connection* connection, bool* has) const;
  void checkWaterMarks(Connection* connection);
  void resume(Connection* connection);
  void settle(Connection* connection);
  void settleConnection(Connection* connection);
  void startLinger(Connection* connection);
  [[nodiscard]] int sendBlock(Connection* connection, const Block& block, bool* kept);
  void destroy(Connection* connection, int error, loop::CloseReason::Id reason);
  uint8_t wantedInterest(const Connection* connection) const;
  void count();

  loop::Loop* loop_;
  Writer writer_;
  base::Slots<Listener, mem::TypedMemory<mem::Builtin::kListeners>> listeners_;
  base::Slots<Connection, mem::TypedMemory<mem::Builtin::kConnections>> connections_;
  loop::Timers deadlines_;  // by connection index
  Http http_;
  uint32_t nowMs_ = 0;
  Resting resting_;
  Todo queued_;    // those marked kQueued
  Todo settling_;  // those marked kSettling
  Todo resuming_;  // what was queued, while it is worked off

  friend class Http;
};

using Nets = mem::Typed<Net, mem::Builtin::kNet>;

}  // namespace heddle::net
