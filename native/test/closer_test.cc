#include "sys/closer.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "sys/clock.h"
#include "test/check.h"
#include "test/sockets.h"

using namespace heddle::sys;  // NOLINT(google-build-using-namespace)
using check::TcpPair;

namespace {

struct Report {
  std::atomic<int> calls{0};
  std::atomic<int> errors{0};
  std::atomic<uint64_t> requests{0};
};

void count(void* ctx, uint64_t request, int err) {
  auto* report = static_cast<Report*>(ctx);
  report->requests.fetch_add(request);
  if (err != 0) report->errors.store(err);
  report->calls.fetch_add(1);
}

bool waitUntil(const std::function<bool()>& condition) {
  const int64_t deadline = monotonicNs() + 60'000'000'000;
  while (!condition()) {
    if (monotonicNs() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

int openPipe() {
  int fds[2];
  if (heddle::sys::pipe(fds) < 0) return -1;
  closeFd(fds[1]);
  return fds[0];
}

// A connection whose close blocks until the peer reads or goes away.
struct Lingering : TcpPair {
  Lingering() {
    CHECK_EQ(setLinger(server, 60), 0);
    CHECK(check::fill(server) > 0);
  }
};

}  // namespace

CASE("FD-09 closer: refuses without an acquire, and bad descriptors") {
  Report report;
  CHECK_EQ(submitClose(0, count, &report, 1), -ENODEV);
  acquireCloser();
  CHECK_EQ(submitClose(-1, count, &report, 1), -EBADF);
  CHECK_EQ(closerStats().threads, 0);
  releaseCloser();
  CHECK_EQ(report.calls.load(), 0);
}

CASE("FD-09 closer: closes and reports, with the errno of a bad close") {
  Report report;
  acquireCloser();
  const int fd = openPipe();
  CHECK_EQ(submitClose(fd, count, &report, 7), 0);
  CHECK(waitUntil([&] { return report.calls.load() == 1; }));
  CHECK_EQ(report.requests.load(), 7u);
  CHECK_EQ(report.errors.load(), 0);
  CHECK_EQ(descriptorFlags(fd), -EBADF);
  CHECK_EQ(submitClose(fd, count, &report, 1), 0);
  CHECK(waitUntil([&] { return report.calls.load() == 2; }));  // before the number is used again
  CHECK_EQ(submitClose(openPipe(), nullptr, nullptr, 0), 0);
  releaseCloser();
  CHECK_EQ(report.calls.load(), 2);
  CHECK_EQ(report.errors.load(), EBADF);
}

CASE("FD-09 closer: the last release finishes everything and joins; others only count") {
  Report report;
  acquireCloser();
  acquireCloser();
  for (int i = 0; i < 50; i++) CHECK_EQ(submitClose(openPipe(), count, &report, 1), 0);
  releaseCloser();
  CHECK_EQ(submitClose(openPipe(), count, &report, 1), 0);
  releaseCloser();
  CHECK_EQ(report.calls.load(), 51);
  CHECK_EQ(closerStats().threads, 0);
  CHECK_EQ(submitClose(0, count, &report, 1), -ENODEV);
  releaseCloser();  // one too many does nothing
  acquireCloser();
  CHECK_EQ(submitClose(openPipe(), count, &report, 1), 0);
  releaseCloser();
  CHECK_EQ(report.calls.load(), 52);
}

CASE("FD-09 closer: a close that blocks holds one helper, the submitter goes on, the bound holds") {
  CHECK_EQ(setCloserConcurrency(0), -EINVAL);
  CHECK_EQ(setCloserConcurrency(kCloserMaxConcurrency + 1), -EINVAL);
  CHECK_EQ(setCloserConcurrency(2), 0);
  acquireCloser();
  Report blocked;
  Report quick;
  std::vector<Lingering> connections(3);
  for (Lingering& each : connections) {
    CHECK_EQ(submitClose(each.server.release(), count, &blocked, 1), 0);
  }
  CHECK_EQ(submitClose(openPipe(), count, &quick, 1), 0);
  CHECK(waitUntil([] { return closerStats().idle == 0 && closerStats().queued == 2; }));
  CHECK_EQ(closerStats().threads, 2);
  CHECK_EQ(blocked.calls.load(), 0);

  // More helpers: the queue moves on although everything before still blocks.
  CHECK_EQ(setCloserConcurrency(4), 0);
  CHECK(waitUntil([&] { return quick.calls.load() == 1; }));
  CHECK_EQ(blocked.calls.load(), 0);

  for (Lingering& each : connections) {
    setLinger(each.client, 0);
    each.client.reset();
  }
  CHECK(waitUntil([&] { return blocked.calls.load() == 3; }));
  CHECK_EQ(blocked.errors.load(), 0);
  CHECK_EQ(setCloserConcurrency(1), 0);
  CHECK(waitUntil([] { return closerStats().threads == 1; }));
  releaseCloser();
  CHECK_EQ(setCloserConcurrency(10), 0);
}

CASE("FD-09 closer: of the idle helpers one stays, and works again") {
  setCloserIdleMs(1);
  acquireCloser();
  Report report;
  std::vector<Lingering> connections(3);
  for (Lingering& each : connections) {
    CHECK_EQ(submitClose(each.server.release(), count, &report, 1), 0);
  }
  CHECK(waitUntil([] { return closerStats().threads == 3 && closerStats().queued == 0; }));
  for (Lingering& each : connections) {
    setLinger(each.client, 0);
    each.client.reset();
  }
  CHECK(waitUntil([] { return closerStats().threads == 1 && closerStats().idle == 1; }));
  CHECK_EQ(report.calls.load(), 3);
  CHECK_EQ(submitClose(openPipe(), count, &report, 1), 0);
  CHECK(waitUntil([&] { return report.calls.load() == 4; }));
  CHECK_EQ(closerStats().threads, 1);
  releaseCloser();
  setCloserIdleMs(5000);
}

CASE("FD-09 closer: stress: threads acquire, submit and release; helpers come and go") {
  setCloserIdleMs(0);
  Report report;
  std::atomic<int> submitted{0};
  const int rounds = 20 * check::kStressScale;
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&, t] {
      check::Random random(check::seed() + static_cast<uint64_t>(t));
      for (int round = 0; round < rounds; round++) {
        acquireCloser();
        for (uint32_t n = random.below(6); n > 0; n--) {
          const int fd = openPipe();
          if (submitClose(fd, count, &report, 1) == 0) submitted++;
        }
        static_cast<void>(setCloserConcurrency(1 + static_cast<int>(random.below(8))));
        releaseCloser();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(report.calls.load(), submitted.load());
  CHECK_EQ(report.errors.load(), 0);
  CHECK_EQ(closerStats().threads, 0);
  CHECK_EQ(setCloserConcurrency(10), 0);
  setCloserIdleMs(5000);
}
