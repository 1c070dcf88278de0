/* A native module that does what the names on the compiler's command line and its commands say. */
#include <errno.h>
#include <heddle/aco.h>
#include <heddle/module.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NO_SYMBOL

static const struct heddle_api *heddle;
static int32_t slots[8];
static heddle_hook *told, *asked, *first;
static int64_t memtype;
/* Of all isolates: how often each mode was called, and what ran. */
static _Atomic int calls[5];
static _Atomic int ticks, jobs_done, watched;

struct state {
  void *block;
  int64_t timer;
#ifdef OTHER_STATE
  int64_t more;
#endif
};

static int validate(heddle_self *self, const struct heddle_value *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (values[i].as.integer == 13) return heddle->module->fail(self, "13 brings bad luck");
  return 0;
}

static int echo(void *closure, const struct heddle_value *arguments, size_t count,
                struct heddle_value *result);

static int conf_setup(const struct heddle_api *api, heddle_self *self) {
  static const struct heddle_option options[] = {
      {.name = "whole", .type = HEDDLE_INT64, .default_text = "7", .validate = validate},
      {.name = "natural", .type = HEDDLE_UINT64, .default_text = "18446744073709551615"},
      {.name = "ratio", .type = HEDDLE_DOUBLE, .default_text = "3"},
      {.name = "truth", .type = HEDDLE_BOOL, .default_text = "yes"},
      {.name = "words", .type = HEDDLE_TEXT, .default_text = "\"a word\""},
      {.name = "list", .type = HEDDLE_INT64, .flags = HEDDLE_OPTION_ARRAY, .validate = validate},
      {.name = "probe_everywhere", .type = HEDDLE_INT64, .scopes = "Global", .default_text = "1"},
#ifdef BAD_OPTION
      {.name = "bad", .type = HEDDLE_INT64, .default_text = "no number"},
#endif
  };
  static const struct heddle_memtype type = {.name = "probe:state", .bytes = sizeof(struct state)};
  heddle = api;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    const int declared = api->options->declare(self, &options[i], &slots[i]);
    if (declared < 0) return declared;
  }
  memtype = api->memory->register_type(&type);
  if (memtype < 0) return (int)memtype;
  int declared = api->hooks->declare(self, "probe", "told", HEDDLE_HOOK_VOID, &told);
  if (declared == 0) declared = api->hooks->declare(self, "probe", "asked", HEDDLE_HOOK_NON_ZERO, &asked);
  if (declared == 0) declared = api->hooks->declare(self, "probe", "first", HEDDLE_HOOK_FIRST, &first);
#ifdef SINGLETON
  if (declared == 0) declared = api->hooks->provide(self, "test", "echo", HEDDLE_LAST, echo, NULL);
#endif
#ifdef FAILS_IN_SETUP
  return -EACCES;
#endif
  return declared;
}

/* Gives back what it is given, after the number of arguments; text and bytes as they are. */
static int echo(void *closure, const struct heddle_value *arguments, size_t count,
                struct heddle_value *result) {
  if (count == 0) return 0;
  if (arguments[0].type == HEDDLE_TEXT && strcmp(arguments[0].as.text, "fail") == 0)
    return heddle->module->fail(closure, "told to fail");
  if (arguments[0].type == HEDDLE_TEXT && strcmp(arguments[0].as.text, "errno") == 0) return -ENOENT;
  if (arguments[0].type == HEDDLE_OTHER) {
    *result = (struct heddle_value){.type = HEDDLE_TEXT, .as.text = "other", .size = 5};
    return 0;
  }
  *result = arguments[0];
  return 0;
}

static int64_t tick(void *closure) {
  (void)closure;
  ticks++;
  const struct heddle_value value = {.type = HEDDLE_INT64, .as.integer = ticks};
  if (heddle->hooks->post(told, &value, 1) < 0) return 0;
  return ticks % 3 == 0 ? 0 : 1000000;
}

