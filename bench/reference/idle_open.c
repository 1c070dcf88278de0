/*
 * Opens connections and holds them.
 *
 *   idle_open <port> <connections> <none | echo | http>
 *
 * `echo` sends 16 bytes on each connection and waits for them to come back, `http` sends one GET
 * and waits for an answer that ends with "Hello, world!". When all are open and answered it prints
 * {"open":N,"errors":N}; at the end of stdin it looks at every connection once more, prints
 * {"lost":N} (those the server has closed) and leaves. The source addresses walk through 127.0.0.2
 * to 127.0.0.9, so that the ephemeral ports of one address do not run out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kAddresses = 8, kTimeoutMs = 5000, kBurst = 64 };

static const char kEcho[] = "sixteen bytes...";
static const char kGet[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char kHello[] = "Hello, world!";

static void die(const char* what) {
  fprintf(stderr, "idle_open: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void raiseDescriptorLimit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

static int connectFrom(size_t index, int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int one = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct timeval patience = {.tv_sec = kTimeoutMs / 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  struct sockaddr_in from = {
      .sin_family = AF_INET,
      .sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(index % kAddresses))};
  if (bind(fd, (struct sockaddr*)&from, sizeof from) != 0) die("bind");
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0) die("connect");
  return fd;
}

static int sendAll(int fd, const char* bytes, size_t length) {
  return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Reads until what came ends with `ending`. */
static int receiveUntil(int fd, const char* ending) {
  char answer[4096];
  size_t length = 0, want = strlen(ending);
  while (length < sizeof answer) {
    ssize_t got = recv(fd, answer + length, sizeof answer - length, 0);
    if (got <= 0) return 0;
    length += (size_t)got;
    if (length >= want && memcmp(answer + length - want, ending, want) == 0) return 1;
  }
  return 0;
}

/* One exchange on each of `count` connections: all requests leave before the first answer is read.
 */
static size_t exchange(const int* fds, size_t count, const char* request, const char* ending) {
  size_t failed = 0;
  for (size_t i = 0; i < count; i++) failed += !sendAll(fds[i], request, strlen(request));
  for (size_t i = 0; i < count; i++) failed += !receiveUntil(fds[i], ending);
  return failed;
}

static size_t countLost(const int* fds, size_t count) {
  size_t lost = 0;
  char byte;
  for (size_t i = 0; i < count; i++) {
    ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    lost += got == 0 || (got < 0 && errno != EAGAIN);
  }
  return lost;
}

static void waitForEndOfInput(void) {
  char bytes[256];
  while (read(STDIN_FILENO, bytes, sizeof bytes) > 0) continue;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: idle_open <port> <connections> <none | echo | http>\n");
    return 1;
  }
  int port = atoi(argv[1]);
  size_t count = strtoul(argv[2], NULL, 10), errors = 0;
  const char* request = strcmp(argv[3], "echo") == 0   ? kEcho
                        : strcmp(argv[3], "http") == 0 ? kGet
                                                       : NULL;
  const char* ending = request == kEcho ? kEcho : kHello;
  raiseDescriptorLimit();
  int* fds = calloc(count, sizeof *fds);
  if (!fds) die("start");
  for (size_t done = 0; done < count;) {
    size_t burst = count - done < kBurst ? count - done : kBurst;
    for (size_t i = 0; i < burst; i++) fds[done + i] = connectFrom(done + i, port);
    if (request) errors += exchange(fds + done, burst, request, ending);
    done += burst;
  }
  printf("{\"open\":%zu,\"errors\":%zu}\n", count, errors);
  fflush(stdout);
  waitForEndOfInput();
  printf("{\"lost\":%zu}\n", countLost(fds, count));
  free(fds);
  return 0;
}
