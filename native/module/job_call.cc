#include "module/job_call.h"

#include <cerrno>
#include <utility>

#include "loop/mailbox.h"
#include "mem/epoch.h"
#include "module/events.h"
#include "module/self.h"

namespace heddle::modules {
namespace {

using Calls = mem::Typed<JobCall, mem::Builtin::kModuleJob>;

}  // namespace

JobCall::JobCall(Events* events, Self* self, const heddle_job& job)
    : Errand(events->loop().loopId(), arrive, drop, kReply),
      events_(events),
      self_(self),
      work_(job.work),
      done_(job.done),
      argument_(job.argument) {
  job_.call = this;
  job_.work = work;
  job_.done = done;
  job_.queue = job.queue;
  job_.subqueue = job.subqueue;
  job_.deadlineNs = job.deadline_ns;
  job_.tryOnly = (job.flags & HEDDLE_JOB_TRY) != 0;
}

int JobCall::submit(Self* self, const heddle_job& job) {
  if (job.work == nullptr || (job.flags & ~HEDDLE_JOB_TRY) != 0 || job.reserved != 0) {
    return -EINVAL;
  }
  if (self->over()) return -ESHUTDOWN;
  Events* events = nullptr;
  const int found = Events::here(*self, &events);
  if (found < 0) return found;
  JobCall* const call = Calls::make(events, self, job);
  if (call == nullptr) return -ENOMEM;
  self->hold();
  events->link(call);
  const int submitted = aco::asynchRunner().submit(&call->job_);
  if (submitted == 0) return 0;
  events->unlink(call);
  self->release();
  Calls::destroy(call);
  return submitted;
}

// --- on the runner's thread

void JobCall::work(aco::AsynchJob* job) {
  JobCall* const call = static_cast<Job*>(job)->call;
  call->result_ = call->work_(call->argument_);
}

void JobCall::done(aco::AsynchJob* job) {
  const int posted = loop::Mailbox::post(loop::LetterPtr(static_cast<Job*>(job)->call));
  static_cast<void>(posted);  // -ENOENT: the loop has ended, and the module was told
}

void JobCall::drop(Errand* self) { Calls::destroy(static_cast<JobCall*>(self)); }

// --- on the loop's thread

void JobCall::arrive(Errand* self, loop::Loop&) {
  auto* const call = static_cast<JobCall*>(self);
  if (call->events_ != nullptr) call->tell(call->job_.status);
  Calls::destroy(call);
}

void JobCall::tell(int status) {
  Events* const events = std::exchange(events_, nullptr);
  events->unlink(this);
  if (done_ != nullptr) {
    const Events::Running section(events);
    done_(argument_, status, status < 0 ? 0 : result_);
  }
  self_->release();
}

void JobCall::endWithLoop() {
  if (aco::asynchRunner().withdraw(&job_)) {
    tell(-ECANCELED);
    return Calls::destroy(this);
  }
  aco::asynchRunner().await(&job_);
  // Its news is on the way, and finds nobody.
  tell(job_.status);
}

}  // namespace heddle::modules
