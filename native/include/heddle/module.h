/*
 * Native modules: a life-cycle, options, hooks, typed memory, jobs and events for a shared library
 * that a configuration loads. Plain C11, no Node, no C++.
 *
 *     #include <heddle/module.h>
 *
 *     static const struct heddle_api *heddle;
 *     static int32_t limit;
 *
 *     static int conf_setup(const struct heddle_api *api, heddle_self *self) {
 *       static const struct heddle_option option = {.name = "limit", .type = HEDDLE_INT64,
 *                                                   .default_text = "10"};
 *       heddle = api;
 *       return api->options->declare(self, &option, &limit);
 *     }
 *
 *     static int ext_init(heddle_self *self, const struct heddle_init *init) { ... return 0; }
 *
 *     HEDDLE_MODULE = {HEDDLE_MODULE_HEAD, .name = "counter", .conf_setup = conf_setup,
 *                      .ext_init = ext_init};
 *
 * LIFE. conf_setup is called when the first configuration that has the module is made in an
 * isolate, and again only if that has failed; it declares options, hooks and memtypes. ext_init is
 * called with HEDDLE_INIT for each configuration that is being made, privileged the first time at
 * the start of the program, then once with HEDDLE_POSTINIT. What any of them returns below 0 fails
 * the configuration: it is not used, the one before stays. The last call is HEDDLE_DESTROY, when
 * nobody reads that configuration any more, also where HEDDLE_INIT has failed; of a singleton
 * HEDDLE_EXIT, when the program ends, or a configuration has failed that was to bring it. Before,
 * its providers have been left by every thread, and its timers and watches on the loops of this
 * thread have ended, so that their descriptors can be closed.
 *
 * A SELF is one object of the module: of a singleton there is one, of other modules one for each
 * configuration, or, of stanzas with names, for each of them. It is there from its first call until
 * its last one has returned and its jobs are done. The one that conf_setup of a module gets which
 * is no singleton is none of these: it declares and validates, and sees neither HEDDLE_INIT nor
 * HEDDLE_DESTROY, so that data set on it stays its own.
 *
 * JOBS may be under way when a self ends, and are told afterwards. What their functions use is
 * theirs: a block that `done` frees, or one with a count, of which the self has one and each job
 * one (test/modules/worker.c shows it). free(data) in HEDDLE_DESTROY alone takes it from under
 * them.
 *
 * ISOLATES. A program may load the module in several isolates: each calls conf_setup and has its
 * selves, and the library's static variables are one for all. Slots and hooks belong to an isolate:
 * modules for more than one keep them in a block that every self of an isolate shares.
 *
 * Thread rule: the isolate's thread, in a call of Heddle's, unless a function says "any thread".
 * Nothing here may be called on a coroutine's stack, except log and what says "any thread".
 *
 * A CRASH in a module, as in any native code, is the end of the process: nothing is caught. Neither
 * is an endless loop in a callback: everything of that thread waits for it.
 */
#ifndef HEDDLE_MODULE_H
#define HEDDLE_MODULE_H

#include "heddle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heddle_self heddle_self;
/* Where a control command's answer goes. Good until the command returns. */
typedef struct heddle_response heddle_response;
/* The values of a module's options in one configuration. They never change. */
typedef struct heddle_values heddle_values;
/* A hook of this module's. There as long as any self of its isolate. */
typedef struct heddle_hook heddle_hook;

/* --- values: of options, and arguments of hooks */

enum heddle_type {
  HEDDLE_NONE = 0, /* null and undefined */
  HEDDLE_INT64 = 1,
  HEDDLE_DOUBLE = 2,
  HEDDLE_BOOL = 3, /* as.integer is 0 or 1 */
  HEDDLE_TEXT = 4,
  HEDDLE_BYTES = 5,
  HEDDLE_UINT64 = 6,
  HEDDLE_OTHER = 7 /* an object of JavaScript, which means nothing here */
};

/* From JavaScript a whole number within 2^53 comes as HEDDLE_INT64, any other number as
 * HEDDLE_DOUBLE, a bigint as HEDDLE_INT64 or HEDDLE_UINT64. To JavaScript 64-bit numbers beyond
 * 2^53 go as bigint, bytes as a copy. */
struct heddle_value {
  int32_t type; /* enum heddle_type */
  uint32_t reserved;
  union {
    int64_t integer;
    uint64_t natural; /* HEDDLE_UINT64 */
    double real;
    const char* text; /* UTF-8; a NUL follows, and may be within */
    const void* bytes;
  } as;
  size_t size; /* bytes of HEDDLE_TEXT (without the NUL that follows) and HEDDLE_BYTES; else 0 */
};

/* --- what a library exports */

