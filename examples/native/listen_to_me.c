/*
 * A listener's procedure: one coroutine for each connection.
 *
 *     cc -shared -fPIC -Inative/include -o listen_to_me.so examples/native/listen_to_me.c
 */
#include <errno.h>
#include <heddle/aco.h>
#include <string.h>
#include <strings.h>

static const struct heddle_api *heddle;

/* How long a client may be silent. */
#define TEN_SECONDS INT64_C(10000000000)
static _Atomic int64_t patience_ns = TEN_SECONDS; /* set from another thread */

static int say(heddle_event *event, const char *text) {
  return heddle->aco->write_all(event, text, strlen(text), NULL) < 0 ? -1 : 0;
}

static void listen_to_me(void *argument) {
  heddle_event *event = argument;
  const struct heddle_wait patiently = {patience_ns, NULL};
  for (;;) {
    char buff[128];
    const int64_t rv = heddle->aco->read(event, buff, sizeof buff, &patiently);
    if (rv == -ETIME) say(event, "bye!\n");
    if (rv <= 0) break;
    if (rv >= 4 && strncasecmp(buff, "quit", 4) == 0) {
      say(event, "quitter!\n");
      break;
    }
    if (say(event, "thanks!\n") < 0) break;
  }
  heddle->aco->close(event);
  heddle->aco->free_event(event);
  /* The listener ends the coroutine. */
}

/* A function for asynchronous calls by name: sets the patience and returns what it was. */
static int64_t set_patience(void *bytes, size_t size) {
  const int64_t before = patience_ns;
  int64_t wanted;
  if (size != sizeof wanted) return -EINVAL;
  memcpy(&wanted, bytes, size);
  patience_ns = wanted;
  return before;
}

int heddle_register(const struct heddle_api *api) {
  if (!HEDDLE_FITS(api)) return HEDDLE_VERSION_MISMATCH;
  heddle = api;
  const int registered = api->register_procedure("listen_to_me", listen_to_me);
  return registered < 0 ? registered : api->register_function("set_patience", set_patience);
}
