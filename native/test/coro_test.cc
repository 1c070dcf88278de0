// What a coroutine is: it begins, yields, goes on, ends; its clean-ups; what is refused.
#include <cerrno>
#include <csignal>
#include <string>

#include "test/child.h"
#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

CASE("AC-04 AC-34 a coroutine runs to its first yield, goes on from there, and ends by exit") {
  Crew crew;
  REQUIRE(crew.opened() == 0);
  std::string trace;
  Coroutine* co = nullptr;
  co = crew.make([&] {
    trace += "a";
    CHECK(coro::current() == co);
    CHECK(co->state() == State::kRunning);
    coro::yield();
    trace += "b";
    coro::yield();
    trace += "c";
  });
  REQUIRE(co != nullptr);
  CHECK(co->state() == State::kReady);
  CHECK_EQ(co->stackBytes(), size_t{0});
  CHECK_EQ(trace, "");
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK(co->state() == State::kSuspended);
  CHECK_EQ(trace, "a");
  CHECK(coro::current() == nullptr);
  CHECK(co->stackBytes() > 0);
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK_EQ(trace, "ab");
  CHECK_EQ(co->resumes(), uint64_t{2});
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace, "abc");
  CHECK(co->ended());
  CHECK_EQ(co->stackBytes(), size_t{0});
  CHECK_EQ(crew.thread().live(), size_t{1});
  crew.destroy(co);
  CHECK_EQ(crew.thread().live(), size_t{0});
}

void exitFromDepth(int depth, std::string& trace) {
  trace += static_cast<char>('0' + depth);
  if (trace.size() == 6) coro::exit();
  if (depth > 0) exitFromDepth(depth - 1, trace);
  trace += "never";
}

CASE("A-AC-9 exit ends it from any depth, and nothing after it runs") {
  Crew crew;
  std::string trace;
  Coroutine* const co = crew.make([&] { exitFromDepth(5, trace); });
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace, "543210");
}

CASE("AC-05 coroutines on one shared stack keep their locals") {
  Crew crew;
  std::string trace;
  std::vector<Coroutine*> all;
  for (int id = 0; id < 10; id++) {
    all.push_back(crew.make([&trace, id] {
      const std::string name(static_cast<size_t>(id) + 1, static_cast<char>('a' + id));
      for (int i = 0; i < 3; i++) {
        coro::yield();
        trace += name;
      }
    }));
  }
  std::string expected;
  for (int round = 0; round < 4; round++) {
    for (size_t id = 0; id < all.size(); id++) {
      crew.resume(all[id]);
      if (round > 0) expected += std::string(id + 1, static_cast<char>('a' + id));
    }
  }
  CHECK_EQ(trace, expected);
  for (Coroutine* co : all) CHECK(co->state() == State::kFinished);
}

CASE("AC-31 one coroutine makes another, and whoever resumes runs both") {
  Crew crew;
  std::string trace;
  Coroutine* second = nullptr;
  Coroutine* const first = crew.make([&] {
    second = crew.make([&] { trace += "second"; });
    coro::yield();
    trace += " first";
  });
  CHECK(crew.resume(first) == State::kSuspended);
  REQUIRE(second != nullptr);
  CHECK(crew.resume(second) == State::kFinished);
  CHECK(crew.resume(first) == State::kFinished);
  CHECK_EQ(trace, "second first");
}

// --- clean-ups

struct Trace {
  std::string text;
  struct Mark {
    Trace* trace;
    char name;
  };
  Mark marks[3] = {{this, 'a'}, {this, 'b'}, {this, 'c'}};

  static void run(void* argument) {
    const Mark& mark = *static_cast<Mark*>(argument);
    CHECK(coro::current() == nullptr);
    mark.trace->text += mark.name;
  }
  void add() {
    for (Mark& mark : marks) CHECK_EQ(coro::onEnd(run, &mark), 0);
  }
};

CASE("AC-04 clean-ups run once, newest first, at exit") {
  Crew crew;
  Trace trace;
  Coroutine* const co = crew.make([&] {
    trace.add();
    coro::yield();
  });
  crew.resume(co);
  CHECK_EQ(trace.text, "");
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace.text, "cba");
  crew.destroy(co);
  CHECK_EQ(trace.text, "cba");
}

