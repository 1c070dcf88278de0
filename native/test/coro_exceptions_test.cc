// C++ exceptions inside a coroutine. This file is compiled with them; the core is not.
#include <exception>
#include <memory>
#include <string>

#include "test/child.h"
#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

struct Failure {
  std::string what;
  std::shared_ptr<int> held;
};

struct Note {
  std::string& trace;
  ~Note() { trace += "~"; }
};

[[gnu::noinline]] void throwFromDepth(int depth, std::string& trace, const Failure& failure) {
  const Note note{trace};
  if (depth == 0) throw failure;
  throwFromDepth(depth - 1, trace, failure);
}

CASE("AC-34 an exception is thrown and caught inside a coroutine, and destructors run on the way") {
  Crew crew;
  std::string trace;
  Coroutine* const co = crew.make([&] {
    try {
      throwFromDepth(3, trace, {"deep", nullptr});
    } catch (const Failure& failure) {
      trace += failure.what;
    }
    coro::yield();
    trace += "!";
  });
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace, "~~~~deep!");
}

CASE("A-AC-21 handlers that yield do not see each other's exceptions") {
  Crew crew;
  const auto held = std::make_shared<int>(1);
  std::string traces[3];
  std::vector<Coroutine*> all;
  for (int i = 0; i < 3; i++) {
    all.push_back(crew.make([&, i] {
      const std::string name(1, static_cast<char>('a' + i));
      std::string& trace = traces[i];
      try {
        throw Failure{name, held};
      } catch (const Failure&) {
        coro::yield();
        try {
          coro::yield();
          throw;  // again what this one handles
        } catch (const Failure& again) {
          trace += again.what;
          coro::yield();
          try {
            throw Failure{name + name, held};
          } catch (const Failure& nested) {
            coro::yield();
            trace += nested.what;
          }
          coro::yield();
          trace += again.what;
        }
      }
      coro::yield();
      trace += std::current_exception() == nullptr ? "." : "!";
    }));
  }
  // Each is a different number of steps ahead.
  for (size_t i = 0; i < all.size(); i++) {
    for (size_t step = 0; step < i; step++) crew.resume(all[i]);
  }
  for (int turn = 0; turn < 8; turn++) {
    for (Coroutine* co : all) {
      if (!co->ended()) crew.resume(co);
      CHECK(std::current_exception() == nullptr);
      CHECK_EQ(std::uncaught_exceptions(), 0);
    }
  }
  CHECK_EQ(traces[0], "aaaa.");
  CHECK_EQ(traces[1], "bbbb.");
  CHECK_EQ(traces[2], "cccc.");
  CHECK_EQ(held.use_count(), 1L);
}

CASE("A-AC-21 resume() inside a handler keeps that handler's exception out of the coroutine") {
  Crew crew;
  std::string trace;
  Coroutine* const co = crew.make([&] {
    trace += std::current_exception() == nullptr ? "none" : "leaked";
    try {
      throw Failure{" own", nullptr};
    } catch (const Failure& failure) {
      coro::yield();
      trace += failure.what;
    }
  });
  try {
    throw Failure{"outer", nullptr};
  } catch (const Failure&) {
    crew.resume(co);
    try {
      throw;
    } catch (const Failure& outer) {
      CHECK_EQ(outer.what, "outer");
    }
  }
  CHECK(std::current_exception() == nullptr);
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(trace, "none own");
}

CASE("AC-34 a destructor may yield while an exception passes") {
  Crew crew;
  struct Yields {
    int& seen;
    ~Yields() {
      coro::yield();
      seen = std::uncaught_exceptions();
    }
  };
  int seen = 0;
  bool caught = false;
  Coroutine* const co = crew.make([&] {
    try {
      const Yields yields{seen};
      throw Failure{"passing", nullptr};
    } catch (const Failure&) {
      caught = true;
    }
  });
  CHECK(crew.resume(co) == State::kSuspended);
  CHECK_EQ(std::uncaught_exceptions(), 0);
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(seen, 1);
  CHECK(caught);
}

CASE("AC-34 a coroutine that ends inside a handler leaves no exception behind") {
  const auto held = std::make_shared<int>(1);
  for (const bool exits : {false, true}) {
    Crew crew;
    Coroutine* const co = crew.make([&] {
      try {
        throw Failure{"kept", held};
      } catch (const Failure&) {
        coro::yield();
        coro::exit();
      }
    });
    crew.resume(co);
    CHECK_EQ(held.use_count(), 2L);
    if (exits) CHECK(crew.resume(co) == State::kFinished);
    crew.destroy(co);
    CHECK_EQ(held.use_count(), 1L);
    CHECK(std::current_exception() == nullptr);
  }
}

CASE("AC-34 unwinding ends at the entry: an exception that nobody catches ends the program") {
  int status = 0;
  const std::string said = childSays(status, [] {
    std::set_terminate([] {
      const char text[] = "terminate";
      if (write(STDERR_FILENO, text, 9) == 9) _exit(9);
    });
    Crew crew;
    try {
      crew.resume(crew.make([] { throw Failure{"lost", nullptr}; }));
    } catch (...) {
      _exit(1);
    }
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
  CHECK_EQ(said, "terminate");
}

}  // namespace
}  // namespace heddle::test
