/**
 * The words that cross the port (DESIGN: one crossing per tick). Native code declares the same numbers in
 * `native/loop/protocol.h`; a test compares the two.
 *
 * A record is a run of 32-bit words. Word 0 is `kind | words << 8`, `words` counting word 0 itself, so a reader
 * can step over a kind it does not know. Records that go in (native to JS) lie in `inbox`, their bytes in `recv`;
 * records that go out lie in `outbox`, their bytes in `send`. Offsets are bytes from the start of the slab.
 *
 * A handle is `index | generation << 24` (24 bits of index). Event handles are given out by JS, connection and
 * listener handles by the backend; the two spaces are separate. A record about a handle whose generation has
 * moved on is dropped by whoever reads it.
 */

/** Kinds of records that the backend writes and JS reads. The comment lists words 1, 2, … */
export const In = {
  /** handle — the timer is due; it is no longer armed in the backend. */
  TIMER: 1,
  /** handle, mask — a trigger queued by `OUT.TRIGGER` or by another thread. */
  TRIGGER: 2,
  /** handle — run the recurrent callback of this pass. */
  RECURRENT: 3,
  /** handle, mask — the descriptor is ready; the watch stays armed with its mask. */
  FD: 4,
  /** phase — only while tracing: the pass enters this phase (see Phase). */
  PHASE: 5,
  /** request, errno — a descriptor handed to `closeFd` has been closed; errno 0 is success. */
  FD_CLOSED: 6,
  /** offset, length — bytes posted to this loop by another thread (`post`), in `recv`. */
  POST: 7,
  /**
   * handle, offset, length — the answer to OUT.FD_READ: so many bytes at `offset` in `recv`, 0 at the end of the stream,
   * or a negative errno.
   */
  FD_DATA: 8,
  /** handle, mask — the answer to OUT.FD_WAIT: what the descriptor is ready for; EXCEPTION alone when waiting failed. */
  FD_READY: 9,
  /** idLow, idHigh, outcome (AcoOutcome) — a native coroutine that this isolate started has ended. */
  ACO_ENDED: 10,
  /** idLow, idHigh, stackBytes, name — a native coroutine was about to go on; while `AcoEngine.reportResumes`. */
  ACO_RESUMED: 11,
  /** trouble (AcoTrouble), idLow, idHigh, name, fd, errno — a mishap of native coroutines that no call can return. */
  ACO_TROUBLE: 12,

  /** listener, connection — a connection was accepted. */
  ACCEPT: 16,
  /** listener, errno — accept failed (EMFILE and the like); the listener goes on by itself. */
  LISTEN_ERROR: 17,
  /** connection, errno — an outgoing connection is established (0) or failed (CLOSE follows). */
  CONNECT: 18,
  /** connection, offset, length — bytes read. */
  DATA: 19,
  /** connection — the peer sent FIN: no DATA follows. */
  END: 20,
  /** connection — output rose above the high-water mark; DRAIN will follow. */
  BLOCKED: 21,
  /** connection — output fell below the low-water mark (after BLOCKED or OUT.WANT_DRAIN). */
  DRAIN: 22,
  /** connection, errno, reason — the last record of a connection handle. reason: see CloseReason. */
  CLOSE: 23,
  /** listener, 0 — the listener's descriptor is closed. */
  LISTENER_CLOSED: 24,
  /** listener — it is closed and the last of its connections is gone; the last record of a listener handle. */
  LISTENER_EMPTY: 25,

  /**
   * listener, connection, seq | flags << 8 | method << 24, headOffset, headLength, targetOffset, targetLength,
   * headerCount, bodyOffset, bodyLength, the index of known headers (INDEX_WORDS), then two words a header
   * (HEADER_WORDS).
   * `headOffset … headOffset+headLength` covers the request line and the header lines. With the flag BODY_COMPLETE
   * the whole (unchunked, decoded) body lies at bodyOffset.
   */
  HTTP_REQUEST: 32,
  /** connection, seq, offset, length, last — decoded body bytes; last = 1 ends the body (length may be 0). */
  HTTP_BODY: 33,
  /** connection, errno, reason — the connection died while requests of it were outstanding. */
  HTTP_ABORT: 34,
  /** connection, seq — a streamed response fell below the low-water mark. */
  HTTP_DRAIN: 35,
  /** connection, seq — a streamed response rose above the high-water mark. */
  HTTP_BLOCKED: 36,
  /** listener, errno, status — a request was refused by the parser or a limit (for the log; status was sent). */
  HTTP_REFUSED: 37,

  /**
   * handle, outcome (JobOutcome), flags, offset, length — a job that this loop submitted is over; its result lies at `offset`
   * in `recv`, or is block `offset` (JobFlag.BLOCK).
   */
  JOB_DONE: 48,
  /**
   * run, target, cleanup, flags, offset, length, subqueueLow, subqueueHigh — to a worker: run this job. `run` is the index of
   * its claim, `cleanup` a target or 0.
   */
  JOB_RUN: 49,
  /** run — to a worker: the job is asked to stop; its claim says so already. */
  JOB_SIGNAL: 50,
  /** — to a worker: the queue needs it no longer; it ends. */
  JOB_LEAVE: 51,
  /** queue, worker, what (JobWorkerWish) — to the host: start a worker thread, or end one in the middle of its job. */
  JOBQ_WORKER: 52,
  /** request, errno — nothing waits or runs in the queue any more, and its threads are gone. */
  JOBQ_DRAINED: 53,
} as const