CASE("AC-04 clean-ups run when a suspended coroutine is destroyed, in place or put aside") {
  for (const bool aside : {false, true}) {
    Crew crew;
    Trace trace;
    Coroutine* const co = crew.make([&] {
      trace.add();
      coro::yield();
    });
    crew.resume(co);
    if (aside) crew.finish(crew.make([] {}));
    crew.destroy(co);
    CHECK_EQ(trace.text, "cba");
    CHECK_EQ(crew.thread().stats().saveBytes, uint64_t{0});
  }
}

CASE("AC-04 a clean-up that is taken back does not run; one that has not begun has none") {
  Crew crew;
  Trace trace;
  Coroutine* const co = crew.make([&] {
    trace.add();
    CHECK(coro::dropEnd(Trace::run, &trace.marks[1]));
    CHECK(!coro::dropEnd(Trace::run, &trace.marks[1]));
  });
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace.text, "ca");
  crew.destroy(crew.make([&] { trace.add(); }));
  CHECK_EQ(trace.text, "ca");
}

CASE("AC-04 a clean-up may destroy its coroutine, and make and run another") {
  static coro::Thread* thread;
  static Coroutine* self;
  static int ran;
  coro::Thread own;
  REQUIRE(own.open({}) == 0);
  thread = &own;
  ran = 0;
  self = own.make(
      [](void*) {
        const int added = coro::onEnd(
            [](void*) {
              thread->destroy(self);
              Coroutine* const other =
                  thread->make([](void*) { ran++, coro::exit(); }, nullptr, {});
              CHECK(thread->resume(other) == State::kFinished);
              thread->destroy(other);
            },
            nullptr);
        CHECK_EQ(added, 0);
        coro::exit();
      },
      nullptr, {});
  CHECK(own.resume(self) == State::kFinished);
  CHECK_EQ(ran, 1);
  CHECK_EQ(own.live(), size_t{0});
}

// --- what is refused

CASE("AC-02 options that make no sense are refused") {
  coro::Thread thread;
  CHECK_EQ(thread.open({.count = 0}), -EINVAL);
  CHECK_EQ(thread.open({.bytes = 0}), -EINVAL);
  CHECK_EQ(thread.open({.bytes = size_t{1} << 40}), -EINVAL);
  REQUIRE(thread.open({}) == 0);
  CHECK(thread.make([](void*) {}, nullptr, {.maxStackBytes = size_t{1} << 40}) == nullptr);
  CHECK_EQ(thread.live(), size_t{0});
}

// The body must stop the process with the text.
template <class Body>
void stops(const char* text, Body&& body) {
  int status = 0;
  const std::string said = childSays(status, std::forward<Body>(body));
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(said.find(text) != std::string::npos);
  if (said.find(text) == std::string::npos) std::printf("    said: %s\n", said.c_str());
}

CASE("A-AC-9 a procedure that returns without exit stops the program") {
  stops("last word", [] {
    coro::Thread thread;
    if (thread.open({}) < 0) return;
    thread.resume(thread.make([](void*) {}, nullptr, {}));
  });
}

CASE("AC-04 what belongs inside stops the program outside, and says its name") {
  stops("coro::yield()", [] { coro::yield(); });
  stops("coro::exit()", [] { coro::exit(); });
  stops("coro::onEnd()", [] { (void)coro::onEnd([](void*) {}, nullptr); });
  stops("coro::dropEnd()", [] { coro::dropEnd([](void*) {}, nullptr); });
}

CASE("AC-04 misuse of a thread's coroutines stops the program") {
  stops("resume() inside a coroutine", [] {
    Crew crew;
    Coroutine* const other = crew.make([] {});
    crew.resume(crew.make([&] { crew.resume(other); }));
  });
  stops("has ended", [] {
    Crew crew;
    Coroutine* const co = crew.make([] {});
    crew.resume(co);
    crew.resume(co);
  });
  stops("destroy() of the running", [] {
    Crew crew;
    Coroutine* co = nullptr;
    co = crew.make([&] { crew.thread().destroy(co); });
    crew.resume(co);
  });
  stops("must be destroyed before", [] {
    coro::Thread thread;
    if (thread.open({}) < 0) return;
    (void)thread.make([](void*) {}, nullptr, {});
  });
}

}  // namespace
}  // namespace heddle::test