enum heddle_mode { HEDDLE_INIT = 1, HEDDLE_POSTINIT = 2, HEDDLE_DESTROY = 3, HEDDLE_EXIT = 4 };

struct heddle_init {
  int32_t mode; /* enum heddle_mode */
  /* Not 0: the program starts, and has not yet given up what it may do. HEDDLE_POSTINIT follows,
   * which is the place to read options; a later HEDDLE_INIT, not privileged, has to do both. */
  int32_t privileged;
  /* The options as they are in the configuration that this call is about. NULL with
   * HEDDLE_DESTROY and HEDDLE_EXIT. As long as the call. */
  const heddle_values* values;
};

struct heddle_command {
  const char* text; /* what follows the module's name; a NUL ends it */
  size_t size;
  int32_t xml; /* not 0: the answer is to be XML */
  uint32_t reserved;
};

#define HEDDLE_MODULE_SINGLETON 1u

struct heddle_module {
  /* The first three by HEDDLE_MODULE_HEAD. */
  uint32_t version;  /* HEDDLE_API_VERSION */
  uint32_t size;     /* of this struct; one of an older header is shorter */
  uint32_t revision; /* HEDDLE_API_REVISION: a Heddle of an earlier one refuses the module */
  uint32_t flags;    /* HEDDLE_MODULE_... */
  const char* name;
  const char* description; /* may be NULL */
  int (*conf_setup)(const struct heddle_api* api, heddle_self* self);
  int (*ext_init)(heddle_self* self, const struct heddle_init* init);
  /* May be NULL. Below 0 the command has failed; what was appended is its answer in any case. */
  int (*control)(heddle_self* self, const struct heddle_command* command,
                 heddle_response* response);
};

#if defined(__GNUC__)
#define HEDDLE_EXPORT __attribute__((visibility("default")))
#else
#define HEDDLE_EXPORT
#endif

/* The module of a library, for the section of the manifest that has its name, whatever the case.
 * A library with several has HEDDLE_MODULE_NAMED(x) for each, for the section x. */
#define HEDDLE_MODULE_NAMED(name_)                                       \
  extern HEDDLE_EXPORT const struct heddle_module heddle_module_##name_; \
  const struct heddle_module heddle_module_##name_
#define HEDDLE_MODULE                                            \
  extern HEDDLE_EXPORT const struct heddle_module heddle_module; \
  const struct heddle_module heddle_module
#define HEDDLE_MODULE_HEAD                                             \
  .version = HEDDLE_API_VERSION, .size = sizeof(struct heddle_module), \
  .revision = HEDDLE_API_REVISION

/* --- the self */

struct heddle_module_api {
  uint32_t version;
  uint32_t size; /* of this table, in bytes */

  /* The name in the configuration: "counter", or "counter:instance" where the stanza has a name.
   * Any thread. */
  const char* (*name)(const heddle_self* self);
  /* Whatever the module keeps for itself; NULL at first. Any thread: what was written before
   * set_data is seen by whoever gets it. */
  void* (*data)(const heddle_self* self);
  void (*set_data)(heddle_self* self, void* data);
  /* The self stays after its last call until it is released as often as it was held. Any thread
   * that has it. */
  void (*hold)(heddle_self* self);
  void (*release)(heddle_self* self);
  /* Notes why a phase, a command or a validation fails, cut to 1000 bytes, and returns -1:
   * `return heddle->module->fail(self, "no such port")`. */
  int (*fail)(heddle_self* self, const char* text);
  /* More of the answer to a command. -ENOMEM; -EMSGSIZE: an answer has at most 16 MiB. */
  int (*append)(heddle_response* response, const char* text, size_t size);
  /* As printf. */
#if defined(__GNUC__)
  __attribute__((format(printf, 2, 3)))
#endif
  int (*format)(heddle_response* response, const char* format, ...);
};

/* --- options */

#define HEDDLE_OPTION_ARRAY 1u              /* key = (a b c) */
#define HEDDLE_OPTION_NOT_TUNABLE_ONLINE 2u /* a change after the start is warned of */

struct heddle_option {
  const char* name;
  int32_t type;   /* HEDDLE_INT64 (32 bits in the file), HEDDLE_UINT64, HEDDLE_DOUBLE, HEDDLE_BOOL,
                     HEDDLE_TEXT */
  uint32_t flags; /* HEDDLE_OPTION_... */
  /* Where it may stand, as a path: "Binding:Domain>Domain>Global". NULL: in the module's own
   * stanza. */
  const char* scopes;
  const char* default_text; /* as it would stand in the file; NULL: none */
  /* May be NULL. After the values were found to be of the type: 0 accepts them, anything else fails
   * the configuration, with what `fail` noted. The values are good until it returns. */
  int (*validate)(heddle_self* self, const struct heddle_value* values, size_t count);
};