/** What JOBQ_WORKER asks the host for. */
export const JobWorkerWish = { START: 0, TERMINATE: 1 } as const

/** Kinds of records that JS writes and the backend carries out, in order. */
export const Out = {
  /** handle, low, high — arm a timer; the two words are the bits of a double: deadline in loop milliseconds. */
  TIMER_ADD: 1,
  /** handle — disarm a timer (unknown handles are ignored). */
  TIMER_DELETE: 2,
  /** handle */
  RECURRENT_ADD: 3,
  /** handle */
  RECURRENT_DELETE: 4,
  /** handle, mask — change the mask of a watched descriptor. */
  FD_MASK: 5,
  /** handle, mask — queue a trigger for the next pass of this loop. */
  TRIGGER: 6,
  /**
   * handle, most — read up to `most` bytes as soon as there are any, once; FD_DATA answers. 0: nobody asks any more (an
   * answer may be under way). Of a descriptor watched with ASKED.
   */
  FD_READ: 7,
  /** handle, mask — report once when the descriptor is ready for any of these; FD_READY answers. 0: not any more. */
  FD_WAIT: 8,

  /** connection, offset, length — write bytes of the send slab. */
  WRITE: 16,
  /** connection, offset, length — write bytes of the receive slab (valid during the dispatch that brought them). */
  WRITE_RECEIVED: 17,
  /** connection — report DRAIN as soon as output is below the low-water mark (at once if it is already). */
  WANT_DRAIN: 18,
  /** connection — send FIN after what was written; reading goes on. */
  SHUTDOWN: 19,
  /** connection — close after what was written has been sent. */
  CLOSE: 20,
  /** connection — close at once, unsent output is lost; the peer sees a reset where the system allows. */
  DESTROY: 21,
  /** connection — stop reading. */
  PAUSE: 22,
  /** connection — read again. */
  RESUME: 23,
  /** connection, milliseconds — idle time-out, 0 = none; counts from the last read or write. */
  IDLE_TIMEOUT: 24,

  /**
   * connection, seq | status << 8, flags (RespondFlag), offset, headLength, bodyLength — a whole response. At
   * `offset` lie headLength bytes of extra header lines (each ended by CR LF), then bodyLength bytes of body. The
   * backend writes the status line, Date, Content-Length and Connection.
   */
  HTTP_RESPOND: 32,
  /**
   * connection, seq | status << 8, flags, offset, headLength, lengthLow, lengthHigh — the head of a streamed
   * response; the two length words are the bits of a double, the body length, or -1 for chunked.
   */
  HTTP_HEAD: 33,
  /** connection, seq, offset, length — body bytes of a streamed response (send slab). */
  HTTP_CHUNK: 34,
  /** connection, seq — end of a streamed response. */
  HTTP_END: 35,
  /** connection, seq — the handler wants the request body: deliver HTTP_BODY records (sends 100 Continue if due). */
  HTTP_BODY_RESUME: 36,
  /** connection, seq — stop delivering body records. */
  HTTP_BODY_PAUSE: 37,
  /** connection, seq — report HTTP_DRAIN when output is below the low-water mark (at once if it is already). */
  HTTP_WANT_DRAIN: 38,
  /** connection — destroy the connection (a response that cannot be completed). */
  HTTP_DESTROY: 39,

  /** queue, handle, target, flags, offset, length — a job; its argument lies in `send`, or is block `offset`. JOB_DONE answers. */
  JOB_ADD: 48,
  /**
   * The same, then: cleanup (target or 0), worker (of BOUND), priority (higher is sooner), parent (run of the job that waits
   * for this one, or -1), subqueueLow, subqueueHigh, the bits of two doubles: deadline in loop milliseconds or Infinity,
   * longest run in milliseconds or 0.
   */
  JOB_ADD_WITH: 49,
  /** handle, stop — takes a job out that has not begun (JOB_DONE: REMOVED); one that runs is asked to stop if `stop` is 1. */
  JOB_REMOVE: 50,
  /** handle — the completion of a job with COMPLETES has run. */
  JOB_COMPLETED: 51,
  /** run, outcome (VALUE or ERROR), flags, offset, length — from a worker: the job has ended, with these bytes of `send`. */
  JOB_RESULT: 52,
  /** idle — from a worker: 1: it runs nothing and waits for nothing; 0: a job that it runs waits for something. */
  JOB_IDLE: 53,
} as const

