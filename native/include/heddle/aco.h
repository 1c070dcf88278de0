/*
 * Coroutines for native modules: code that reads as if it blocked, on Heddle's event loops.
 *
 * Every function that says "waits" lets the loop go on meanwhile; between two of them nothing else
 * of the loop runs. A coroutine stays on the thread of its loop.
 *
 * THE SHARED STACK. Coroutines of a loop take turns on one stack; what one has there is put aside
 * while another runs. So the address of a local variable means nothing to anybody else while the
 * coroutine waits: not to another coroutine, not to another thread, not to a clean-up. Pass such
 * things on the heap. Buffers of read and write may be locals: they are only used while the
 * coroutine runs. Keep frames small: what is in use at a wait is what is copied.
 *
 * Reads, writes and accepts that need not wait still let others run after every 64 of them.
 *
 * Thread rule: inside a coroutine, unless a function says "any thread". Outside of one the
 * functions that wait return -EPERM; read and write are plain calls there that return -EAGAIN.
 *
 * Errors that every wait may return:
 *   -ETIME      the time-out came first; the event is as usable as before
 *   -ECANCELED  the coroutine was cancelled, or the loop ends. Every later wait fails so as well:
 *               clean up and exit. A coroutine that goes on waiting is ended in its 64th such wait.
 *   -EBUSY      another coroutine waits for the same thing
 *   -ENOMEM     there is no memory for the wait
 */
#ifndef HEDDLE_ACO_H
#define HEDDLE_ACO_H

#include "heddle.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Time-outs, in nanoseconds. Any negative number is the default of the event, which is for ever
 * unless it was set; 0 does not wait at all. */
#define HEDDLE_DEFAULT_TIMEOUT ((int64_t)-1)
#define HEDDLE_FOREVER INT64_MAX

/* A descriptor as coroutines see it. Made by adopt and accept-like calls, ended by release or
 * free_event; in between its descriptor belongs to it. */
typedef struct heddle_event heddle_event;
/* Collects asynchronous calls. Made by gate_make, ended by gate_free. */
typedef struct heddle_gate heddle_gate;

/* How to wait. NULL in place of one: { HEDDLE_DEFAULT_TIMEOUT, NULL }. */
struct heddle_wait {
  int64_t timeout_ns; /* for the operation as a whole */
  size_t* done;       /* may be NULL: bytes transferred, also when the operation fails */
};

/* Which default time-out of an event is meant: values of `direction` below. */
enum heddle_direction { HEDDLE_READ = 1, HEDDLE_WRITE = 2, HEDDLE_ACCEPT = 3 };

/* The number that precedes the bytes of a frame. NULL in place of one: 4 bytes, big-endian, not
 * counting itself. */
struct heddle_frame {
  uint8_t header_bytes;  /* 1, 2, 4 or 8 */
  uint8_t little_endian; /* else big-endian */
  uint8_t counts_header; /* the number includes the header */
  uint8_t reserved[5];   /* 0 */
};

struct heddle_address {
  int32_t family; /* 1: a Unix path, 4: IPv4, 6: IPv6, 0: something else */
  int32_t port;   /* 0 for a Unix path */
  char host[128]; /* numeric, or the path */
};

#define HEDDLE_START_OWN_STACK 1u /* never copied: for large frames, or to share locals */
#define HEDDLE_START_KEEPS_FLOATING                             \
  2u /* changes of the floating-point control words stay inside \
      */

struct heddle_start {
  heddle_procedure procedure;
  void* argument;
  size_t argument_bytes;  /* not 0: so many bytes at the argument are copied; freed at the end */
  size_t max_stack_bytes; /* 0: 32 KiB. Needing more ends the coroutine */
  const char* name; /* for lists and reports, may be NULL; stays there until the process ends */
  uint32_t loop;    /* 0: this thread's loop, or the default loop; else the loop of that number */
  uint32_t flags;   /* HEDDLE_START_... */
};

#define HEDDLE_ASYNCH_TRY 1u /* -EAGAIN instead of waiting in a queue over its backlog */

enum heddle_phase { HEDDLE_WORK = 1, HEDDLE_CLEANUP = 2, HEDDLE_COMPLETE = 3 };

