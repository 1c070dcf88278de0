/*
 * A sleeping coroutine: looks as if it blocked, and lets everything else of its loop go on.
 *
 *     cc -shared -fPIC -Inative/include -o sleeper.so examples/native/sleeper.c
 *
 * The argument is how long to sleep each time and how often, as two 64-bit numbers.
 */
#include <heddle/aco.h>
#include <stdio.h>

static const struct heddle_api *heddle;

struct nap {
  int64_t ns;
  int64_t times;
};

static void my_coroutine(void *argument) {
  /* A copy that Heddle made and frees: it lies on the heap, not on this stack. */
  const struct nap *nap = argument;
  for (int64_t i = 0; i < nap->times; i++) {
    /* -ECANCELED: somebody cancelled this coroutine, or the loop ends. */
    if (heddle->aco->sleep(nap->ns) < 0) break;
    puts("Waking up to do something");
  }
  fflush(stdout);
  heddle->aco->exit();
}

/* Starting one from native code; the caller's local is copied. */
int64_t calling_function(void) {
  const struct nap two_seconds = {2000000000, 3};
  const struct heddle_start start = {.procedure = my_coroutine,
                                     .argument = (void *)&two_seconds,
                                     .argument_bytes = sizeof two_seconds,
                                     .name = "my_coroutine"};
  return heddle->aco->start(&start);
}

int heddle_register(const struct heddle_api *api) {
  if (!HEDDLE_FITS(api)) return HEDDLE_VERSION_MISMATCH;
  heddle = api;
  return api->register_procedure("my_coroutine", my_coroutine);
}
