#include "coro/coroutine.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "coro/end.h"
#include "mem/typed_object.h"

namespace heddle::coro {

__thread Here here __attribute__((tls_model("initial-exec"))) = {};

namespace {

using Ends = mem::Typed<End, mem::Builtin::kCoroutineEnd>;

}  // namespace

void stopOutside(const char* what) {
  std::fprintf(stderr, "heddle: coro::%s() outside of a coroutine\n", what);
  std::abort();
}

int onEnd(void (*run)(void*), void* argument) {
  Coroutine* const self = here.running;
  if (self == nullptr) stopOutside("onEnd");
  End* const end = Ends::make(run, argument, self->ends_);
  if (end == nullptr) return -ENOMEM;
  self->ends_ = end;
  return 0;
}

bool dropEnd(void (*run)(void*), void* argument) {
  Coroutine* const self = here.running;
  if (self == nullptr) stopOutside("dropEnd");
  for (End** at = &self->ends_; *at != nullptr; at = &(*at)->older) {
    End* const end = *at;
    if (end->run != run || end->argument != argument) continue;
    *at = end->older;
    Ends::destroy(end);
    return true;
  }
  return false;
}

void runEnds(End*& newest) {
  while (newest != nullptr) {
    End* const end = newest;
    newest = end->older;
    const End copy = *end;
    Ends::destroy(end);
    copy.run(copy.argument);
  }
}

#if defined(HEDDLE_FIBER_ASAN)
void Fiber::begin(void* argument) {
  auto* const self = static_cast<Fiber*>(argument);
  self->arrive(here.outside);
  self->start.main(self->start.argument);
}
#endif

}  // namespace heddle::coro

// Where a procedure returns to (entry.cc).
extern "C" [[noreturn, gnu::visibility("hidden")]] void heddle_coroutine_returned() {
  std::fputs("heddle: a coroutine's procedure returned without exit: it has spoken its last word\n",
             stderr);
  std::abort();
}
