/*
 * The least a single-threaded TCP echo server can do: epoll, one read, one write at once. The bound
 * that the kernel sets to every server of this shape.
 */
#include "control.h"
#include "pending.h"

enum { kBuffer = 65536 };

static int poller;
static Pending* unsent; /* by descriptor */
static char buffer[kBuffer];

static void closeConnection(int fd) {
  pendingClear(&unsent[fd]);
  close(fd);
}

/* Sends what is left from before. Returns 0 when all is out, 1 when the kernel is full, -1 when the
 * peer is gone. */
static int flushUnsent(int fd) {
  Pending* left = &unsent[fd];
  if (left->length == 0) return 0;
  ssize_t sent = write(fd, left->bytes, left->length);
  if (sent < 0) return errno == EAGAIN ? 1 : -1;
  pendingSet(left, left->bytes + sent, left->length - (size_t)sent);
  return left->length > 0 ? 1 : 0;
}

static void onReadable(int fd) {
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return closeConnection(fd);
  unitsDone += (uint64_t)got;
  ssize_t sent = write(fd, buffer, (size_t)got);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN) return closeConnection(fd);
  if (sent < 0) sent = 0;
  pendingSet(&unsent[fd], buffer + sent, (size_t)(got - sent));
  rewatch(poller, fd,
          EPOLLOUT); /* reading goes on when this is out, so that TCP slows the sender */
}

static void onWritable(int fd) {
  int state = flushUnsent(fd);
  if (state < 0) return closeConnection(fd);
  if (state == 0) rewatch(poller, fd, EPOLLIN);
}

int main(void) {
  unsent = calloc(raiseDescriptorLimit() + 1, sizeof *unsent);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!unsent || poller < 0) die("start");
  serve(poller, onReadable, onWritable);
}