/* An array has at most 65536 values, else the configuration fails with E2BIG. */

struct heddle_option_api {
  uint32_t version;
  uint32_t size;

  /* In conf_setup. `*slot` is what its value is read by. The texts must stay until conf_setup has
   * returned. -EPERM: not in conf_setup; -EINVAL: no name, no such type or flag; -ENOSPC: 4096 are
   * the most; -ENOMEM. What else may be wrong (the name, the scopes, the default, another option of
   * that name) fails conf_setup when it has returned. */
  int (*declare)(heddle_self* self, const struct heddle_option* option, int32_t* slot);

  /* Those of the configuration that is in use; before it is, those it had before, or NULL. Any
   * thread, and good until the call of Heddle's returns that one is in, or the section of the
   * epochs is left that the thread or the coroutine has entered. NULL on a thread in neither. */
  const heddle_values* (*current)(const heddle_self* self);
  /* The same, good until they are released. Any thread, at any time. */
  const heddle_values* (*hold)(const heddle_self* self);
  void (*release)(const heddle_values* values);

  /* Any thread, all of these. -ENOENT: no value and no default; -EINVAL: an array, or of another
   * type. */
  int (*int64)(const heddle_values* values, int32_t slot, int64_t* out);
  int (*uint64)(const heddle_values* values, int32_t slot, uint64_t* out);
  int (*real)(const heddle_values* values, int32_t slot, double* out);
  int (*boolean)(const heddle_values* values, int32_t slot, int* out);
  int (*text)(const heddle_values* values, int32_t slot, const char** out);
  /* Of any option: the values of an array in their order, or the one. NULL and 0: there is none. */
  const struct heddle_value* (*array)(const heddle_values* values, int32_t slot, size_t* count);
};

/* --- hooks */

/* `result` is HEDDLE_NONE: what is set is the provider's value; texts and bytes must stay until the
 * caller goes on (static, or the self's). An errno fails it, with what `fail` noted. */
typedef int (*heddle_provider)(void* closure, const struct heddle_value* arguments, size_t count,
                               struct heddle_value* result);

enum heddle_place { HEDDLE_FIRST = 1, HEDDLE_LAST = 2 };

enum heddle_hook_kind {
  HEDDLE_HOOK_VOID = 0,     /* all run; no value */
  HEDDLE_HOOK_NON_ZERO = 1, /* until one gives something but 0, false, "" or none: that */
  HEDDLE_HOOK_FIRST = 2     /* the first one's value; the others do not run */
};

struct heddle_hook_api {
  uint32_t version;
  uint32_t size;

  /* The provider of a hook, which may be declared later. A singleton's in conf_setup, else in
   * ext_init with HEDDLE_INIT or HEDDLE_POSTINIT that is not privileged, and then for the
   * configuration that is being made. `closure` NULL: the self. The names must stay until the phase
   * has returned. -EPERM: another time; -EINVAL; -ENOSPC: 4096 are the most; -ENOMEM. What is wrong
   * with it otherwise fails the phase when it has returned. */
  int (*provide)(heddle_self* self, const char* scope, const char* name, int place,
                 heddle_provider provider, void* closure);
  /* In conf_setup: a hook of the module's own, which modules of either kind may provide. As
   * provide. */
  int (*declare)(heddle_self* self, const char* scope, const char* name, int kind,
                 heddle_hook** out);
  /* Whether there are providers in the configuration that is in use. Any thread. */
  int (*has)(const heddle_hook* hook);
  /* Runs the providers, and returns how many did where all of them are native, else 0. `result` may
   * be NULL; its text or bytes are good until the next call of a hook on this thread.
   * Native providers are called directly, on any thread that takes part in epochs (isolates,
   * loops and threads of queues do). Where one of JavaScript's is among them: in a call of
   * Heddle's on the isolate's thread only, else -EPERM; see post.
   * An errno that a provider of a void hook returned is reported as a HookError, and the others
   * run; of another kind it is the result, -ECANCELED for an exception of JavaScript's. */
  int (*call)(heddle_hook* hook, const struct heddle_value* arguments, size_t count,
              struct heddle_value* result);
  /* Any thread, also on a coroutine's stack and in callbacks of events: the arguments are copied,
   * and the providers run on the isolate's thread, soon, in the order of the posts of a thread.
   * -EINVAL: not a void hook, or more than 64 arguments; -ENOBUFS: 65536 wait already; -ESHUTDOWN:
   * the isolate has ended; -ENOMEM. */
  int (*post)(heddle_hook* hook, const struct heddle_value* arguments, size_t count);
};

/* --- typed memory. Any thread; what one allocated another may free. Misuse (a wrong type, a second
 * free, a foreign pointer) ends the process with a text that names both types. NULL: no memory. */

