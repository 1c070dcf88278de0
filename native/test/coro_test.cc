// What a coroutine is: begins, yields, goes on, ends; its clean-ups; what it keeps across a switch.
#include <cerrno>
#include <string>

#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

CASE("AC-04 AC-34 a coroutine runs to its first yield, goes on from there, and ends by exit") {
  Crew crew;
  REQUIRE(crew.opened() == 0);
  std::string trace;
  Coroutine* const co = crew.make([&] {
    trace += "a";
    coro::yield();
    trace += "b";
    coro::yield();
    trace += "c";
  });
  REQUIRE(co != nullptr);
  CHECK(co->state() == State::kReady);
  CHECK_EQ(trace, "");
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK_EQ(trace, "a");
  CHECK(coro::current() == nullptr);
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK_EQ(trace, "ab");
  CHECK_EQ(co->resumes(), uint64_t{2});
  CHECK(co->stackBytes() > 0);
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace, "abc");
  CHECK_EQ(co->stackBytes(), size_t{0});
  CHECK_EQ(crew.thread().live(), size_t{1});
  crew.destroy(co);
  CHECK_EQ(crew.thread().live(), size_t{0});
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

}  // namespace
}  // namespace heddle::test
