#pragma once

// A loop with coroutines, and shorthand to write them where they are used.
//
// Coroutines run on a stack that others use while they wait: what a test compares outside of them
// is captured by reference, and lies on the test's own stack.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aco/aco.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {

using aco::Event;
using aco::Gate;
using aco::Id;
using aco::Outcome;
using aco::Runtime;
using aco::State;
using aco::Trouble;
using aco::Wait;

constexpr int64_t kMs = 1'000'000;

class AcoWorld : public Loopback {
 public:
  AcoWorld() {
    if (Runtime::require(loop(), &runtime_) < 0) std::abort();
    runtime_->setReporter(note, this);
  }

  // Coroutines that are left end while what they call is still there.
  ~AcoWorld() override { loop().close(); }

  Runtime& runtime() { return *runtime_; }

  using Body = std::function<void()>;
  // Starts a coroutine that calls it.
  int64_t go(Body body, const char* name = "") {
    bodies_.push_back(std::make_unique<Body>(std::move(body)));
    aco::StartOptions options;
    options.name = name;
    return runtime_->start(callBody, bodies_.back().get(), options);
  }
  static void callBody(void* body) {
    (*static_cast<Body*>(body))();
    aco::exit();
  }
  // Until no coroutine is left.
  bool finishAll() {
    return until([this] { return runtime_->live() == 0; });
  }
  State stateOf(int64_t id) {
    aco::TaskInfo info;
    return runtime_->describe(static_cast<Id>(id), &info) < 0 ? State::kRunning : info.state;
  }

  size_t told(Trouble trouble) const {
    size_t count = 0;
    for (const aco::Report& report : reports) count += report.trouble == trouble ? 1 : 0;
    return count;
  }
  std::vector<aco::Report> reports;

 private:
  static void note(void* self, const aco::Report& report) {
    static_cast<AcoWorld*>(self)->reports.push_back(report);
  }

  Runtime* runtime_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
};

// The event of a descriptor in the running coroutine.
inline Event* adopted(int fd) {
  Event* event = nullptr;
  if (Event::adopt(fd, &event) < 0) std::abort();
  return event;
}

inline void closeAndFree(Event* event) {
  CHECK_EQ(event->close(), 0);
  CHECK_EQ(event->free(), 0);
}

}  // namespace heddle::test
