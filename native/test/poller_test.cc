// Built twice where there is no kqueue: over epoll, and over kqueue's stand-in.
#include "sys/poller.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/queue.h"
#include "sys/clock.h"
#include "test/check.h"
#include "test/sockets.h"

using namespace heddle::sys;  // NOLINT(google-build-using-namespace)
using check::Fd;
using check::Pipe;
using check::TcpPair;
using check::UnixPair;

namespace {

constexpr int64_t kLongNs = 60'000'000'000;  // fails a test, does not pace it
constexpr uint64_t kA = 0x1234'5678'9abcu;
constexpr uint64_t kB = Poller::kMaxData;

struct Opened : Poller {
  Opened() { CHECK_EQ(open(), 0); }
};

// Waits until something is reported; the masks by data.
std::map<uint64_t, uint32_t> masks(Poller& poller, int64_t timeoutNs = kLongNs) {
  Ready ready[16];
  std::map<uint64_t, uint32_t> found;
  const int64_t deadline = monotonicNs() + timeoutNs;
  while (found.empty()) {
    const int n = poller.wait(ready, 16, timeoutNs);
    CHECK(n >= 0);
    for (int i = 0; i < n; i++) {
      CHECK(found.emplace(ready[i].data, ready[i].mask).second);  // one report per descriptor
    }
    if (monotonicNs() >= deadline) break;
  }
  return found;
}

uint32_t maskNow(Poller& poller, uint64_t data) { return masks(poller, 0)[data]; }
uint32_t maskSoon(Poller& poller, uint64_t data) { return masks(poller)[data]; }

void resetConnection(int fd) {
  CHECK_EQ(setLinger(fd, 0), 0);
  CHECK_EQ(closeFd(fd), 0);
}

}  // namespace

CASE("poller: the program tests the implementation that it is meant to test") {
#ifdef HEDDLE_KQUEUE_STANDIN
  CHECK_EQ(std::string(pollerName()), std::string("kqueue"));
#elif defined(__linux__)
  CHECK_EQ(std::string(pollerName()), std::string("epoll"));
#endif
}