struct heddle_memtype {
  const char* name;      /* "module:thing", at most 63 bytes; copied */
  size_t bytes;          /* of a block; 0: blocks of any size */
  uint32_t align;        /* a power of two up to 4096; 0: 16 */
  uint32_t fill_garbage; /* 1 + the byte that new blocks are filled with; 0: none */
};

struct heddle_memory_api {
  uint32_t version;
  uint32_t size;

  /* The id, above 0; of the same definition the same. Types are the process's and stay for its
   * life, also when conf_setup then fails: a corrected module has its definitions as they were, or
   * under another name. -EINVAL: what is wrong with it, or the name has another definition;
   * -ENOSPC. */
  int64_t (*register_type)(const struct heddle_memtype* type);
  void* (*allocate)(int64_t type);
  void* (*allocate_bytes)(int64_t type, size_t bytes);
  /* Keeps the smaller of both sizes; `block` NULL allocates. */
  void* (*reallocate)(int64_t type, void* block, size_t bytes);
  void (*free)(int64_t type, void* block);
};

/* --- jobs */

#define HEDDLE_JOB_TRY 1u /* -EAGAIN instead of waiting in a queue over its backlog */

struct heddle_job {
  /* On a thread of the queue. */
  int64_t (*work)(void* argument);
  /* On the thread that submitted it, by its loop, exactly once. `status` is 0, or why `work` did
   * not run: -ETIME, or -ECANCELED when the loop or the queue has ended first. May be NULL. */
  void (*done)(void* argument, int status, int64_t result);
  void* argument;
  const char* queue;   /* NULL: "default" */
  uint64_t subqueue;   /* 0: none */
  int64_t deadline_ns; /* on the clock of aco->now_ns: to begin by; 0: none */
  uint32_t flags;      /* HEDDLE_JOB_... */
  uint32_t reserved;   /* 0 */
};

struct heddle_job_api {
  uint32_t version;
  uint32_t size;

  /* On the thread of a loop, not on a coroutine's stack (-EPERM). 0: `done` will be called. -ENXIO:
   * the thread has no loop, which is so before HEDDLE_POSTINIT at the start; -ENOENT: no such
   * queue; -EAGAIN; -EINVAL; -ESHUTDOWN; -ENOMEM. The end of a loop waits for its jobs that run.
   * The self stays until `done` has returned. */
  int (*submit)(heddle_self* self, const struct heddle_job* job);
};

/* --- events: on the thread of a loop, whose callbacks they are: of the loop whose callback asks,
 * else of the isolate's first. -ENXIO and -EPERM as for jobs. Callbacks run inside of the loop's
 * pass, not on a coroutine's stack: they must not wait, and to call hooks with providers in
 * JavaScript they post. They run no more once the self's last call has begun. */

#define HEDDLE_READABLE 1u
#define HEDDLE_WRITABLE 2u
#define HEDDLE_EXCEPTION 4u /* always reported */

struct heddle_event_api {
  uint32_t version;
  uint32_t size;

  /* Calls `run` once, not before `delay_ns` (0 and less: with the next pass); as long as that
   * returns something above 0, again so many nanoseconds later. A handle above 0; -EINVAL; -ENXIO;
   * -ENFILE; -ESHUTDOWN; -ENOMEM. */
  int64_t (*timer)(heddle_self* self, int64_t delay_ns, int64_t (*run)(void* closure),
                   void* closure);
  /* Calls `ready` whenever the descriptor is ready for one of `mask`, as long as it is. It returns
   * the mask to go on with; 0 ends the watch. The descriptor stays the module's, and is closed
   * after the watch has ended: when `cancel` has returned, in HEDDLE_DESTROY, or in the callback
   * that returns 0. As timer; -EINVAL: no mask; -EBADF; -EEXIST: somebody watches it; -EPERM: a
   * file. */
  int64_t (*watch)(heddle_self* self, int fd, uint32_t mask,
                   uint32_t (*ready)(void* closure, int fd, uint32_t mask), void* closure);
  /* Of a timer or a watch on a loop of this thread, also within its callback. -EPERM: on a
   * coroutine's stack; -ENOENT: it has ended, or is another thread's. */
  int (*cancel)(int64_t handle);
};

/* --- the log */

enum heddle_level { HEDDLE_DEBUG = 1, HEDDLE_INFO = 2, HEDDLE_WARNING = 3, HEDDLE_ERROR = 4 };

struct heddle_log_api {
  uint32_t version;
  uint32_t size;

  /* Any thread, anywhere. A line, cut to 4096 bytes, for the program's log under the module's name.
   * As post: with -ENOBUFS and -ENOMEM it is lost. */
  int (*write)(heddle_self* self, int level, const char* text);
};

#ifdef __cplusplus
}
#endif

#endif
