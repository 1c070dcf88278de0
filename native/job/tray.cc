#include "job/tray.h"

#include "loop/loop.h"

namespace heddle::job {
namespace {

// A list that is pushed to at its newest end, the other way round.
template <class T>
T* oldestFirst(T* newest) {
  T* oldest = nullptr;
  while (newest != nullptr) {
    T* const following = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = following;
  }
  return oldest;
}

// Sequentially consistent: see the header. It is also the release that takeAll acquires.
template <class T>
void push(std::atomic<T*>* list, T* element) {
  T* head = list->load(std::memory_order_relaxed);
  do {
    element->next = head;
  } while (!list->compare_exchange_weak(head, element, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
}

template <class T>
T* takeAll(std::atomic<T*>* list) {
  if (list->load(std::memory_order_relaxed) == nullptr) return nullptr;
  return oldestFirst(list->exchange(nullptr, std::memory_order_acquire));
}

// What this thread is about to destroy, while it does. The destruction of a job may end the one
// that waits for it, and that of another: a chain of them is as long as its user made it, a stack
// is not.
constinit thread_local LinkedList<Job>* doomed = nullptr;

}  // namespace

Tray::~Tray() {
  discardJobs();
  discardNotices();
}

void Tray::discardJobs() {
  if (doomed != nullptr) return doomed->pushAll(takeJobs());
  LinkedList<Job> jobs;
  jobs.pushAll(takeJobs());
  doomed = &jobs;
  while (!jobs.empty()) Job::destroy(jobs.pop());
  doomed = nullptr;
}

void Tray::discardNotices() {
  for (Notice* notice = takeNotices(); notice != nullptr;) {
    Notice* const following = notice->next;
    Notices::destroy(notice);
    notice = following;
  }
}

void Tray::release(uint32_t count) {
  // Acquire and release: the last one destroys what the others have put in.
  if (references_.fetch_sub(count, std::memory_order_acq_rel) == count) Trays::destroy(this);
}

void Tray::put(Job* job) {
  push(&jobs_, job);
  if (!announce()) discardJobs();
  release();
}

void Tray::put(Notice* notice) {
  push(&notices_, notice);
  if (!announce()) discardNotices();
  release();
}

void Tray::call(Call what) {
  calls_.fetch_or(what, std::memory_order_seq_cst);
  static_cast<void>(announce());
}

// False: it is closed. Either the closing desk finds what was put in, or this finds that.
bool Tray::announce() {
  const State state = state_.load(std::memory_order_seq_cst);
  if (state == State::kAsleep) wake();
  return state != State::kClosed;
}

void Tray::wake() {
  // Relaxed: of those who see it asleep one wakes it; what they have put in is ordered already.
  State expected = State::kAsleep;
  if (!state_.compare_exchange_strong(expected, State::kAwake, std::memory_order_relaxed)) return;
  const std::lock_guard<std::mutex> guard(lock_);
  if (loop_ != nullptr) loop_->wake();
}

void Tray::open(loop::Loop* loop) {
  const std::lock_guard<std::mutex> guard(lock_);
  loop_ = loop;
}

void Tray::close() {
  {
    const std::lock_guard<std::mutex> guard(lock_);
    loop_ = nullptr;
  }
  state_.store(State::kClosed, std::memory_order_seq_cst);
  discardJobs();
  discardNotices();
}

bool Tray::rest() {
  state_.store(State::kAsleep, std::memory_order_seq_cst);
  if (jobs_.load(std::memory_order_seq_cst) == nullptr &&
      notices_.load(std::memory_order_seq_cst) == nullptr &&
      calls_.load(std::memory_order_seq_cst) == 0) {
    return true;
  }
  rouse();
  return false;
}

bool Tray::hasNews() const {
  // Relaxed: a hint; taking synchronises.
  return jobs_.load(std::memory_order_relaxed) != nullptr ||
         notices_.load(std::memory_order_relaxed) != nullptr ||
         calls_.load(std::memory_order_relaxed) != 0;
}

Job* Tray::takeJobs() { return takeAll(&jobs_); }

Notice* Tray::takeNotices() { return takeAll(&notices_); }

uint32_t Tray::takeCalls() {
  // Acquire: what was done before the call is seen.
  if (calls_.load(std::memory_order_relaxed) == 0) return 0;
  return calls_.exchange(0, std::memory_order_acquire);
}

}  // namespace heddle::job