CASE("poller: nothing ready gives 0; a timeout is not cut short") {
  Opened poller;
  Ready ready[4];
  CHECK_EQ(poller.wait(ready, 4, 0), 0);
  for (const int64_t timeoutNs : {int64_t{200'000}, int64_t{3'500'000}}) {
    const int64_t start = monotonicNs();
    CHECK_EQ(poller.wait(ready, 4, timeoutNs), 0);
    CHECK(monotonicNs() - start >= timeoutNs);
  }
}

CASE("FD-06 poller: readiness is reported until it is dealt with") {
  Opened poller;
  UnixPair pair;
  CHECK_EQ(poller.add(pair.a, kRead, kA), 0);
  CHECK_EQ(maskNow(poller, kA), 0u);
  CHECK_EQ(writeSome(pair.b, "x", 1), 1);
  CHECK_EQ(maskSoon(poller, kA), kRead);
  CHECK_EQ(maskNow(poller, kA), kRead);
  check::drain(pair.a);
  CHECK_EQ(maskNow(poller, kA), 0u);
}

CASE("poller: read and write of one descriptor come in one report") {
  Opened poller;
  UnixPair pair;
  CHECK_EQ(poller.add(pair.a, kRead | kWrite, kB), 0);
  CHECK_EQ(maskSoon(poller, kB), kWrite);
  CHECK_EQ(writeSome(pair.b, "x", 1), 1);
  CHECK_EQ(maskSoon(poller, kB), kRead | kWrite);
  CHECK(check::fill(pair.a) > 0);
  CHECK_EQ(maskSoon(poller, kB), kRead);
  check::drain(pair.b);
  CHECK_EQ(maskSoon(poller, kB), kRead | kWrite);
}

CASE("poller: modify changes interest and data, remove ends the reports") {
  Opened poller;
  UnixPair pair;
  CHECK_EQ(writeSome(pair.b, "x", 1), 1);
  CHECK_EQ(poller.add(pair.a, kRead | kWrite, kA), 0);
  CHECK_EQ(poller.modify(pair.a, kWrite, 5), 0);
  CHECK_EQ(maskSoon(poller, 5), kWrite);
  CHECK_EQ(poller.modify(pair.a, 0, 6), 0);
  CHECK(masks(poller, 0).empty());
  CHECK_EQ(poller.modify(pair.a, kRead, 7), 0);
  CHECK_EQ(maskSoon(poller, 7), kRead);
  CHECK_EQ(poller.remove(pair.a), 0);
  CHECK(masks(poller, 0).empty());
  CHECK_EQ(poller.add(pair.a, kRead, 8), 0);
  CHECK_EQ(maskSoon(poller, 8), kRead);
}

CASE("poller: interest 0 is legal, ignores data and still reports errors, by level") {
  Opened poller;
  TcpPair tcp;
  CHECK_EQ(poller.add(tcp.server, 0, kA), 0);
  CHECK(masks(poller, 0).empty());
  CHECK_EQ(writeSome(tcp.client, "x", 1), 1);
  CHECK(masks(poller, 5'000'000).empty());
  resetConnection(tcp.client.release());
  CHECK_EQ(maskSoon(poller, kA), kException);
  CHECK_EQ(maskSoon(poller, kA), kException);
  CHECK_EQ(poller.modify(tcp.server, kRead, kA), 0);
  CHECK_EQ(maskSoon(poller, kA), kRead | kException);
}

CASE("FD-15 poller: a reset is an exception together with what was requested") {
  for (const uint32_t interest : {kRead, kWrite, kRead | kWrite, kException}) {
    Opened poller;
    TcpPair tcp;
    CHECK(check::fill(tcp.server) > 0);
    CHECK_EQ(poller.add(tcp.server, interest, kA), 0);
    CHECK_EQ(maskNow(poller, kA), 0u);
    resetConnection(tcp.client.release());
    CHECK_EQ(maskSoon(poller, kA), kException | (interest & (kRead | kWrite)));
    CHECK_EQ(socketError(tcp.server), -ECONNRESET);
  }
}

CASE("FD-15 poller: the end of the peer's stream alone is readable and no exception") {
  Opened poller;
  TcpPair tcp;
  CHECK_EQ(poller.add(tcp.server, kRead, kA), 0);
  CHECK_EQ(shutdownWrite(tcp.client), 0);
  CHECK_EQ(maskSoon(poller, kA), kRead);
  char byte = 0;
  CHECK_EQ(recvSome(tcp.server, &byte, 1), 0);
  CHECK_EQ(poller.modify(tcp.server, 0, kA), 0);
  CHECK(masks(poller, 5'000'000).empty());
}

CASE("FD-15 poller: a hang-up is an exception, with the requested read") {
  Opened poller;
  Pipe pipe;
  CHECK_EQ(poller.add(pipe.reader, kRead, kA), 0);
  CHECK_EQ(poller.add(pipe.writer, 0, kB), 0);
  pipe.writer.reset();
  CHECK_EQ(maskSoon(poller, kA), kRead | kException);

  UnixPair pair;
  CHECK_EQ(poller.remove(pipe.reader), 0);
  CHECK_EQ(poller.add(pair.a, 0, kA), 0);
  pair.b.reset();
  CHECK_EQ(maskSoon(poller, kA), kException);
}

CASE("FD-15 poller: a writer whose reader has gone gets the exception though it had no room") {
  Opened poller;
  Pipe pipe;
  CHECK(check::fill(pipe.writer) > 0);
  CHECK_EQ(poller.add(pipe.writer, kWrite, kA), 0);
  CHECK_EQ(maskNow(poller, kA), 0u);
  pipe.reader.reset();
  CHECK_EQ(maskSoon(poller, kA), kWrite | kException);
}

CASE("FD-15 poller: urgent data is readable and no exception") {
  Opened poller;
  TcpPair tcp;
  CHECK_EQ(poller.add(tcp.server, kRead, kA), 0);
  CHECK_EQ(::send(tcp.client, "!", 1, MSG_OOB), 1);
  CHECK_EQ(maskSoon(poller, kA), kRead);
  char byte = 0;
  CHECK_EQ(recvSome(tcp.server, &byte, 1), -EAGAIN);
  CHECK(masks(poller, 0).empty());  // reading past it was enough: no spinning
  CHECK_EQ(poller.modify(tcp.server, 0, kA), 0);
  CHECK_EQ(::send(tcp.client, "!", 1, MSG_OOB), 1);
  CHECK(masks(poller, 5'000'000).empty());  // nobody wants to read
}

#ifndef HEDDLE_KQUEUE_STANDIN
CASE("poller: its descriptor is readable when a wait would not block") {
  Opened poller;
  UnixPair pair;
  pollfd outer{poller.fd(), POLLIN, 0};
  CHECK_EQ(poller.add(pair.a, kRead, kA), 0);
  CHECK_EQ(::poll(&outer, 1, 0), 0);
  CHECK_EQ(writeSome(pair.b, "x", 1), 1);
  CHECK_EQ(::poll(&outer, 1, 60'000), 1);
  check::drain(pair.a);
  CHECK(masks(poller, 0).empty());
  CHECK_EQ(::poll(&outer, 1, 0), 0);
  CHECK_EQ(poller.wake(), 0);
  CHECK_EQ(::poll(&outer, 1, 60'000), 1);
  CHECK(masks(poller, 0).empty());
  CHECK_EQ(::poll(&outer, 1, 0), 0);
}
#endif

CASE("FD-12 poller: what cannot be watched is EPERM, what is wrong says so") {
  Opened poller;
  UnixPair pair;
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  CHECK_EQ(poller.add(file, kRead, kA), -EPERM);
  CHECK_EQ(poller.add(-1, kRead, kA), -EBADF);
  CHECK_EQ(poller.add(pair.a, 8, kA), -EINVAL);
  CHECK_EQ(poller.add(pair.a, kRead, Poller::kMaxData + 1), -EINVAL);
  CHECK_EQ(poller.modify(pair.a, kRead, kA), -ENOENT);
  CHECK_EQ(poller.remove(pair.a), -ENOENT);
  CHECK_EQ(poller.add(pair.a, kRead, kA), 0);
  CHECK_EQ(poller.add(pair.a, kWrite, kB), -EEXIST);
  CHECK_EQ(poller.modify(pair.a, 8, kA), -EINVAL);
  CHECK_EQ(poller.remove(pair.a), 0);
  CHECK_EQ(poller.remove(pair.a), -ENOENT);
  CHECK_EQ(poller.remove(12345), -EBADF);
}

CASE("poller: a descriptor closed without remove leaves no trace for its successor") {
  Opened poller;
  int first[2];
  REQUIRE(heddle::sys::pair(first) == 0);
  CHECK_EQ(poller.add(first[0], kRead, kA), 0);
  closeFd(first[0]);
  closeFd(first[1]);
  CHECK(masks(poller, 0).empty());
  UnixPair pair;  // takes the same numbers
  CHECK_EQ(pair.a.fd, first[0]);
  CHECK_EQ(poller.add(pair.a, kRead, kB), 0);
  CHECK_EQ(writeSome(pair.b, "x", 1), 1);
  CHECK_EQ(maskSoon(poller, kB), kRead);
}

CASE("poller: many descriptors, small batches: everything gets its turn") {
  Opened poller;
  std::vector<UnixPair> pairs(40);
  std::vector<int> seen(pairs.size());
  for (size_t i = 0; i < pairs.size(); i++) {
    CHECK_EQ(poller.add(pairs[i].a, kRead, i), 0);
    CHECK_EQ(writeSome(pairs[i].b, "x", 1), 1);
  }
  Ready ready[7];
  size_t total = 0;
  for (int round = 0; round < 100 && total < pairs.size(); round++) {
    const int n = poller.wait(ready, 7, kLongNs);
    CHECK(n > 0 && n <= 7);
    for (int i = 0; i < n; i++) {
      seen[ready[i].data]++;
      check::drain(pairs[ready[i].data].a);
      total++;
    }
  }
  for (const int count : seen) CHECK_EQ(count, 1);
}

CASE("poller: a wake-up ends a wait, is not reported, and counts once") {
  Opened poller;
  Ready ready[4];
  CHECK_EQ(poller.wake(), 0);
  CHECK_EQ(poller.wake(), 0);
  CHECK_EQ(poller.wait(ready, 4, -1), 0);
  const int64_t start = monotonicNs();
  CHECK_EQ(poller.wait(ready, 4, 2'000'000), 0);
  CHECK(monotonicNs() - start >= 2'000'000);
  CHECK_EQ(poller.wake(), 0);
  CHECK_EQ(poller.wait(ready, 4, -1), 0);
}

CASE("poller: a wake-up does not displace readiness") {
  Opened poller;
  UnixPair pair;
  CHECK_EQ(poller.add(pair.a, kWrite, kA), 0);
  CHECK_EQ(poller.wake(), 0);
  // With room for one entry the two come in either order.
  Ready ready[1];
  int reports = 0;
  for (int i = 0; i < 2; i++) reports += poller.wait(ready, 1, 1'000'000);
  CHECK(reports >= 1);
  CHECK_EQ(ready[0].data, kA);
  CHECK_EQ(ready[0].mask, kWrite);
}

CASE("poller: no wake-up is lost between two posting threads and the owner") {
  struct Post {
    int value = 0;
    Post* next = nullptr;
  };
  const int each = 2'000 * check::kStressScale;
  Opened poller;
  heddle::base::Mpsc<Post> queue;
  std::vector<Post> posts(static_cast<size_t>(2 * each));
  std::atomic<int> failures{0};
  const auto post = [&](int from) {
    for (int i = from; i < from + each; i++) {
      posts[static_cast<size_t>(i)].value = i + 1;
      if (queue.push(&posts[static_cast<size_t>(i)]) && poller.wake() < 0) failures++;
    }
  };
  std::thread first(post, 0);
  std::thread second(post, each);
  Ready ready[4];
  int64_t sum = 0;
  int received = 0;
  bool late = false;
  while (received < 2 * each && !late) {
    const int64_t start = monotonicNs();
    CHECK_EQ(poller.wait(ready, 4, kLongNs), 0);
    late = monotonicNs() - start >= kLongNs;
    for (Post* taken = queue.takeAll(); taken != nullptr; taken = taken->next) {
      sum += taken->value;
      received++;
    }
  }
  first.join();
  second.join();
  CHECK(!late);
  CHECK_EQ(failures.load(), 0);
  const int64_t count = int64_t{2} * each;
  CHECK_EQ(sum, count * (count + 1) / 2);
}

CASE("poller: what precedes a wake is visible after the wait, also for wakes that coalesce") {
  const int rounds = 500 * check::kStressScale;
  Opened poller;
  int plain = 0;  // guarded by nothing but wake and wait, and by `seen` on the way back
  std::atomic<int> seen{0};
  std::thread other([&] {
    for (int i = 1; i <= rounds; i++) {
      plain = i;
      static_cast<void>(poller.wake());
      while (seen.load(std::memory_order_acquire) < i) std::this_thread::yield();
    }
  });
  Ready ready[1];
  bool equal = true;
  for (int i = 1; i <= rounds; i++) {
    CHECK_EQ(poller.wait(ready, 1, kLongNs), 0);
    equal = equal && plain == i;
    seen.store(i, std::memory_order_release);
  }
  other.join();
  CHECK(equal);
}

CASE("poller: a signal ends a wait with 0") {
  Opened poller;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, &before);
  const pthread_t self = pthread_self();
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done.load()) {
      pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Ready ready[1];
  CHECK_EQ(poller.wait(ready, 1, -1), 0);
  done.store(true);
  other.join();
  sigaction(SIGUSR1, &before, nullptr);
}

CASE("poller: opens again after close, which is idempotent") {
  Poller poller;
  CHECK_EQ(poller.open(), 0);
  CHECK_EQ(poller.open(), -EALREADY);
  poller.close();
  poller.close();
  CHECK_EQ(poller.fd(), -1);
  CHECK_EQ(poller.open(), 0);
  UnixPair pair;
  CHECK_EQ(poller.add(pair.a, kWrite, kA), 0);
  CHECK_EQ(maskSoon(poller, kA), kWrite);
}