/** Cells of `control` (Int32Array). */
export const Control = {
  /** Words used in the outbox. JS advances it, the backend sets it to 0 when it has applied them. */
  OUT_WORDS: 0,
  /** Bytes used in the send slab. JS advances it, the backend sets it to 0. */
  SEND_BYTES: 1,
  /** Times the outbox was applied. The backend advances it. */
  APPLIED: 2,
  /** Passes of the loop. */
  PASSES: 3,
  /** 1 while JS traces phases. */
  TRACE: 4,
  /** Armed timers. */
  TIMERS: 5,
  /** Open connections (including those that only drain). */
  CONNECTIONS: 6,
  /** Live listeners. */
  LISTENERS: 7,
  /** Watched descriptors. */
  WATCHES: 8,
  /** Calls of the multiplexer's wait; of a dedicated loop, how often its thread has slept. */
  WAITS: 9,
} as const
export const CONTROL_WORDS = 16

/** Cells of `clock` (Float64Array), in loop milliseconds (the scale of `performance.now()`). */
export const Clock = {
  /** Sampled once at the start of the pass. */
  NOW: 0,
  /** Last heartbeat: every pass, and after every callback when `beatPerCallback` is set. */
  LAST_BEAT: 1,
  /** When the loop was started; -1 before. */
  STARTED: 2,
  /** Longest sleep of the loop. */
  MAX_SLEEP: 3,
  /** Of a dedicated loop: milliseconds that its thread has slept in all, up to now if it sleeps. */
  SLEPT: 4,
} as const
export const CLOCK_CELLS = 8

/** Phases of one pass, in order (FEATURES EV-05). */
export const Phase = {
  TIMERS: 1,
  TRIGGERS: 2,
  RECURRENT: 3,
  WAIT: 4,
  HEARTBEAT: 5,
  DESCRIPTORS: 6,
} as const

/** Flags of HTTP_REQUEST (16 bits, bits 8 to 23 of word 3). */
export const RequestFlag = {
  KEEP_ALIVE: 1,
  HTTP_1_0: 2,
  /** A body follows or is complete. */
  HAS_BODY: 4,
  /** The whole body lies in the receive slab beside the head. */
  BODY_COMPLETE: 8,
  /** The client waits for 100 Continue. */
  EXPECT_CONTINUE: 16,
  CHUNKED: 32,
} as const

/** Flags of HTTP_RESPOND and HTTP_HEAD. */
export const RespondFlag = {
  /** Close the connection after this response. */
  CLOSE: 1,
  /** The given header lines contain a Date of their own. */
  HAS_DATE: 2,
  /** The given header lines contain a Content-Length (answers to HEAD, 304). */
  HAS_LENGTH: 4,
} as const

/**
 * Two words per header of a request. Word 0: name offset | name length << 16 | known id << 24, word 1: value
 * offset | value length << 16; offsets count from headOffset. known id 0 = not in KNOWN_HEADERS, otherwise
 * index + 1 into it.
 */
export const HEADER_WORDS = 2

/**
 * Words of the index of a request's headers: one byte per known id, byte 0 for all other names, little endian. 0: no
 * such header, HEADER_SEARCH: several lines or too far behind, otherwise 1 + the position of the only one.
 */
export const INDEX_WORDS = 8
export const HEADER_SEARCH = 0xff

/** Header names that arrive with an id, so that a lookup compares numbers. Lower case; order is the protocol. */
export const KNOWN_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'content-type',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'cookie',
  'referer',
  'origin',
  'authorization',
  'cache-control',
  'if-none-match',
  'if-modified-since',
  'range',
  'expect',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
  'content-encoding',
  'te',
  'date',
  'via',
  'pragma',
  'keep-alive',
] as const

/** Method ids of HTTP_REQUEST. Any other token is OTHER: the name stands at the start of the head. */
export const METHODS = [
  'OTHER',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'CONNECT',
] as const

/** Why a connection ended. */
export const CloseReason = {
  /** Closed by this side (CLOSE, DESTROY, listener torn down). */
  LOCAL: 0,
  /** The peer closed, everything was exchanged. */
  PEER: 1,
  /** An I/O error; errno tells which. */
  ERROR: 2,
  /** Idle time-out. */
  IDLE: 3,
  /** More unsent output than `maxWriteBuffer`. */
  OVERFLOW: 4,
} as const

/** Mask bits of events (FEATURES EK-01). */
export const MaskBit = {
  READ: 0x01,
  WRITE: 0x02,
  EXCEPTION: 0x04,
  /**
   * The watch reports nothing by itself: it answers FD_READ and FD_WAIT. Stays with the descriptor until it is removed,
   * and goes with no other bit. The backend's own, no mask of an event has it.
   */
  ASKED: 0x100,
} as const
