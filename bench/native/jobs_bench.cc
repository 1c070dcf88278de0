// What does a native job cost without JavaScript: from the record in the outbox to the record in
// the inbox, one loop and one worker thread, 1, 16 and 256 outstanding? Jobs a second, the median
// of interleaved runs. The loop looks a moment before it sleeps, as an engine does.
//
//   cmake -S bench/native -B /tmp/benches -DCMAKE_BUILD_TYPE=Release
//   cmake --build /tmp/benches --target jobs_bench && /tmp/benches/jobs_bench [runs]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "job/desk.h"
#include "job/target.h"
#include "sys/clock.h"
#include "sys/spin.h"
#include "sys/thread.h"

namespace {

using heddle::job::Desk;
using heddle::loop::Control;
using heddle::loop::In;
using heddle::loop::Out;

constexpr int64_t kRunNs = 300'000'000;
constexpr int kLooks = 1000;

class Bench {
 public:
  Bench() {
    loop_ = heddle::loop::Loops::makePtr(memory(), heddle::loop::LoopOptions{});
    if (loop_ == nullptr || loop_->open() < 0) std::abort();
    desk_ = heddle::job::Desks::makePtr(loop_.get());
    if (desk_ == nullptr || desk_->open() < 0) std::abort();
    loop_->attach(desk_.get(), 0);
    loop_->takeRecords(desk_.get(), Desk::kRecordGroup);
    heddle::job::QueueSpec spec;
    spec.name = "bench";
    queue_ = static_cast<int32_t>(heddle::job::createQueue(spec, desk_.get()));
    target_ = static_cast<int32_t>(
        heddle::job::targetNumber(heddle::job::kNativeModule, "heddle:nothing"));
    if (queue_ < 0 || target_ < 0) std::abort();
  }

  // Jobs a second with so many under way.
  double run(int outstanding) {
    uint64_t done = 0;
    const int64_t start = heddle::sys::monotonicNs();
    for (int i = 0; i < outstanding; i++) submit(i + 1);
    while (heddle::sys::monotonicNs() - start < kRunNs) done += turn(true);
    const int64_t ns = heddle::sys::monotonicNs() - start;
    for (uint64_t left = static_cast<uint64_t>(outstanding); left > 0;) left -= turn(false);
    return static_cast<double>(done) / static_cast<double>(ns) * 1e9;
  }

 private:
  heddle::loop::PortMemory memory() {
    return {inbox_.data(),  static_cast<uint32_t>(inbox_.size()),
            recv_.data(),   static_cast<uint32_t>(recv_.size()),
            outbox_.data(), static_cast<uint32_t>(outbox_.size()),
            send_.data(),   static_cast<uint32_t>(send_.size()),
            control_,       clock_};
  }

  void submit(int32_t handle) {
    int32_t* const at = outbox_.data() + control_[Control::OUT_WORDS];
    at[0] = heddle::loop::recordHead(Out::JOB_ADD, 7);
    at[1] = queue_;
    at[2] = handle;
    at[3] = target_;
    at[4] = at[5] = at[6] = 0;
    control_[Control::OUT_WORDS] += 7;
  }

  // A pass, and what its callbacks ask for. How many jobs were over.
  uint64_t turn(bool again) {
    loop_->apply();
    for (int i = 0; i < kLooks && !desk_->hasNews(); i++) heddle::sys::relax();
    const uint32_t words = loop_->collect(desk_->hasNews() ? 0 : loop_->sleepNs());
    uint64_t done = 0;
    for (uint32_t at = 0; at < words; at += static_cast<uint32_t>(inbox_[at]) >> 8) {
      if ((inbox_[at] & 0xff) != In::JOB_DONE) continue;
      done++;
      if (again) submit(inbox_[at + 1]);
    }
    return done;
  }

  std::vector<int32_t> inbox_ = std::vector<int32_t>(1 << 14);
  std::vector<int32_t> outbox_ = std::vector<int32_t>(1 << 14);
  std::vector<uint8_t> recv_ = std::vector<uint8_t>(1 << 18);
  std::vector<uint8_t> send_ = std::vector<uint8_t>(1 << 12);
  int32_t control_[heddle::loop::kControlWords] = {};
  double clock_[heddle::loop::kClockCells] = {};
  heddle::loop::Loops::Ptr loop_;
  heddle::job::Desks::Ptr desk_;
  int32_t queue_ = 0;
  int32_t target_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 5;
  constexpr int kOutstanding[] = {1, 16, 256};
  Bench bench;
  std::vector<double> rates[3];
  for (int run = 0; run < runs; run++) {
    for (int i = 0; i < 3; i++) rates[i].push_back(bench.run(kOutstanding[i]));
  }
  for (int i = 0; i < 3; i++) {
    std::sort(rates[i].begin(), rates[i].end());
    std::printf("%4d outstanding: %.0f thousand jobs/s\n", kOutstanding[i],
                rates[i][rates[i].size() / 2] / 1000);
  }
  std::fflush(stdout);
  std::_Exit(0);  // the worker thread is idle
}
