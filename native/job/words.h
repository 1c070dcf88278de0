// The numbers of lib/backend/jobs.ts; a test compares the two.
#pragma once

#include <cstdint>

namespace heddle::job {

#define HEDDLE_JOB_OUTCOMES(X) \
  X(VALUE, 0)                  \
  X(ERROR, 1)                  \
  X(TIMED_OUT, 2)              \
  X(REMOVED, 3)                \
  X(WORKER_DIED, 4)            \
  X(SHUTDOWN, 5)               \
  X(NO_MEMORY, 6)              \
  X(RUN_TIMED_OUT, 7)          \
  X(WEDGED, 8)                 \
  X(NO_THREAD, 9)

#define HEDDLE_JOB_FLAGS(X) \
  X(BLOCK, 1)               \
  X(RESERVED, 2)            \
  X(BOUND, 4)               \
  X(PHASED, 8)              \
  X(SKIP_WORK, 16)          \
  X(CANCEL_SIGNAL, 32)      \
  X(CANCEL_TERMINATE, 64)   \
  X(COMPLETES, 128)         \
  X(DROPPABLE, 256)         \
  X(RAW, 512)               \
  X(POSTABLE, 1024)         \
  X(LIMITED, 2048)

#define HEDDLE_JOB_CLAIMS(X) \
  X(FREE, 0)                 \
  X(GIVEN, 1)                \
  X(RUNNING, 2)              \
  X(SIGNALLED, 3)            \
  X(TAKEN_BACK, 4)

#define HEDDLE_JOB_STATS(X) \
  X(BACKLOG, 0)             \
  X(INFLIGHT, 1)            \
  X(TOTAL, 2)               \
  X(TIMEOUTS, 3)            \
  X(AVG_WAIT_MS, 4)         \
  X(AVG_RUN_MS, 5)          \
  X(CONCURRENCY, 6)         \
  X(DESIRED, 7)             \
  X(MIN, 8)                 \
  X(MAX, 9)                 \
  X(FLOOR, 10)              \
  X(MAX_BACKLOG, 11)        \
  X(LIFO, 12)               \
  X(PAUSED, 13)             \
  X(STATE, 14)              \
  X(IDLE, 15)               \
  X(SAFETY, 16)

#define HEDDLE_JOB_ENUMERATOR(name, value) name = value,
// Plain enums in structs, as in loop/protocol.h: they are stored and sent as integers.
struct JobOutcome {
  enum Id : int32_t { HEDDLE_JOB_OUTCOMES(HEDDLE_JOB_ENUMERATOR) };
};
struct JobFlag {
  enum Bit : uint32_t { HEDDLE_JOB_FLAGS(HEDDLE_JOB_ENUMERATOR) };
};
struct Claim {
  enum State : int32_t { HEDDLE_JOB_CLAIMS(HEDDLE_JOB_ENUMERATOR) };
};
struct JobStat {
  enum Place : uint32_t { HEDDLE_JOB_STATS(HEDDLE_JOB_ENUMERATOR) };
};
#undef HEDDLE_JOB_ENUMERATOR
struct JobQueueKind {
  enum Id : int32_t { NATIVE = 0, WORKER = 1 };
};
struct JobSafety {
  enum Id : int32_t { NONE = 0, CS = 1, GC = 2 };
};
struct JobWorkerWish {
  enum Id : int32_t { START = 0, TERMINATE = 1 };
};

constexpr uint32_t kJobStats = 17;
constexpr uint32_t kClaims = 64;
// Behind the claims: when each was begun.
constexpr uint32_t kBegins = kClaims;
constexpr uint32_t kClaimCells = 2 * kClaims;

}  // namespace heddle::job
