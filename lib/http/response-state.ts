/** Bits of the state of a response. */
export const ResponseState = {
  /** The head is on its way; the body is streamed. */
  HEAD_SENT: 1,
  /** `end` was called. */
  FINISHED: 2,
  /** The client is gone. */
  GONE: 4,
  /** The backend reported output above the high-water mark. */
  BLOCKED: 8,
  /** `write` answered false: DRAIN is due. */
  NEED_DRAIN: 16,
  /** The streamed body has a known length. */
  SIZED: 32,
  /** The server answered in place of the handler: what the handler still does has no effect. */
  ABANDONED: 64,
} as const
