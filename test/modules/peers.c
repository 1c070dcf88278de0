/* Native modules that meet over a hook: `caller` and `second` declare and call it, `giver` provides it. What a giver gave once
 * it is destroyed is stale. */
#include <errno.h>
#include <heddle/module.h>
#include <stdlib.h>
#include <string.h>

static const struct heddle_api *heddle;
/* Of an isolate. */
static _Thread_local heddle_hook *hooks[2];
static _Thread_local int given, stale, again, fails;

struct gift {
  int is_dead;
};

static int give(void *closure, const struct heddle_value *arguments, size_t count, struct heddle_value *result) {
  const struct gift *gift = closure;
  (void)arguments, (void)count, (void)result;
  if (gift->is_dead) stale++;
  given++;
  if (again) heddle->hooks->post(hooks[0], NULL, 0);
  return fails ? heddle->module->fail(NULL, "as it was told") : 0;
}

/* Gifts stay, so that a stale one can be told. */
static int giver_init(heddle_self *self, const struct heddle_init *init) {
  struct gift *gift = heddle->module->data(self);
  if (init->mode == HEDDLE_DESTROY) {
    gift->is_dead = 1;
    return 0;
  }
  if (init->mode == HEDDLE_INIT) {
    gift = calloc(1, sizeof *gift);
    if (gift == NULL) return -ENOMEM;
    heddle->module->set_data(self, gift);
  }
  if (init->privileged) return 0;
  return heddle->hooks->provide(self, "peer", "ask", HEDDLE_LAST, give, gift);
}

static int giver_setup(const struct heddle_api *api, heddle_self *self) {
  (void)self;
  heddle = api;
  return 0;
}

static int declare(const struct heddle_api *api, heddle_self *self, int which) {
  heddle = api;
  return api->hooks->declare(self, "peer", "ask", HEDDLE_HOOK_VOID, &hooks[which]);
}

static int call(int which, int at_end) {
  const struct heddle_value value = {.type = HEDDLE_BOOL, .as.integer = at_end};
  return heddle->hooks->call(hooks[which], &value, 1, NULL);
}

/* Calls its hook at the end, too. */
static int end(heddle_self *self, const struct heddle_init *init, int which) {
  if (init->mode != HEDDLE_DESTROY) return 0;
  const int ran = call(which, 1);
  heddle->log->write(self, HEDDLE_ERROR, ran < 0 ? "refused" : stale > 0 ? "stale" : ran > 0 ? "ran" : "none");
  return 0;
}

static int answer(heddle_self *self, const struct heddle_command *command, heddle_response *response, int which) {
  if (strcmp(command->text, "storm") == 0) {
    again = 1;
    return heddle->hooks->post(hooks[which], NULL, 0);
  }
  if (strcmp(command->text, "calm") == 0) return again = 0;
  if (strcmp(command->text, "fail") == 0) return fails = 1, 0;
  if (strcmp(command->text, "call") != 0) return heddle->module->fail(self, "call is the command");
  given = 0;
  const int ran = call(which, 0);
  return heddle->module->format(response, "%d ran, has %d, %d given, %d stale", ran, heddle->hooks->has(hooks[which]),
                                given, stale);
}

#define PEER(name_, which_)                                                                                       \
  static int name_##_setup(const struct heddle_api *api, heddle_self *self) { return declare(api, self, which_); } \
  static int name_##_init(heddle_self *self, const struct heddle_init *init) { return end(self, init, which_); }   \
  static int name_##_control(heddle_self *self, const struct heddle_command *command, heddle_response *response) { \
    return answer(self, command, response, which_);                                                               \
  }                                                                                                               \
  HEDDLE_MODULE_NAMED(name_) = {HEDDLE_MODULE_HEAD,           .name = #name_,           .conf_setup = name_##_setup, \
                                .ext_init = name_##_init, .control = name_##_control}

PEER(caller, 0);
PEER(second, 1);
HEDDLE_MODULE_NAMED(giver) = {HEDDLE_MODULE_HEAD, .name = "giver", .conf_setup = giver_setup, .ext_init = giver_init};
