#include "aco/asynch_call.h"

#include <cerrno>
#include <cstring>
#include <new>

namespace heddle::aco {

AsynchCall::AsynchCall(Runtime* runtimeIn, void* argumentIn, const AsynchOptions& options)
    : Errand(runtimeIn->loop().loopId(), arrive, drop, kReply),
      runtime_(runtimeIn),
      gate_(options.gate),
      resultOut_(options.result),
      origin_(argumentIn),
      argument_(argumentIn),
      copyBytes_(options.copyBytes) {
  job_.call = this;
  job_.work = work;
  job_.done = done;
  job_.queue = options.queue;
  job_.subqueue = options.subqueue;
  job_.deadlineNs = options.deadlineNs;
  job_.tryOnly = options.tryOnly;
  if (copyBytes_ == 0) return;
  std::memcpy(copy(), argument_, copyBytes_);
  argument_ = copy();
}

AsynchCall* AsynchCall::make(Runtime* runtime, void* argument, const AsynchOptions& options) {
  void* const memory = mem::allocateBytes(mem::builtinType(mem::Builtin::kAcoCall),
                                          sizeof(AsynchCall) + options.copyBytes);
  return memory == nullptr ? nullptr : ::new (memory) AsynchCall(runtime, argument, options);
}

void AsynchCall::destroy(AsynchCall* call) {
  mem::release(mem::builtinType(mem::Builtin::kAcoCall), call);
}

// --- on the runner's thread

void AsynchCall::work(AsynchJob* job) {
  AsynchCall* const call = static_cast<Job*>(job)->call;
  call->result = call->phased == nullptr ? call->function(call->argument_)
                                         : call->phased(Phase::kWork, call->argument_);
  call->cleanUp();
}

void AsynchCall::done(AsynchJob* job) {
  AsynchCall* const call = static_cast<Job*>(job)->call;
  if (job->status < 0) call->cleanUp();
  const int posted = loop::Mailbox::post(loop::LetterPtr(call));
  static_cast<void>(posted);  // -ENOENT: the loop has ended, nobody waits any more
}

void AsynchCall::cleanUp() {
  if (phased != nullptr) phased(Phase::kCleanup, argument_);
}

void AsynchCall::drop(Errand* self) { destroy(static_cast<AsynchCall*>(self)); }

// --- on the loop's thread

int AsynchCall::submit() {
  link();
  const int submitted = asynchRunner().submit(&job_);
  if (submitted < 0) {
    unlink();
    destroy(this);
  } else if (gate_ != nullptr) {
    gate_->enter();
  }
  return submitted;
}

void AsynchCall::link() {
  following_ = runtime_->calls_;
  if (following_ != nullptr) following_->previous_ = this;
  runtime_->calls_ = this;
}

void AsynchCall::unlink() {
  (previous_ == nullptr ? runtime_->calls_ : previous_->following_) = following_;
  if (following_ != nullptr) following_->previous_ = previous_;
}

void AsynchCall::forget(void* self, Task*) { static_cast<AsynchCall*>(self)->waiter_ = nullptr; }

void AsynchCall::arrive(Errand* self, loop::Loop&) {
  auto* const call = static_cast<AsynchCall*>(self);
  if (call->runtime_ == nullptr) return destroy(call);
  call->arrived();
}

void AsynchCall::arrived() {
  Runtime* const runtime = runtime_;
  if (phased != nullptr && job_.status == 0) {
    runtime->depth_++;
    phased(Phase::kComplete, argument_);
    runtime->depth_--;
  }
  completed_ = true;
  if (gate_ != nullptr) {
    if (resultOut_ != nullptr && job_.status == 0) *resultOut_ = result;
    gate_->leave();
    unlink();
    destroy(this);
  } else if (waiter_ != nullptr) {
    runtime->wake(waiter_, 0);
  }
  // Else its coroutine is about to go on after a time-out or a cancellation, and will find it done.
}

void AsynchCall::leave() {
  unlink();
  if (gate_ != nullptr) gate_->leave();
  runtime_ = nullptr;
}

void AsynchCall::withdrawn() {
  cleanUp();
  leave();
  destroy(this);
}

int64_t AsynchCall::await(int64_t deadlineNs) {
  Task* const task = runningTask();
  waiter_ = task;
  int64_t waited = runtime_->wait(State::kAsynch, deadlineNs, forget, this);
  while (!completed_) {
    if (asynchRunner().withdraw(&job_)) {
      withdrawn();
      return waited;
    }
    if (waited == -ECANCELED && copyBytes_ > 0) {
      leave();
      return waited;
    }
    waiter_ = task;
    waited = runtime_->waitStubbornly(State::kAsynch, forget, this);
    if (waited < 0 && !completed_) return awaitBlocking();
  }
  return takeResult();
}

// The loop ends, or there is no memory to wait: its news will find nobody.
int64_t AsynchCall::awaitBlocking() {
  asynchRunner().await(&job_);
  const int64_t outcome = copyOut();
  leave();
  return outcome;
}

int64_t AsynchCall::takeResult() {
  const int64_t outcome = copyOut();
  leave();
  destroy(this);
  return outcome;
}

int64_t AsynchCall::copyOut() {
  if (job_.status < 0) return job_.status;
  if (copyBytes_ > 0) std::memcpy(origin_, copy(), copyBytes_);
  if (resultOut_ != nullptr) *resultOut_ = result;
  return 0;
}

void AsynchCall::abandonAtEnd() {
  if (asynchRunner().withdraw(&job_)) return withdrawn();
  if (copyBytes_ == 0) asynchRunner().await(&job_);
  leave();
}

}  // namespace heddle::aco
