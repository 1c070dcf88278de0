#include "binding/function_calls.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

#include "mem/memtype.h"

namespace heddle::binding {

void keepAsynchThreads() {
  [[maybe_unused]] static const bool kept = (aco::asynchRunner().acquire(), true);
}

struct FunctionCalls::Call final : loop::Errand {
  Call(const Options& options, aco::NamedFunction functionIn, uint32_t loopId)
      : Errand(loopId, came, dropped, kReply),
        function(functionIn),
        size(options.size),
        request(options.request) {
    job.work = work;
    job.done = done;
    job.subqueue = options.subqueue;
    job.deadlineNs = options.deadlineNs;
    job.tryOnly = options.tryOnly;
    if (size > 0) std::memcpy(bytes(), options.bytes, size);
  }

  static Call* of(aco::AsynchJob* job) { return static_cast<Job*>(job)->call; }
  static void work(aco::AsynchJob* job);
  static void done(aco::AsynchJob* job);
  static void came(Errand* self, loop::Loop& loop);
  static void dropped(Errand* self) { end(static_cast<Call*>(self)); }
  static void end(Call* call);
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }

  struct Job final : aco::AsynchJob {
    Call* call = nullptr;
  };

  Job job;
  const aco::NamedFunction function;
  int64_t result = 0;
  const size_t size;  // of the bytes behind it
  const uint32_t request;
  // Of the loop's thread.
  bool isDone = false;   // waits to be fetched
  bool isWanted = true;  // in the list
  Call* nextCall = nullptr;
};

void FunctionCalls::Call::work(aco::AsynchJob* job) {
  Call* const self = of(job);
  self->result = self->function(self->bytes(), self->size);
}

void FunctionCalls::Call::done(aco::AsynchJob* job) {
  // -ENOENT: the loop has ended, and the call with it.
  static_cast<void>(loop::Mailbox::post(loop::LetterPtr(of(job))));
}

void FunctionCalls::Call::came(Errand* errand, loop::Loop& loop) {
  auto* const self = static_cast<Call*>(errand);
  if (!self->isWanted) return end(self);
  self->isDone = true;
  const auto words = std::bit_cast<uint64_t>(static_cast<double>(self->result));
  loop.port().emit(loop::In::ACO_CALLED, self->request, self->job.status, words, words >> 32);
}

void FunctionCalls::Call::end(Call* call) {
  call->~Call();
  mem::release(mem::builtinType(mem::Builtin::kFunctionCall), call);
}

int FunctionCalls::call(const Options& options) {
  const aco::NamedFunction function = aco::findFunction(options.function);
  if (function == nullptr) return -ENOENT;
  keepAsynchThreads();
  void* const memory = mem::allocateBytes(mem::builtinType(mem::Builtin::kFunctionCall),
                                          sizeof(Call) + options.size);
  if (memory == nullptr) return -ENOMEM;
  Call* const made = ::new (memory) Call(options, function, loop_->loopId());
  made->job.call = made;
  const int submitted = aco::asynchRunner().submit(&made->job);
  if (submitted < 0) {
    Call::end(made);
    return submitted;
  }
  made->nextCall = first_;
  first_ = made;
  return 0;
}

int64_t FunctionCalls::fetch(uint32_t request, uint8_t* into, size_t size) {
  Call* const call = find(request);
  if (call == nullptr || !call->isDone) return -ENOENT;
  const size_t copied = std::min(size, call->size);
  if (copied > 0) std::memcpy(into, call->bytes(), copied);
  forget(call);
  Call::end(call);
  return static_cast<int64_t>(copied);
}

void FunctionCalls::withdraw(uint32_t request) {
  Call* const call = find(request);
  if (call == nullptr) return;
  forget(call);
  if (call->isDone || aco::asynchRunner().withdraw(&call->job)) return Call::end(call);
  call->isWanted = false;
}

void FunctionCalls::close() {
  while (first_ != nullptr) withdraw(first_->request);
}

FunctionCalls::Call* FunctionCalls::find(uint32_t request) const {
  Call* call = first_;
  while (call != nullptr && call->request != request) call = call->nextCall;
  return call;
}

void FunctionCalls::forget(Call* call) {
  Call** link = &first_;
  while (*link != call) link = &(*link)->nextCall;
  *link = call->nextCall;
}

}  // namespace heddle::binding
