/* A native module: counts what it is told, and calls a hook of its own at each multiple of `limit`. */
#include <heddle/module.h>
#include <stdlib.h>
#include <string.h>

static const struct heddle_api *heddle;
static int32_t limit_slot;
static heddle_hook *reached;

static int validate(heddle_self *self, const struct heddle_value *values, size_t count) {
  if (count == 1 && values[0].as.integer > 0) return 0;
  return heddle->module->fail(self, "limit must be above 0");
}

static int conf_setup(const struct heddle_api *api, heddle_self *self) {
  static const struct heddle_option limit = {
      .name = "limit", .type = HEDDLE_INT64, .default_text = "10", .validate = validate};
  heddle = api;
  const int declared = api->options->declare(self, &limit, &limit_slot);
  if (declared < 0) return declared;
  return api->hooks->declare(self, "counter", "reached", HEDDLE_HOOK_VOID, &reached);
}

static int ext_init(heddle_self *self, const struct heddle_init *init) {
  if (init->mode == HEDDLE_DESTROY) free(heddle->module->data(self));
  if (init->mode != HEDDLE_INIT) return 0;
  heddle->module->set_data(self, calloc(1, sizeof(int64_t)));
  return heddle->module->data(self) == NULL ? -1 : 0;
}

static int control(heddle_self *self, const struct heddle_command *command,
                   heddle_response *response) {
  int64_t *count = heddle->module->data(self);
  int64_t limit = 0;
  if (strcmp(command->text, "count") != 0) return heddle->module->fail(self, "usage: counter count");
  const int error = heddle->options->int64(heddle->options->current(self), limit_slot, &limit);
  if (error < 0) return error;
  const struct heddle_value value = {.type = HEDDLE_INT64, .as.integer = ++*count};
  if (*count % limit == 0) heddle->hooks->call(reached, &value, 1, NULL);
  return heddle->module->format(response, "%lld of %lld\n", (long long)*count, (long long)limit);
}

HEDDLE_MODULE = {HEDDLE_MODULE_HEAD,       .name = "counter",    .description = "Counts",
                 .conf_setup = conf_setup, .ext_init = ext_init, .control = control};