/* How to call a function asynchronously. NULL in place of one: all zero. */
struct heddle_asynch {
  const char* queue;   /* NULL: "default"; -ENOENT: there is none of that name */
  uint64_t subqueue;   /* 0: none */
  int64_t deadline_ns; /* on the clock of now_ns: to begin by, else -ETIME; 0: none */
  heddle_gate* gate;   /* not NULL: the call returns at once, the gate waits for it */
  size_t copy_bytes;   /* of the argument, at most 1 MiB: the function gets a copy, which is copied
                          back when it is done (not with a gate) */
  int64_t* result;     /* may be NULL: what the function returned. With a gate it must not lie on
                          the coroutine's stack */
  uint32_t flags;      /* HEDDLE_ASYNCH_... */
  uint32_t reserved;   /* 0 */
};

struct heddle_listen {
  const char* host;         /* numeric address; NULL: 127.0.0.1 */
  const char* path;         /* not NULL: a Unix socket instead */
  heddle_procedure serve;   /* gets the connection's heddle_event; may return */
  const char* name;         /* as in heddle_start */
  size_t max_stack_bytes;   /* 0: 32 KiB */
  int32_t port;             /* 0: any free one */
  int32_t backlog;          /* 0: 511 */
  uint32_t max_connections; /* served at a time; 0: no limit */
  uint32_t reserved;        /* 0 */
};

struct heddle_aco_api {
  uint32_t version; /* HEDDLE_API_VERSION of Heddle */
  uint32_t size;    /* of this table, in bytes */

  /* --- the coroutine itself */

  /* Starts a coroutine and returns its id, above 0. Any thread. On the thread of the loop it runs
   * at once until its first wait; from inside a coroutine, as soon as that one waits; from another
   * thread, with one of the loop's next passes, and then the result is 0. -EINVAL: no procedure;
   * -ENXIO: no loop; -ENOENT: that loop is gone; -ENOBUFS: it does not keep up; -ESHUTDOWN: it
   * ends; -ENOMEM. */
  int64_t (*start)(const struct heddle_start* options);
  /* The argument that it was started with; NULL outside of a coroutine. A copied argument has a
   * size, others 0. */
  void* (*arg)(void);
  size_t (*arg_bytes)(void);
  /* Ends it, from any depth. Its clean-ups run. */
#if defined(__GNUC__)
  __attribute__((noreturn))
#endif
  void (*exit)(void);
  /* Its id; 0 outside of coroutines. Any thread. */
  uint64_t (*self)(void);
  /* The number of the loop of this coroutine or thread; 0: it has none. Any thread. */
  uint32_t (*loop)(void);
  /* A clean-up: runs once when the coroutine ends, in whatever way, the newest first; outside of
   * the coroutine, so it cannot wait. 0, -EPERM, -ENOMEM. */
  int (*on_end)(void (*run)(void* context), void* context);
  /* Waits at least so long; 0 or less lets others run once. */
  int (*sleep)(int64_t ns);
  /* Waits for unpark and fetches its value. */
  int (*park)(uint64_t* value, int64_t timeout_ns);
  /* Any thread. `loop` 0: this thread's. A value for the coroutine's park, the present or the next:
   * -EALREADY: it has not fetched the one before. -ESRCH: it has ended. For a loop of another
   * thread 0 says that it was sent, -ENOENT that the loop is gone. */
  int (*unpark)(uint32_t loop, uint64_t id, uint64_t value);
  /* Any thread, as unpark. Its wait, and every later one, returns -ECANCELED. */
  int (*cancel)(uint32_t loop, uint64_t id);
  /* A section of the epochs: what is found in shared memory inside of it stays there until it is
   * left, also across waits. It must be left before the end. -EPERM: the thread takes no part, or
   * nothing was entered. */
  int (*enter_section)(void);
  int (*leave_section)(void);
  /* The monotonic clock. Any thread. */
  int64_t (*now_ns)(void);

  /* --- events */

