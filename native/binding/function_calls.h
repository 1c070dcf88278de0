// Calls of registered native functions, by name and with bytes, on the threads of asynchronous
// calls. The bytes are copied: the function has a copy of its own, which JavaScript fetches when
// the call is done, so that neither the isolate's end nor a buffer that is moved away matters to
// it.
//
// Owned by the engine. A call is the runner's from `call` on, then the loop's, to which it comes
// back as an errand, then ours until it is fetched. When the engine closes, what has not begun is
// withdrawn, and what runs is left alone: its errand finds no loop and is dropped.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "aco/aco.h"
#include "loop/loop.h"

namespace heddle::binding {

// Has the threads of asynchronous calls stay until the process ends, whoever calls. They run code
// of modules, which nobody can hurry, and a worker that ends must not wait for it. For that the
// library has to stay loaded, see environment.cc.
void keepAsynchThreads();

class FunctionCalls {
 public:
  struct Options {
    uint32_t request;  // of the record that tells of its end
    const char* function;
    const uint8_t* bytes;
    size_t size;
    uint64_t subqueue;
    int64_t deadlineNs;  // 0: none
    bool tryOnly;
  };

  FunctionCalls() = default;
  FunctionCalls(const FunctionCalls&) = delete;
  FunctionCalls& operator=(const FunctionCalls&) = delete;

  void open(loop::Loop* loop) { loop_ = loop; }
  // 0 when a record will follow; -ENOENT: no function of that name; -EAGAIN: over the backlog;
  // -ENOMEM; why there is no thread.
  [[nodiscard]] int call(const Options& options);
  // Of a call whose record has come, once: copies what the function left of its bytes, at most
  // `size`. -ENOENT: there is none.
  int64_t fetch(uint32_t request, uint8_t* into, size_t size);
  // Nobody waits any more: it does not run if it has not begun, and no record follows.
  void withdraw(uint32_t request);
  void close();

 private:
  struct Call;

  Call* find(uint32_t request) const;
  void forget(Call* call);

  loop::Loop* loop_ = nullptr;
  Call* first_ = nullptr;  // those that JavaScript still asks for
};

}  // namespace heddle::binding
