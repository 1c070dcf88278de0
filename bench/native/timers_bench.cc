// What do arming, cancelling and firing a timer cost in the wheel, beside a std::set and an indexed
// 4-ary heap? One million timers, random deadlines; nanoseconds a timer, medians of interleaved
// runs.
//
//   g++ -std=c++20 -O3 -iquote native -fno-exceptions -fno-rtti bench/native/timers_bench.cc
//       native/loop/timer{s,_blocks,_queue,_sort}.cc -o /tmp/timers_bench
//   /tmp/timers_bench [timers] [runs]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "loop/timers.h"

namespace {

using heddle::loop::Timers;

constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kStartNs = 1'000'000 * kMsNs;
constexpr size_t kPerPass = 1024;

class Wheel {
 public:
  explicit Wheel(size_t /*count*/) : timers_(kStartNs) {}
  void arm(uint32_t id, int64_t deadlineNs) {
    if (timers_.arm(id, id, deadlineNs) != 0) std::abort();
  }
  void cancel(uint32_t id) { timers_.cancel(id); }
  size_t expire(int64_t nowNs, uint64_t& sum) {
    return timers_.expire(nowNs, kPerPass, [&](uint32_t tag, uint32_t) { sum += tag; });
  }

 private:
  Timers timers_;
};

class OrderedSet {
 public:
  explicit OrderedSet(size_t count) : keys_(count) {}
  void arm(uint32_t id, int64_t deadlineNs) { keys_[id] = set_.emplace(deadlineNs, id).first; }
  void cancel(uint32_t id) { set_.erase(keys_[id]); }
  size_t expire(int64_t nowNs, uint64_t& sum) {
    size_t fired = 0;
    while (fired < kPerPass && !set_.empty() && set_.begin()->first < nowNs) {
      sum += set_.begin()->second;
      set_.erase(set_.begin());
      fired++;
    }
    return fired;
  }

 private:
  using Set = std::set<std::pair<int64_t, uint32_t>>;
  Set set_;
  std::vector<Set::iterator> keys_;
};

class FourHeap {
 public:
  explicit FourHeap(size_t count) : positions_(count) { entries_.reserve(count); }
  void arm(uint32_t id, int64_t deadlineNs) {
    entries_.push_back({});
    up(entries_.size() - 1, {deadlineNs, id});
  }
  void cancel(uint32_t id) { removeAt(positions_[id]); }
  size_t expire(int64_t nowNs, uint64_t& sum) {
    size_t fired = 0;
    while (fired < kPerPass && !entries_.empty() && entries_[0].deadlineNs < nowNs) {
      sum += entries_[0].id;
      removeAt(0);
      fired++;
    }
    return fired;
  }

 private:
  struct Entry {
    int64_t deadlineNs;
    uint32_t id;
  };
  void put(size_t at, Entry entry) {
    entries_[at] = entry;
    positions_[entry.id] = static_cast<uint32_t>(at);
  }
  void up(size_t at, Entry entry) {
    for (; at > 0 && entry.deadlineNs < entries_[(at - 1) / 4].deadlineNs; at = (at - 1) / 4) {
      put(at, entries_[(at - 1) / 4]);
    }
    put(at, entry);
  }
  void down(size_t at, Entry entry) {
    for (;;) {
      const size_t first = at * 4 + 1;
      if (first >= entries_.size()) break;
      size_t best = first;
      for (size_t c = first + 1; c < std::min(first + 4, entries_.size()); c++) {
        if (entries_[c].deadlineNs < entries_[best].deadlineNs) best = c;
      }
      if (entries_[best].deadlineNs >= entry.deadlineNs) break;
      put(at, entries_[best]);
      at = best;
    }
    put(at, entry);
  }
  void removeAt(size_t at) {
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at == entries_.size()) return;
    if (at > 0 && last.deadlineNs < entries_[(at - 1) / 4].deadlineNs) return up(at, last);
    down(at, last);
  }

  std::vector<Entry> entries_;
  std::vector<uint32_t> positions_;
};

struct Inputs {
  std::vector<int64_t> delaysNs;
  std::vector<uint32_t> cancelOrder;
  int64_t spanNs;
};

uint64_t nextRandom(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

Inputs makeInputs(size_t count, int64_t spanNs, bool shuffled) {
  Inputs inputs{{}, {}, spanNs};
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i < count; i++) {
    inputs.delaysNs.push_back(
        1 + static_cast<int64_t>(nextRandom(state) % static_cast<uint64_t>(spanNs)));
    inputs.cancelOrder.push_back(static_cast<uint32_t>(i));
  }
  if (!shuffled) return inputs;
  for (size_t i = count - 1; i > 0; i--) {
    std::swap(inputs.cancelOrder[i], inputs.cancelOrder[nextRandom(state) % (i + 1)]);
  }
  return inputs;
}

double nowNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

struct Cost {
  double armNs, cancelNs, fireNs;
};

template <class Kind>
Cost measure(const Inputs& inputs, uint64_t& sum) {
  const size_t count = inputs.delaysNs.size();
  const auto each = static_cast<double>(count);
  Kind timers(count);
  const auto armAll = [&] {
    for (size_t i = 0; i < count; i++) {
      timers.arm(static_cast<uint32_t>(i), kStartNs + inputs.delaysNs[i]);
    }
  };
  armAll();  // touches the memory once, so that page faults are not measured
  const double first = nowNs();
  for (const uint32_t id : inputs.cancelOrder) timers.cancel(id);
  const double cancelled = nowNs();
  armAll();
  const double armed = nowNs();
  size_t fired = 0;
  // One pass a millisecond, and more while a pass reaches its limit.
  for (int64_t now = kStartNs; fired < count; now += kMsNs) {
    size_t batch = kPerPass;
    while (batch == kPerPass) {
      batch = timers.expire(now, sum);
      fired += batch;
    }
  }
  const double done = nowNs();
  return {(armed - cancelled) / each, (cancelled - first) / each, (done - armed) / each};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const char* name, const std::vector<Cost>& costs) {
  std::vector<double> arm, cancel, fire;
  for (const Cost& cost : costs) {
    arm.push_back(cost.armNs);
    cancel.push_back(cost.cancelNs);
    fire.push_back(cost.fireNs);
  }
  std::printf("  %-12s arm %7.1f   cancel %7.1f   fire %7.1f\n", name, median(arm), median(cancel),
              median(fire));
}

void compare(const char* title, const Inputs& inputs, int runs) {
  uint64_t sum = 0;
  std::vector<Cost> wheel, set, heap;
  for (int run = 0; run < runs; run++) {
    wheel.push_back(measure<Wheel>(inputs, sum));
    heap.push_back(measure<FourHeap>(inputs, sum));
    set.push_back(measure<OrderedSet>(inputs, sum));
  }
  std::printf("%s (check %llu)\n", title, static_cast<unsigned long long>(sum));
  print("wheel", wheel);
  print("4-ary heap", heap);
  print("std::set", set);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  if (count == 0 || runs < 1) return 2;
  compare("due within 60 s, cancelled in order of arming", makeInputs(count, 60'000 * kMsNs, false),
          runs);
  compare("due within 60 s, cancelled in random order", makeInputs(count, 60'000 * kMsNs, true),
          runs);
  compare("due within 100 ms", makeInputs(count, 100 * kMsNs, false), runs);
  return 0;
}