  /* Takes over an open descriptor, which becomes non-blocking. -EBADF; -EBUSY: a classic event
   * watches it; -ENFILE; -ENOMEM: it stays the caller's. */
  int (*adopt)(int fd, heddle_event** out);
  /* Gives it back; the event is gone. -EBUSY; -ENOTEMPTY: bytes were read ahead, see buffered. */
  int (*release)(heddle_event* event);
  /* Ends the event; an open descriptor leaks, with a warning. -EBUSY. */
  int (*free_event)(heddle_event* event);
  /* At least one byte, or 0 at the peer's end. */
  int64_t (*read)(heddle_event* event, void* buffer, size_t size, const struct heddle_wait* wait);
  /* All of `size`; fewer only at the peer's end. */
  int64_t (*read_exact)(heddle_event* event, void* buffer, size_t size,
                        const struct heddle_wait* wait);
  /* Up to and including the delimiter. -EMSGSIZE: not within `size`; -ENODATA: the peer ended, with
   * *done bytes left to read. Nothing is consumed when it fails. */
  int64_t (*read_until)(heddle_event* event, void* buffer, size_t size, const void* delimiter,
                        size_t delimiter_bytes, const struct heddle_wait* wait);
  /* The bytes of one frame. -EMSGSIZE: larger than `size`, *done is how large; -ENODATA: the peer
   * ended, with *done bytes left to read; -EBADMSG: its number cannot be. Nothing is consumed when
   * it fails. */
  int64_t (*read_frame)(heddle_event* event, void* buffer, size_t size,
                        const struct heddle_frame* format, const struct heddle_wait* wait);
  /* At least one byte, as write(2). */
  int64_t (*write)(heddle_event* event, const void* bytes, size_t size,
                   const struct heddle_wait* wait);
  /* All of them; with an error *done says how many. */
  int64_t (*write_all)(heddle_event* event, const void* bytes, size_t size,
                       const struct heddle_wait* wait);
  /* A connection's descriptor, non-blocking, the caller's. `peer` may be NULL. -EMFILE, -ENFILE:
   * the client stays in the queue. */
  int64_t (*accept)(heddle_event* event, struct heddle_address* peer,
                    const struct heddle_wait* wait);
  /* The descriptor is gone whatever the result; the event is still to be freed. */
  int (*close)(heddle_event* event);
  /* Negative: for ever. -EINVAL: no such direction. */
  int (*set_timeout)(heddle_event* event, int direction, int64_t ns);
  int64_t (*timeout)(const heddle_event* event, int direction);
  void (*set_closure)(heddle_event* event, void* closure);
  void* (*closure)(const heddle_event* event);
  /* -1 when closed. */
  int (*descriptor)(const heddle_event* event);
  /* Bytes that were read ahead: the next read gets them first. */
  size_t (*buffered)(const heddle_event* event);

  /* --- asynchronous calls */

  /* The function runs on another thread; waits for it. 0, or why it did not run: -ETIME (past its
   * deadline), -ECANCELED, -EAGAIN, -ENOENT, -EFAULT (the argument lies on the coroutine's stack:
   * see copy_bytes), -EINVAL, -EALREADY (the gate was waited for). */
  int (*asynch)(int64_t (*function)(void* argument), void* argument,
                const struct heddle_asynch* options);
  /* HEDDLE_WORK and HEDDLE_CLEANUP come on the other thread, HEDDLE_COMPLETE on the loop's before
   * the coroutine goes on. HEDDLE_CLEANUP comes in every case, also without HEDDLE_WORK. */
  int (*asynch_phased)(int64_t (*function)(enum heddle_phase phase, void* argument), void* argument,
                       const struct heddle_asynch* options);
  /* NULL: no memory. */
  heddle_gate* (*gate_make)(void);
  /* Waits until all calls of the gate are done; at once when there is none. -EALREADY: it was
   * waited for before. */
  int (*gate_wait)(heddle_gate* gate, int64_t timeout_ns);
  /* -EBUSY: a coroutine waits. Calls under way go on. */
  int (*gate_free)(heddle_gate* gate);

  /* --- listeners, on a loop's thread, in coroutines or outside */

  /* Serves every connection in a coroutine of its own. Returns a handle above 0; -EINVAL, -ENXIO,
   * or what the system says. */
  int64_t (*listen)(const struct heddle_listen* options);
  int (*close_listener)(int64_t handle);
  /* Where it listens. */
  int (*listener_address)(int64_t handle, struct heddle_address* out);
};

#ifdef __cplusplus
}
#endif

#endif
