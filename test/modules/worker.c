/* A native module whose jobs outlive it: what they use is a block with a count, of which the self has one and each job one.
 * Marks of its calls go into the file that HEDDLE_MARKS names. `valve` lets jobs go on. */
#include <errno.h>
#include <heddle/aco.h>
#include <heddle/module.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct heddle_api *heddle;
static int64_t memtype;
static sem_t valve;
static atomic_int has_valve;
static _Thread_local heddle_hook *told;

struct block {
  atomic_int users;
  int jobs;
};

static void mark(heddle_self *self, const char *what) {
  const char *path = getenv("HEDDLE_MARKS");
  FILE *file = path == NULL ? NULL : fopen(path, "a");
  if (file == NULL) return;
  fprintf(file, "%s %s\n", heddle->module->name(self), what);
  fclose(file);
}

static void leave(struct block *block) {
  if (atomic_fetch_sub(&block->users, 1) == 1) heddle->memory->free(memtype, block);
}

static int setup(const struct heddle_api *api, heddle_self *self) {
  static const struct heddle_memtype type = {.name = "worker:block", .bytes = sizeof(struct block)};
  heddle = api;
  memtype = api->memory->register_type(&type);
  if (memtype < 0) return (int)memtype;
  if (!atomic_exchange(&has_valve, 1)) sem_init(&valve, 0, 0);
  return api->hooks->declare(self, "worker", "told", HEDDLE_HOOK_VOID, &told);
}

static int init(heddle_self *self, const struct heddle_init *init) {
  static const char *const modes[] = {"", "init", "postinit", "destroy", "exit"};
  mark(self, modes[init->mode]);
  if (init->mode == HEDDLE_DESTROY) leave(heddle->module->data(self));
  if (init->mode != HEDDLE_INIT) return 0;
  struct block *block = heddle->memory->allocate(memtype);
  if (block == NULL) return -ENOMEM;
  atomic_init(&block->users, 1);
  block->jobs = 0;
  heddle->module->set_data(self, block);
  return 0;
}

static int64_t work(void *argument) {
  struct block *block = argument;
  while (sem_wait(&valve) != 0) continue;
  return ++block->jobs;
}

static void done(void *argument, int status, int64_t result) {
  const struct heddle_value value = {.type = HEDDLE_INT64, .as.integer = status < 0 ? status : result};
  heddle->hooks->post(told, &value, 1);
  leave(argument);
}

static int submit(heddle_self *self) {
  struct block *block = heddle->module->data(self);
  const struct heddle_job job = {.work = work, .done = done, .argument = block};
  atomic_fetch_add(&block->users, 1);
  const int submitted = heddle->jobs->submit(self, &job);
  if (submitted < 0) leave(block);
  return submitted;
}

static void coroutine(void *unused) {
  (void)unused;
  heddle->aco->sleep(1000);
  const struct heddle_value value = {.type = HEDDLE_TEXT, .as.text = "coroutine", .size = 9};
  heddle->hooks->post(told, &value, 1);
  heddle->aco->exit();
}

static int control(heddle_self *self, const struct heddle_command *command, heddle_response *response) {
  (void)response;
  if (strcmp(command->text, "job") == 0) return submit(self);
  if (strcmp(command->text, "coroutine") == 0) {
    const struct heddle_start start = {.procedure = coroutine, .name = "worker"};
    const int64_t started = heddle->aco->start(&start);
    return started < 0 ? (int)started : 0;
  }
  return heddle->module->fail(self, "job and coroutine are the commands");
}

static int valve_setup(const struct heddle_api *api, heddle_self *self) {
  (void)self;
  heddle = api;
  return 0;
}

static int valve_init(heddle_self *self, const struct heddle_init *init) {
  (void)self, (void)init;
  return 0;
}

static int valve_control(heddle_self *self, const struct heddle_command *command, heddle_response *response) {
  (void)self, (void)command, (void)response;
  return sem_post(&valve);
}

HEDDLE_MODULE_NAMED(worker) = {HEDDLE_MODULE_HEAD, .name = "worker", .conf_setup = setup, .ext_init = init,
                               .control = control};
HEDDLE_MODULE_NAMED(lasting) = {HEDDLE_MODULE_HEAD, .flags = HEDDLE_MODULE_SINGLETON, .name = "lasting",
                                .conf_setup = setup, .ext_init = init};
HEDDLE_MODULE_NAMED(valve) = {HEDDLE_MODULE_HEAD, .name = "valve", .conf_setup = valve_setup,
                              .ext_init = valve_init, .control = valve_control};
