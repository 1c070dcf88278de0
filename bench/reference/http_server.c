/*
 * The least a single-threaded HTTP/1.1 server can do: epoll, one read, find the ends of the heads,
 * one write with all the answers. It trusts its clients, parses no more than the variant needs, and
 * so marks the bound that the kernel sets to every server of this shape.
 *
 *   http_server hello | headers | json | echo
 *
 * Pipelined requests are answered in one write. `headers` looks three headers up and refuses when
 * their values are not of the expected length together; `echo` returns a body framed by
 * Content-Length.
 */
#include <strings.h>

#include "control.h"
#include "pending.h"

/* No request of a bench is longer than kBuffer / 4, no batch is answered by more than half of
 * `output`. */
enum { kBuffer = 1 << 18, kThreeHeadersBytes = 64 };

typedef struct {
  Pending input;  /* the beginning of a request whose end has not come */
  Pending output; /* answers the kernel did not take */
} Connection;

typedef struct {
  char* bytes;
  size_t length;
} Answers;

/* Appends the answer to one request; returns the bytes of the request, 0 when its end has not come.
 */
typedef size_t (*Variant)(const char* request, size_t length, Answers* answers);

static int poller;
static Variant answer;
static Connection* connections; /* by descriptor */
static char input[kBuffer];
static char output[kBuffer * 4];

#define HEAD(length, type)                      \
  "HTTP/1.1 200 OK\r\nContent-Length: " length  \
  "\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" \
  "Content-Type: " type "\r\n\r\n"

static const char kHello[] = HEAD("13", "text/plain") "Hello, world!";
static const char kJson[] = HEAD("27", "application/json") "{\"message\":\"Hello, world!\"}";
static const char kRefused[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

static void append(Answers* answers, const char* bytes, size_t length) {
  memcpy(answers->bytes + answers->length, bytes, length);
  answers->length += length;
}

/* Bytes up to and with the empty line, 0 when it has not come. */
static size_t headBytes(const char* request, size_t length) {
  const char* end = memmem(request, length, "\r\n\r\n", 4);
  return end ? (size_t)(end - request) + 4 : 0;
}

/* Value of a header, NULL when it is missing. Names match in any case. */
static const char* headerValue(const char* head, size_t length, const char* name,
                               size_t* valueLength) {
  size_t nameLength = strlen(name);
  const char* end = head + length;
  const char* line = memchr(head, '\n', length);
  while (line && ++line + nameLength < end) {
    const char* lineEnd = memchr(line, '\r', (size_t)(end - line));
    if (!lineEnd) return NULL;
    if (line[nameLength] == ':' && strncasecmp(line, name, nameLength) == 0) {
      const char* value = line + nameLength + 1;
      while (value < lineEnd && *value == ' ') value++;
      *valueLength = (size_t)(lineEnd - value);
      return value;
    }
    line = memchr(lineEnd, '\n', (size_t)(end - lineEnd));
  }
  return NULL;
}

static size_t answerHello(const char* request, size_t length, Answers* answers) {
  size_t head = headBytes(request, length);
  if (head > 0) append(answers, kHello, sizeof kHello - 1);
  return head;
}

static size_t answerJson(const char* request, size_t length, Answers* answers) {
  size_t head = headBytes(request, length);
  if (head > 0) append(answers, kJson, sizeof kJson - 1);
  return head;
}

static size_t answerHeaders(const char* request, size_t length, Answers* answers) {
  static const char* const kNames[] = {"user-agent", "accept", "x-request-id"};
  size_t head = headBytes(request, length);
  if (head == 0) return 0;
  size_t sum = 0;
  for (int i = 0; i < 3; i++) {
    size_t valueLength = 0;
    if (headerValue(request, head, kNames[i], &valueLength)) sum += valueLength;
  }
  if (sum == kThreeHeadersBytes)
    append(answers, kHello, sizeof kHello - 1);
  else
    append(answers, kRefused, sizeof kRefused - 1);
  return head;
}

static size_t answerEcho(const char* request, size_t length, Answers* answers) {
  size_t head = headBytes(request, length);
  if (head == 0) return 0;
  size_t digits = 0;
  const char* value = headerValue(request, head, "content-length", &digits);
  size_t body = value ? strtoul(value, NULL, 10) : 0;
  if (length < head + body) return 0;
  answers->length += (size_t)sprintf(answers->bytes + answers->length,
                                     HEAD("%zu", "application/octet-stream"), body);
  append(answers, request + head, body);
  return head + body;
}

static Variant variantNamed(const char* name) {
  if (strcmp(name, "hello") == 0) return answerHello;
  if (strcmp(name, "headers") == 0) return answerHeaders;
  if (strcmp(name, "json") == 0) return answerJson;
  if (strcmp(name, "echo") == 0) return answerEcho;
  fprintf(stderr, "http_server: no variant named %s\n", name);
  exit(1);
}

static void closeConnection(int fd) {
  pendingClear(&connections[fd].input);
  pendingClear(&connections[fd].output);
  close(fd);
}

static void sendAnswers(int fd, const Answers* answers) {
  if (answers->length == 0) return;
  ssize_t sent = write(fd, answers->bytes, answers->length);
  if (sent == (ssize_t)answers->length) return;
  if (sent < 0 && errno != EAGAIN) return closeConnection(fd);
  if (sent < 0) sent = 0;
  pendingSet(&connections[fd].output, answers->bytes + sent, answers->length - (size_t)sent);
  rewatch(poller, fd, EPOLLOUT); /* no reading meanwhile: TCP slows the client */
}

static void onReadable(int fd) {
  Pending* kept = &connections[fd].input;
  size_t length = kept->length;
  if (length > 0) memcpy(input, kept->bytes, length);
  ssize_t got = read(fd, input + length, kBuffer / 2);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return closeConnection(fd);
  length += (size_t)got;

  Answers answers = {output, 0};
  size_t used = 0;
  for (size_t request; used < length; used += request) {
    if (answers.length > sizeof output / 2) return closeConnection(fd);
    request = answer(input + used, length - used, &answers);
    if (request == 0) break;
    unitsDone++;
  }
  if (length - used > kBuffer / 4) return closeConnection(fd);
  if (used < length || kept->length > 0) pendingSet(kept, input + used, length - used);
  sendAnswers(fd, &answers);
}

static void onWritable(int fd) {
  Pending* left = &connections[fd].output;
  ssize_t sent = write(fd, left->bytes, left->length);
  if (sent < 0 && errno == EAGAIN) return;
  if (sent < 0) return closeConnection(fd);
  pendingSet(left, left->bytes + sent, left->length - (size_t)sent);
  if (left->length == 0) rewatch(poller, fd, EPOLLIN);
}

int main(int argc, char** argv) {
  answer = variantNamed(argc > 1 ? argv[1] : "hello");
  connections = calloc(raiseDescriptorLimit() + 1, sizeof *connections);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!connections || poller < 0) die("start");
  serve(poller, onReadable, onWritable);
}
