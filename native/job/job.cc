#include "job/job.h"

#include <cstring>
#include <new>

#include "job/queue.h"
#include "mem/memtype.h"

namespace heddle::job {
namespace {

// Room behind every job, so that a small result needs no memory of its own.
constexpr size_t kLeastBytes = 32;

// Counts off one of what the job waits for. Acquire and release: the last one hands back what the
// others wrote.
void countOff(Job* job) {
  if (job->pending.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Queue* const queue = job->keeps;
  job->ended(job);  // and is its submitter's
  if (queue != nullptr) queue->parentOver();
}

}  // namespace

Job* Job::make(size_t bytes) {
  const size_t room = bytes < kLeastBytes ? kLeastBytes : (bytes + 7) & ~size_t{7};
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kAsyncJob), sizeof(Job) + room);
  if (memory == nullptr) return nullptr;
  Job* const job = ::new (memory) Job;
  job->inlineBytes = static_cast<uint32_t>(room);
  return job;
}

void Job::destroy(Job* job) {
  Job* const parent = job->parent;
  job->~Job();
  mem::release(mem::builtinType(mem::Builtin::kAsyncJob), job);
  if (parent != nullptr) countOff(parent);
}

bool Job::setResult(const uint8_t* data, size_t count) {
  large = Payload();
  if (count > inlineBytes) {
    uint8_t* const block = Payload::allocate(count);
    if (block == nullptr) return false;
    large = Payload(block, count);
    size = 0;
  } else {
    size = static_cast<uint32_t>(count);
  }
  if (count > 0) std::memcpy(bytes(), data, count);
  return true;
}

void finish(Job* job) { countOff(job); }

void dependOn(Job* parent, Job* dependent, Queue* queue) {
  if (parent->keeps == nullptr) {
    parent->keeps = queue;
    queue->parentBegins();
  }
  dependent->parent = parent;
  // Relaxed: the caller knows that the parent is under way; it cannot reach 0 meanwhile.
  parent->pending.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace heddle::job
