/*
 * Heddle's interface for native modules: plain C11, no Node, no C++.
 *
 * A module is a shared library that exports heddle_register(). It is called when the module is
 * loaded, with the table of what Heddle offers, and registers procedures by name; JavaScript and
 * listeners then start them by that name. A module is loaded once, stays loaded until the process
 * ends, and may keep the table.
 *
 *     #include <heddle/aco.h>
 *
 *     static const struct heddle_api *heddle;
 *
 *     static void tick(void *unused) {
 *       (void)unused;
 *       while (heddle->aco->sleep(1000000000) == 0) puts("tick");
 *       heddle->aco->exit();
 *     }
 *
 *     int heddle_register(const struct heddle_api *api) {
 *       if (!HEDDLE_FITS(api)) return HEDDLE_VERSION_MISMATCH;
 *       heddle = api;
 *       return api->register_procedure("tick", tick);
 *     }
 *
 * Built with:  cc -shared -fPIC -I<heddle>/native/include -o tick.so tick.c
 *
 * Conventions of the whole interface:
 * - Errors are negative errnos (-ETIME, -ECANCELED, ...), never errno itself; 0 and above is
 *   success. Nothing is thrown, nothing longjmps.
 * - Times are nanoseconds. Sizes are bytes. Text is UTF-8 and ends with NUL.
 * - Structures are laid out as written, on every platform; a later version adds members only at
 *   the end of tables, whose size tells what is there.
 */
#ifndef HEDDLE_HEDDLE_H
#define HEDDLE_HEDDLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when something that exists changes its meaning or place. */
#define HEDDLE_API_VERSION 1u
/* Raised when a table or a structure gets a member more. A module may be younger than its Heddle by
 * neither. */
#define HEDDLE_API_REVISION 0u

/* Whether the table is of the version of this header and no shorter. */
#define HEDDLE_FITS(api) \
  ((api)->version == HEDDLE_API_VERSION && (api)->size >= sizeof(struct heddle_api))

/* What heddle_register() returns for a table that does not fit; no errno is that low. */
#define HEDDLE_VERSION_MISMATCH (-10000)

struct heddle_aco_api; /* heddle/aco.h */
/* heddle/module.h */
struct heddle_module_api;
struct heddle_option_api;
struct heddle_hook_api;
struct heddle_memory_api;
struct heddle_job_api;
struct heddle_event_api;
struct heddle_log_api;

/* A procedure runs as a coroutine. It ends by aco->exit(); returning is fatal, except in one that a
 * listener has called. */
typedef void (*heddle_procedure)(void* argument);

/* Runs on another thread: called by name with bytes of the caller's, which it may change in place;
 * they are the caller's again when it returns. */
typedef int64_t (*heddle_function)(void* bytes, size_t size);

struct heddle_api {
  uint32_t version; /* HEDDLE_API_VERSION of Heddle */
  uint32_t size;    /* of this table, in bytes */

  /* Any thread. The name is copied. 0 also for the same pair once more; -EEXIST: the name has
   * another meaning; -EINVAL: an empty name or no procedure; -ENOMEM. */
  int (*register_procedure)(const char* name, heddle_procedure procedure);
  int (*register_function)(const char* name, heddle_function function);

  const struct heddle_aco_api* aco;

  const struct heddle_module_api* module;
  const struct heddle_option_api* options;
  const struct heddle_hook_api* hooks;
  const struct heddle_memory_api* memory;
  const struct heddle_job_api* jobs;
  const struct heddle_event_api* events;
  const struct heddle_log_api* log;
};

/* What a library of procedures exports; one with a life-cycle, options and hooks exports a struct
 * heddle_module instead, or as well (heddle/module.h). 0, or an error, with which loading it fails.
 * Called on the thread that loads the module, outside of coroutines. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int heddle_register(const struct heddle_api *api);

#ifdef __cplusplus
}
#endif

#endif
