/*
 * Load for echo servers: every connection sends a message, waits for the whole of it to come back,
 * checks it and sends the next one.
 *
 *   tcp_ping <port> <connections> <message bytes> <seconds>
 *
 * Prints one JSON line: messages, seconds, the median and the 99th percentile of the round trip in
 * microseconds, and errors (connections lost, bytes that came back changed). One thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kEvents = 512, kBuffer = 65536, kPhases = 251, kBuckets = 64 * 16 };

typedef struct {
  int fd;
  int awaitsRoom;    /* EPOLLOUT is asked for */
  uint32_t sequence; /* the message under way; picks where in the pattern it begins */
  size_t sent;
  size_t received;
  uint64_t startNs;
} Connection;

static int poller;
static size_t messageBytes;
static char*
    pattern; /* messageBytes + kPhases bytes, so that consecutive messages differ everywhere */
static char buffer[kBuffer];
static uint64_t messages, errors;
static uint64_t histogram[kBuckets];
static size_t openConnections;

static void die(const char* what) {
  fprintf(stderr, "tcp_ping: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t nowNs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Sixteen buckets for each power of two: an error of at most 6 %. */
static unsigned bucketOf(uint64_t ns) {
  if (ns < 16) return (unsigned)ns;
  unsigned power = 63u - (unsigned)__builtin_clzll(ns);
  return (power - 3) * 16 + (unsigned)(ns >> (power - 4) & 15);
}

static double bucketUs(unsigned bucket) {
  if (bucket < 16) return bucket / 1000.0;
  unsigned power = bucket / 16 + 3;
  return (double)((16ull + bucket % 16) << (power - 4)) / 1000.0;
}

static double percentileUs(double share) {
  uint64_t wanted = (uint64_t)((double)messages * share), seen = 0;
  for (unsigned i = 0; i < kBuckets; i++) {
    seen += histogram[i];
    if (seen > wanted) return bucketUs(i);
  }
  return 0;
}

static const char* messageOf(const Connection* c) { return pattern + c->sequence % kPhases; }

static void fail(Connection* c) {
  errors++;
  openConnections--;
  close(c->fd);
  c->fd = -1;
}

static void watch(Connection* c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, operation, c->fd, &event) != 0) die("epoll_ctl");
}

/* Sends what the kernel takes; the rest follows when the socket is writable. */
static void sendRest(Connection* c) {
  ssize_t sent = send(c->fd, messageOf(c) + c->sent, messageBytes - c->sent, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return fail(c);
  if (sent > 0) c->sent += (size_t)sent;
  int full = c->sent < messageBytes;
  if (full == c->awaitsRoom) return;
  c->awaitsRoom = full;
  watch(c, EPOLL_CTL_MOD, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void startMessage(Connection* c, uint64_t now) {
  c->sequence++;
  c->sent = c->received = 0;
  c->startNs = now;
  sendRest(c);
}

static void receive(Connection* c) {
  ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return fail(c);
  size_t end = c->received + (size_t)got;
  if (end > c->sent || memcmp(buffer, messageOf(c) + c->received, (size_t)got) != 0) return fail(c);
  c->received = end;
  if (end < messageBytes) return;
  uint64_t now = nowNs();
  histogram[bucketOf(now - c->startNs)]++;
  messages++;
  startMessage(c, now);
}

static void connectTo(Connection* c, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket");
  if (connect(c->fd, (struct sockaddr*)&address, sizeof address) != 0) die("connect");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
  watch(c, EPOLL_CTL_ADD, EPOLLIN);
  openConnections++;
}

static void run(uint64_t deadlineNs) {
  struct epoll_event events[kEvents];
  while (openConnections > 0 && nowNs() < deadlineNs) {
    int ready = epoll_wait(poller, events, kEvents, 100);
    for (int i = 0; i < ready; i++) {
      Connection* c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) sendRest(c);
      if (c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) receive(c);
    }
  }
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: tcp_ping <port> <connections> <message bytes> <seconds>\n");
    return 1;
  }
  size_t count = strtoul(argv[2], NULL, 10);
  messageBytes = strtoul(argv[3], NULL, 10);
  double seconds = strtod(argv[4], NULL);
  pattern = malloc(messageBytes + kPhases);
  Connection* connections = calloc(count, sizeof *connections);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!pattern || !connections || poller < 0 || messageBytes == 0) die("start");
  for (size_t i = 0; i < messageBytes + kPhases; i++) pattern[i] = (char)(i % kPhases);
  for (size_t i = 0; i < count; i++) connectTo(&connections[i], atoi(argv[1]));

  uint64_t start = nowNs();
  for (size_t i = 0; i < count; i++) startMessage(&connections[i], start);
  run(start + (uint64_t)(seconds * 1e9));
  double elapsed = (double)(nowNs() - start) / 1e9;
  printf("{\"messages\":%llu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"errors\":%llu}\n",
         (unsigned long long)messages, elapsed, percentileUs(0.5), percentileUs(0.99),
         (unsigned long long)errors);
  free(connections);
  free(pattern);
  return 0;
}