static int ext_init(heddle_self *self, const struct heddle_init *init) {
  calls[init->mode]++;
#ifdef FAILS_IN_INIT
  if (init->mode == HEDDLE_INIT) return heddle->module->fail(self, "not today");
#endif
#ifdef FAILS_IN_DESTROY
  if (init->mode == HEDDLE_DESTROY) return -EIO;
#endif
  struct state *state = heddle->module->data(self);
  if (init->mode == HEDDLE_EXIT) heddle->log->write(self, HEDDLE_ERROR, "exit");
  if (init->mode >= HEDDLE_DESTROY) {
    heddle->memory->free(memtype, state);
    return 0;
  }
  if (state == NULL) {
    state = heddle->memory->allocate(memtype);
    if (state == NULL) return -ENOMEM;
    memset(state, 0, sizeof *state);
    heddle->module->set_data(self, state);
  }
#ifdef SINGLETON
  return 0;
#endif
  if (init->privileged) return 0;
  return heddle->hooks->provide(self, "test", "echo", HEDDLE_LAST, echo, NULL);
}

static int64_t work(void *argument) {
  *(int *)argument *= 2;
  return 21;
}

static void done(void *argument, int status, int64_t result) {
  const struct heddle_value value = {.type = HEDDLE_INT64,
                                     .as.integer = status < 0 ? status : result + *(int *)argument};
  jobs_done++;
  heddle->hooks->post(told, &value, 1);
  free(argument);
}

static uint32_t readable(void *closure, int fd, uint32_t mask) {
  (void)closure;
  char byte;
  if ((mask & HEDDLE_READABLE) != 0 && read(fd, &byte, 1) == 1) {
    const struct heddle_value value = {.type = HEDDLE_TEXT, .as.text = "x", .size = 1};
    watched++;
    heddle->hooks->post(told, &value, 1);
    return HEDDLE_READABLE;
  }
  /* Closed before anybody hears of it. */
  close(fd);
  const struct heddle_value end = {.type = HEDDLE_TEXT, .as.text = "end", .size = 3};
  heddle->hooks->post(told, &end, 1);
  return 0;
}

static int submit(heddle_self *self) {
  int *number = malloc(sizeof *number);
  *number = 10;
  const struct heddle_job job = {.work = work, .done = done, .argument = number};
  const int submitted = heddle->jobs->submit(self, &job);
  if (submitted < 0) free(number);
  return submitted;
}

static int watch(heddle_self *self) {
  int ends[2];
  if (pipe(ends) < 0) return -errno;
  const int64_t handle = heddle->events->watch(self, ends[0], HEDDLE_READABLE, readable, NULL);
  const ssize_t wrote = handle < 0 ? 0 : write(ends[1], "abc", 3);
  close(ends[1]);
  if (handle < 0) close(ends[0]);
  return handle < 0 ? (int)handle : wrote == 3 ? 0 : -EIO;
}

static void show_values(const heddle_values *values, heddle_response *response) {
  const struct heddle_option_api *o = heddle->options;
  int64_t whole = 0, everywhere = 0;
  uint64_t natural = 0;
  double ratio = 0;
  int truth = -1;
  const char *words = "";
  size_t count = 0;
  o->int64(values, slots[0], &whole);
  o->uint64(values, slots[1], &natural);
  o->real(values, slots[2], &ratio);
  o->boolean(values, slots[3], &truth);
  o->text(values, slots[4], &words);
  const struct heddle_value *list = o->array(values, slots[5], &count);
  o->int64(values, slots[6], &everywhere);
  heddle->module->format(response, "%" PRId64 " %" PRIu64 " %g %d '%s' [", whole, natural, ratio, truth, words);
  for (size_t i = 0; i < count; i++) heddle->module->format(response, " %" PRId64, list[i].as.integer);
  heddle->module->format(response, " ] %" PRId64, everywhere);
}

