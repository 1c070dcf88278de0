/*
 * Moving a descriptor from callbacks to a coroutine and back.
 *
 *     cc -shared -fPIC -Inative/include -o take_over.so examples/native/take_over.c
 *
 * The classic side stops watching the descriptor and starts this procedure with its number. What
 * has arrived in the meantime is there. The coroutine answers lines until an empty one, and leaves
 * the descriptor open: whoever waits for the end of the coroutine may watch it again.
 */
#include <heddle/aco.h>

static const struct heddle_api *heddle;

/* Says one line back. */
static int answer(heddle_event *event, const char *line, size_t size) {
  const int64_t sent = heddle->aco->write_all(event, line, size, NULL);
  return sent < 0 ? (int)sent : 0;
}

static void my_aco_process(void *argument) {
  const struct heddle_aco_api *aco = heddle->aco;
  heddle_event *event = NULL;
  if (aco->adopt((int)*(const int32_t *)argument, &event) < 0) aco->exit();
  for (;;) {
    char line[256];
    const int64_t size = aco->read_until(event, line, sizeof line, "\n", 1, NULL);
    if (size <= 1 || answer(event, line, (size_t)size) < 0) break;
  }
  /* Bytes that were read ahead would be lost to the classic side: read what is there first. */
  if (aco->release(event) < 0) {
    aco->close(event);
    aco->free_event(event);
  }
  aco->exit();
}

int heddle_register(const struct heddle_api *api) {
  if (!HEDDLE_FITS(api)) return HEDDLE_VERSION_MISMATCH;
  heddle = api;
  return api->register_procedure("my_aco_process", my_aco_process);
}
