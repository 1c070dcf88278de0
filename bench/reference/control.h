/*
 * What every C server of the benches shares: the loop, the listening socket, and the control line
 * by which the runner steers a contestant.
 *
 * The runner reads one JSON line with the port when the server is ready. After that each line on
 * stdin is answered by one JSON line with the counters of this process; the end of stdin ends the
 * process. The servers in bench/servers speak the same lines.
 *
 * One thread, no locks. A failure of set-up ends the process with status 1 and a line on stderr.
 */
#ifndef HEDDLE_BENCH_CONTROL_H
#define HEDDLE_BENCH_CONTROL_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requests for an HTTP server, bytes for an echo server. */
static uint64_t unitsDone;

static inline void die(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Lifts the soft limit to the hard one, as Node does on its own. Returns the limit. */
static inline uint64_t raiseDescriptorLimit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
  return limit.rlim_cur;
}

static inline int listenOnLoopback(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  if (listen(fd, 1024) != 0) die("listen");
  return fd;
}

static inline void announcePort(int listener) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(listener, (struct sockaddr*)&address, &length) != 0) die("getsockname");
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
}

static inline uint64_t residentBytes(void) {
  unsigned long total = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
  fclose(file);
  return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline uint64_t microseconds(struct timeval t) {
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

/* Answers what the runner asked on stdin; leaves when the runner has gone. */
static inline void answerControl(void) {
  char line[256];
  ssize_t got = read(STDIN_FILENO, line, sizeof line);
  if (got == 0) exit(0);
  if (got < 0) return;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"userUs\":%llu,\"systemUs\":%llu,\"rssBytes\":%llu,\"units\":%llu}\n",
         (unsigned long long)microseconds(usage.ru_utime),
         (unsigned long long)microseconds(usage.ru_stime), (unsigned long long)residentBytes(),
         (unsigned long long)unitsDone);
  fflush(stdout);
}

static inline void watch(int poller, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static inline void rewatch(int poller, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

/* Accepts one connection, non-blocking and without Nagle's delay, or returns -1 when none waits. */
static inline int acceptOne(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -1;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

typedef void (*OnDescriptor)(int fd);

/* Serves until the runner leaves. Level-triggered; a descriptor is watched for input or for output,
 * never both. */
static inline void serve(int poller, OnDescriptor onReadable, OnDescriptor onWritable) {
  enum { kEvents = 512 };
  struct epoll_event events[kEvents];
  int listener = listenOnLoopback();
  signal(SIGPIPE, SIG_IGN);
  watch(poller, listener, EPOLLIN);
  watch(poller, STDIN_FILENO, EPOLLIN);
  announcePort(listener);
  for (;;) {
    int ready = epoll_wait(poller, events, kEvents, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == STDIN_FILENO) {
        answerControl();
      } else if (fd == listener) {
        for (int next; (next = acceptOne(listener)) >= 0;) watch(poller, next, EPOLLIN);
      } else if (events[i].events & EPOLLOUT) {
        onWritable(fd);
      } else {
        onReadable(fd);
      }
    }
  }
}

#endif