static int ask(heddle_hook *hook, heddle_response *response) {
  const struct heddle_value values[] = {{.type = HEDDLE_INT64, .as.integer = 5},
                                        {.type = HEDDLE_TEXT, .as.text = "t\xc3\xa9", .size = 3},
                                        {.type = HEDDLE_BYTES, .as.bytes = "\0\1", .size = 2},
                                        {.type = HEDDLE_DOUBLE, .as.real = 0.5},
                                        {.type = HEDDLE_BOOL, .as.integer = 1},
                                        {.type = HEDDLE_INT64, .as.integer = INT64_MIN},
                                        {.type = HEDDLE_NONE}};
  struct heddle_value result;
  const int ran = heddle->hooks->call(hook, values, 7, &result);
  heddle->module->format(response, "%d has %d: %d %" PRId64, ran, heddle->hooks->has(hook), result.type,
                         result.type == HEDDLE_INT64 ? result.as.integer : (int64_t)result.size);
  return ran < 0 ? ran : 0;
}

static int control(heddle_self *self, const struct heddle_command *command, heddle_response *response) {
  const char *text = command->text;
  if (strcmp(text, "values") == 0) {
    show_values(heddle->options->current(self), response);
    return 0;
  }
  if (strcmp(text, "calls") == 0)
    return heddle->module->format(response, "%d %d %d", calls[1], calls[2], calls[3]);
  if (strcmp(text, "xml") == 0) return heddle->module->format(response, "<%d>", command->xml);
  if (strcmp(text, "tell") == 0) return ask(told, response);
  if (strcmp(text, "ask") == 0) return ask(asked, response);
  if (strcmp(text, "first") == 0) return ask(first, response);
  if (strcmp(text, "name") == 0) return heddle->module->format(response, "%s", heddle->module->name(self));
  if (strcmp(text, "debug") == 0) return heddle->log->write(self, HEDDLE_DEBUG, "a detail");
  if (strcmp(text, "log") == 0) return heddle->log->write(self, HEDDLE_ERROR, "a line");
  if (strcmp(text, "job") == 0) return submit(self);
  if (strcmp(text, "watch") == 0) return watch(self);
  if (strcmp(text, "timer") == 0) {
    const int64_t handle = heddle->events->timer(self, 1000, tick, NULL);
    return handle < 0 ? (int)handle : 0;
  }
  if (strcmp(text, "long timer") == 0) {
    const int64_t handle = heddle->events->timer(self, INT64_MAX, tick, NULL);
    return handle < 0 ? (int)handle : 0;
  }
  if (strcmp(text, "crash") == 0) abort();
  heddle->module->append(response, "half an answer\n", 15);
  return heddle->module->fail(self, "unknown command");
}

#ifdef SINGLETON
#define FLAGS HEDDLE_MODULE_SINGLETON
#else
#define FLAGS 0
#endif
#ifdef OTHER_VERSION
#define HEAD .version = HEDDLE_API_VERSION + 1, .size = sizeof(struct heddle_module)
#elif defined(LATER_REVISION)
#define HEAD .version = HEDDLE_API_VERSION, .size = sizeof(struct heddle_module), .revision = HEDDLE_API_REVISION + 1
#elif defined(CUT_SHORT)
#define HEAD .version = HEDDLE_API_VERSION, .size = sizeof(struct heddle_module) - 1
#else
#define HEAD HEDDLE_MODULE_HEAD
#endif

HEDDLE_MODULE = {HEAD, .name = "probe", .description = "Does what it is told", .flags = FLAGS,
                 .conf_setup = conf_setup,
#ifdef NO_INIT
                 .ext_init = NULL,
#else
                 .ext_init = ext_init,
#endif
                 .control = control};

HEDDLE_MODULE_NAMED(other) = {HEDDLE_MODULE_HEAD, .name = "other", .conf_setup = conf_setup,
                              .ext_init = ext_init};
#endif
