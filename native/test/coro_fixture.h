#pragma once

// A thread with coroutines whose procedures are lambdas.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "coro/instrumented.h"
#include "coro/thread.h"
#include "test/check.h"

namespace heddle::test {

using coro::Coroutine;
using coro::StacksOptions;
using coro::StartOptions;
using coro::State;

// Sanitizers and valgrind give every coroutine a stack of its own.
inline const bool kShared = coro::copiesStacks();

// Coroutines that are left at the end are destroyed.
class Crew {
 public:
  explicit Crew(const StacksOptions& options = {}) { opened_ = thread_.open(options); }
  ~Crew() { clear(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  coro::Thread& thread() { return thread_; }
  int opened() const { return opened_; }

  // The body runs in the coroutine and ends it by returning.
  template <class Body>
  Coroutine* make(Body body, const StartOptions& options = {}) {
    auto* const held = new std::function<void()>(std::move(body));
    bodies_.emplace_back(held);
    Coroutine* const co = thread_.make(runBody, held, options);
    if (co != nullptr) made_.push_back(co);
    return co;
  }
  State resume(Coroutine* co) { return thread_.resume(co); }
  // Until it has ended.
  State finish(Coroutine* co) {
    while (!co->ended()) thread_.resume(co);
    return co->state();
  }
  void destroy(Coroutine* co) {
    std::erase(made_, co);
    thread_.destroy(co);
  }
  void clear() {
    for (Coroutine* co : made_) thread_.destroy(co);
    made_.clear();
  }

 private:
  static void runBody(void* body) {
    (*static_cast<std::function<void()>*>(body))();
    coro::exit();
  }

  coro::Thread thread_;
  int opened_ = 0;
  std::vector<std::unique_ptr<std::function<void()>>> bodies_;
  std::vector<Coroutine*> made_;
};

}  // namespace heddle::test
