/* What the tests of native coroutines start by name. Results are written to a descriptor as text. */
#include <errno.h>
#include <fenv.h>
#include <heddle/aco.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct heddle_aco_api *aco;

/* The argument of all of them. */
struct task {
  int32_t fd;
  int32_t size;
  int64_t rounds;
  int64_t ns;
};

/* Not the coroutine's way of writing: a pipe or socket with room, or nobody who listens. */
static void say(int fd, const char *text) {
  if (fd >= 0 && write(fd, text, strlen(text)) < 0) perror("say");
}

static int is_filled(const volatile unsigned char *bytes, size_t size, unsigned char with) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != with) return 0;
  }
  return 1;
}

/* Sleeps with numbers and bytes on the stack that must be there afterwards. */
static void keeps_locals(void *argument) {
  const struct task *task = argument;
  volatile unsigned char bytes[task->size];
  const unsigned char with = (unsigned char)aco->self();
  volatile int64_t whole = (int64_t)aco->self() * 3;
  double real = (double)aco->self() / 7;
  int intact = 1;
  memset((void *)bytes, with, (size_t)task->size);
  for (int64_t i = 0; i < task->rounds; i++) {
    if (aco->sleep(task->ns) < 0) break;
    intact &= is_filled(bytes, (size_t)task->size, with) && whole == (int64_t)aco->self() * 3 &&
              real == (double)aco->self() / 7;
  }
  say(task->fd, intact ? "intact\n" : "broken\n");
  aco->exit();
}

/* `size` frames of a kilobyte, and a sleep at the bottom. */
static int64_t descend(const struct task *task, int64_t depth) {
  volatile unsigned char frame[1024];
  memset((void *)frame, (int)(depth & 0xff), sizeof frame);
  const int64_t below = depth == 0 ? aco->sleep(task->ns) : descend(task, depth - 1);
  return is_filled(frame, sizeof frame, (unsigned char)(depth & 0xff)) ? below + 1 : -1000000;
}

static void descends(void *argument) {
  const struct task *task = argument;
  say(task->fd, descend(task, task->size) == task->size + 1 ? "intact\n" : "broken\n");
  aco->exit();
}

static void naps(void *argument) {
  const struct task *task = argument;
  for (int64_t i = 0; i < task->rounds; i++) {
    if (aco->sleep(task->ns) < 0) break;
  }
  aco->exit();
}

static void returns(void *argument) { (void)argument; }

/* Says every value that it is handed, until 0. */
static void parks(void *argument) {
  const struct task *task = argument;
  uint64_t value;
  int error;
  while ((error = aco->park(&value, HEDDLE_FOREVER)) == 0 && value != 0) {
    char text[32];
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)value);
    say(task->fd, text);
  }
  say(task->fd, error == 0 ? "over\n" : error == -ECANCELED ? "canceled\n" : "failed\n");
  aco->exit();
}

/* errno and the rounding of floating point are its own. */
static void keeps_state(void *argument) {
  const struct task *task = argument;
  int kept = 1;
  fesetround(task->size);
  errno = task->size;
  for (int64_t i = 0; i < task->rounds; i++) {
    if (aco->sleep(task->ns) < 0) break;
    kept &= errno == task->size && fegetround() == task->size;
  }
  say(task->fd, kept ? "kept\n" : "lost\n");
  aco->exit();
}

static void clean_up(void *context) { say((int)(intptr_t)context, "cleaned up\n"); }

/* Cleans up however it ends. */
static void cleans_up(void *argument) {
  const struct task *task = argument;
  if (aco->on_end(clean_up, (void *)(intptr_t)task->fd) == 0) aco->sleep(task->ns);
  aco->exit();
}

/* Does not care for cancellation. */
static void stubborn(void *argument) {
  const struct task *task = argument;
  if (aco->on_end(clean_up, (void *)(intptr_t)task->fd) < 0) aco->exit();
  for (;;) aco->sleep(task->ns);
}

static void leaks_section(void *argument) {
  const struct task *task = argument;
  if (aco->enter_section() < 0) say(task->fd, "none\n");
  aco->sleep(task->ns);
  aco->exit();
}

/* Holds up its whole loop. */
static void blocks(void *argument) {
  const struct task *task = argument;
  usleep((useconds_t)(task->ns / 1000));
  say(task->fd, "blocked\n");
  aco->exit();
}

/* On another thread: never ends, as long as nobody writes to standard input. */
static int64_t reads_input(void *argument) {
  char byte;
  (void)argument;
  return read(0, &byte, 1);
}

/* Waits for that. */
static void asks(void *argument) {
  const struct heddle_asynch with_copy = {.copy_bytes = sizeof(struct task)};
  struct task task = *(const struct task *)argument;
  const int asked = aco->asynch(reads_input, &task, &with_copy);
  say(task.fd, asked == -ECANCELED ? "canceled\n" : "failed\n");
  aco->exit();
}

/* Starts another one, which says something at its end. */
static void starts(void *argument) {
  struct task task = *(const struct task *)argument;
  const struct heddle_start start = {.procedure = cleans_up,
                                     .argument = &task,
                                     .argument_bytes = sizeof task,
                                     .name = "started within"};
  say(task.fd, aco->start(&start) > 0 ? "started\n" : "failed\n");
  aco->sleep(task.ns);
  aco->exit();
}

/* Of a listener: says the first line back and forgets to close. */
static void forgets(void *argument) {
  char line[64];
  const int64_t size = aco->read_until(argument, line, sizeof line, "\n", 1, NULL);
  if (size > 0) aco->write_all(argument, line, (size_t)size, NULL);
}

/* Functions for asynchronous calls. */

static int64_t add_up(void *bytes, size_t size) {
  unsigned char *at = bytes;
  int64_t sum = 0;
  for (size_t i = 0; i < size; i++) {
    sum += at[i];
    at[i] = (unsigned char)(at[i] + 1);
  }
  return sum;
}

/* Waits until the pipe whose descriptor it is given ends. */
static int64_t waits_for_end(void *bytes, size_t size) {
  int32_t fd;
  char byte;
  if (size != sizeof fd) return -EINVAL;
  memcpy(&fd, bytes, size);
  while (read(fd, &byte, 1) > 0) continue;
  return 1;
}

struct named {
  const char *name;
  heddle_procedure procedure;
};

int heddle_register(const struct heddle_api *api) {
  static const struct named all[] = {
      {"keeps_locals", keeps_locals},
      {"descends", descends},
      {"naps", naps},
      {"returns", returns},
      {"parks", parks},
      {"keeps_state", keeps_state},
      {"cleans_up", cleans_up},
      {"stubborn", stubborn},
      {"leaks_section", leaks_section},
      {"blocks", blocks},
      {"asks", asks},
      {"starts", starts},
      {"forgets", forgets},
  };
  if (!HEDDLE_FITS(api)) return HEDDLE_VERSION_MISMATCH;
  aco = api->aco;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    const int registered = api->register_procedure(all[i].name, all[i].procedure);
    if (registered < 0) return registered;
  }
  const int added = api->register_function("add_up", add_up);
  return added < 0 ? added : api->register_function("waits_for_end", waits_for_end);
}
