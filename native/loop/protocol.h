// The words that cross the port. lib/backend/protocol.ts declares the same numbers and says what
// each record carries; a test compares the two. A record is a run of 32-bit words, word 0 is `kind
// | words << 8`.
#pragma once

#include <cstdint>

namespace heddle::loop {

#define HEDDLE_IN_KINDS(X) \
  X(TIMER, 1)              \
  X(TRIGGER, 2)            \
  X(RECURRENT, 3)          \
  X(FD, 4)                 \
  X(PHASE, 5)              \
  X(FD_CLOSED, 6)          \
  X(POST, 7)               \
  X(FD_DATA, 8)            \
  X(FD_READY, 9)           \
  X(ACO_ENDED, 10)         \
  X(ACO_RESUMED, 11)       \
  X(ACO_TROUBLE, 12)       \
  X(ACCEPT, 16)            \
  X(LISTEN_ERROR, 17)      \
  X(CONNECT, 18)           \
  X(DATA, 19)              \
  X(END, 20)               \
  X(BLOCKED, 21)           \
  X(DRAIN, 22)             \
  X(CLOSE, 23)             \
  X(LISTENER_CLOSED, 24)   \
  X(LISTENER_EMPTY, 25)    \
  X(HTTP_REQUEST, 32)      \
  X(HTTP_BODY, 33)         \
  X(HTTP_ABORT, 34)        \
  X(HTTP_DRAIN, 35)        \
  X(HTTP_BLOCKED, 36)      \
  X(HTTP_REFUSED, 37)      \
  X(JOB_DONE, 48)          \
  X(JOB_RUN, 49)           \
  X(JOB_SIGNAL, 50)        \
  X(JOB_LEAVE, 51)         \
  X(JOBQ_WORKER, 52)       \
  X(JOBQ_DRAINED, 53)

#define HEDDLE_OUT_KINDS(X) \
  X(TIMER_ADD, 1)           \
  X(TIMER_DELETE, 2)        \
  X(RECURRENT_ADD, 3)       \
  X(RECURRENT_DELETE, 4)    \
  X(FD_MASK, 5)             \
  X(TRIGGER, 6)             \
  X(FD_READ, 7)             \
  X(FD_WAIT, 8)             \
  X(WRITE, 16)              \
  X(WRITE_RECEIVED, 17)     \
  X(WANT_DRAIN, 18)         \
  X(SHUTDOWN, 19)           \
  X(CLOSE, 20)              \
  X(DESTROY, 21)            \
  X(PAUSE, 22)              \
  X(RESUME, 23)             \
  X(IDLE_TIMEOUT, 24)       \
  X(HTTP_RESPOND, 32)       \
  X(HTTP_HEAD, 33)          \
  X(HTTP_CHUNK, 34)         \
  X(HTTP_END, 35)           \
  X(HTTP_BODY_RESUME, 36)   \
  X(HTTP_BODY_PAUSE, 37)    \
  X(HTTP_WANT_DRAIN, 38)    \
  X(HTTP_DESTROY, 39)       \
  X(JOB_ADD, 48)            \
  X(JOB_ADD_WITH, 49)       \
  X(JOB_REMOVE, 50)         \
  X(JOB_COMPLETED, 51)      \
  X(JOB_RESULT, 52)         \
  X(JOB_IDLE, 53)

#define HEDDLE_CONTROL_CELLS(X) \
  X(OUT_WORDS, 0)               \
  X(SEND_BYTES, 1)              \
  X(APPLIED, 2)                 \
  X(PASSES, 3)                  \
  X(TRACE, 4)                   \
  X(TIMERS, 5)                  \
  X(CONNECTIONS, 6)             \
  X(LISTENERS, 7)               \
  X(WATCHES, 8)                 \
  X(WAITS, 9)

#define HEDDLE_CLOCK_CELLS(X) \
  X(NOW, 0)                   \
  X(LAST_BEAT, 1)             \
  X(STARTED, 2)               \
  X(MAX_SLEEP, 3)             \
  X(SLEPT, 4)

#define HEDDLE_PHASES(X) \
  X(TIMERS, 1)           \
  X(TRIGGERS, 2)         \
  X(RECURRENT, 3)        \
  X(WAIT, 4)             \
  X(HEARTBEAT, 5)        \
  X(DESCRIPTORS, 6)

#define HEDDLE_REQUEST_FLAGS(X) \
  X(KEEP_ALIVE, 1)              \
  X(HTTP_1_0, 2)                \
  X(HAS_BODY, 4)                \
  X(BODY_COMPLETE, 8)           \
  X(EXPECT_CONTINUE, 16)        \
  X(CHUNKED, 32)

#define HEDDLE_RESPOND_FLAGS(X) \
  X(CLOSE, 1)                   \
  X(HAS_DATE, 2)                \
  X(HAS_LENGTH, 4)

#define HEDDLE_CLOSE_REASONS(X) \
  X(LOCAL, 0)                   \
  X(PEER, 1)                    \
  X(ERROR, 2)                   \
  X(IDLE, 3)                    \
  X(OVERFLOW, 4)

#define HEDDLE_ENUMERATOR(name, value) name = value,
// Plain enums in structs: the values are words of a protocol, compared and stored as integers.
struct In {
  enum Kind : int32_t { HEDDLE_IN_KINDS(HEDDLE_ENUMERATOR) };
};
struct Out {
  enum Kind : int32_t { HEDDLE_OUT_KINDS(HEDDLE_ENUMERATOR) };
};
struct Control {
  enum Cell : int32_t { HEDDLE_CONTROL_CELLS(HEDDLE_ENUMERATOR) };
};
struct Clock {
  enum Cell : int32_t { HEDDLE_CLOCK_CELLS(HEDDLE_ENUMERATOR) };
};
struct Phase {
  enum Id : int32_t { HEDDLE_PHASES(HEDDLE_ENUMERATOR) };
};
struct RequestFlag {
  enum Bit : uint32_t { HEDDLE_REQUEST_FLAGS(HEDDLE_ENUMERATOR) };
};
struct RespondFlag {
  enum Bit : uint32_t { HEDDLE_RESPOND_FLAGS(HEDDLE_ENUMERATOR) };
};
struct CloseReason {
  enum Id : int32_t { HEDDLE_CLOSE_REASONS(HEDDLE_ENUMERATOR) };
};
#undef HEDDLE_ENUMERATOR

constexpr uint32_t kControlWords = 16;
constexpr uint32_t kClockCells = 8;
constexpr uint32_t kHandleIndexMask = 0xffffff;
// In the mask of a watch: it answers FD_READ and FD_WAIT instead of reporting (MaskBit.ASKED).
constexpr uint32_t kAsked = 0x100;

// Words that a record of the outbox has at least, so that reading its arguments stays inside it.
// Kinds that are not listed carry a handle.
constexpr uint32_t leastOutWords(int32_t kind) {
  switch (kind) {
    case Out::FD_MASK:
    case Out::TRIGGER:
    case Out::FD_READ:
    case Out::FD_WAIT:
    case Out::IDLE_TIMEOUT:
    case Out::JOB_REMOVE:
    case Out::HTTP_END:
    case Out::HTTP_BODY_RESUME:
    case Out::HTTP_BODY_PAUSE:
    case Out::HTTP_WANT_DRAIN:
      return 3;
    case Out::TIMER_ADD:
    case Out::WRITE:
    case Out::WRITE_RECEIVED:
      return 4;
    case Out::HTTP_CHUNK:
      return 5;
    case Out::HTTP_RESPOND:
      return 7;
    case Out::JOB_RESULT:
      return 6;
    case Out::JOB_ADD:
      return 7;
    case Out::JOB_ADD_WITH:
      return 17;
    case Out::HTTP_HEAD:
      return 8;
    default:
      return 2;
  }
}

// Records after which JavaScript may want something else of the same thing: to pause it, to read
// what made it ready. A loop on a thread of its own makes no further pass until such a one has been
// dispatched, so that what JavaScript says holds from its next record on. Of the others JavaScript
// gets no more than it has asked for.
constexpr bool wantsAnswer(int32_t kind) {
  switch (kind) {
    case In::RECURRENT:
    case In::FD:
    case In::PHASE:
    case In::ACCEPT:
    case In::CONNECT:
    case In::DATA:
    case In::END:
    case In::HTTP_BODY:
      return true;
    default:
      return false;
  }
}

constexpr int32_t recordHead(int32_t kind, uint32_t words) {
  return static_cast<int32_t>(static_cast<uint32_t>(kind) | (words << 8));
}

}  // namespace heddle::loop
