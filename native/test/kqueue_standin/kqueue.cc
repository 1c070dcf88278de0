// kqueue and kevent on poll(2). Like the real ones: a filter is identified by (ident, filter),
// closing a descriptor drops its filters, EV_CLEAR reports a state once, EVFILT_USER may be
// triggered by any thread, EV_EOF with an error in fflags. The queue's descriptor is an eventfd, so
// it becomes readable for user events only.

#include <poll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace {

struct Filter {
  unsigned short flags = 0;
  dev_t device = 0;  // what the descriptor was when the filter was added
  ino_t inode = 0;
  bool triggered = false;      // EVFILT_USER
  int64_t reportedState = -1;  // EV_CLEAR: what was reported last
};

using Key = std::pair<uintptr_t, short>;

struct Queue {
  std::mutex lock;
  std::map<Key, Filter> filters;
};

std::mutex queuesLock;
std::map<int, std::shared_ptr<Queue>> queues;

std::shared_ptr<Queue> findQueue(int fd) {
  std::lock_guard<std::mutex> held(queuesLock);
  const auto found = queues.find(fd);
  return found == queues.end() ? nullptr : found->second;
}

bool isSameFile(const Key& key, const Filter& filter) {
  if (key.second == EVFILT_USER) return true;
  struct stat now;
  if (fstat(static_cast<int>(key.first), &now) < 0) return false;
  return now.st_ino == filter.inode && now.st_dev == filter.device;
}

void dropClosed(Queue* queue) {
  std::erase_if(queue->filters,
                [](const auto& item) { return !isSameFile(item.first, item.second); });
}

int addFilter(Queue* queue, const struct kevent& change) {
  Filter filter;
  filter.flags = static_cast<unsigned short>(change.flags & EV_CLEAR);
  if (change.filter != EVFILT_USER) {
    struct stat file;
    if (fstat(static_cast<int>(change.ident), &file) < 0) return EBADF;
    filter.device = file.st_dev;
    filter.inode = file.st_ino;
  }
  const Key key{change.ident, change.filter};
  const auto found = queue->filters.find(key);
  if (found != queue->filters.end())
    filter.flags = found->second.flags;  // EV_CLEAR does not change
  queue->filters[key] = filter;
  return 0;
}

int applyChange(int fd, Queue* queue, const struct kevent& change) {
  std::lock_guard<std::mutex> held(queue->lock);
  dropClosed(queue);
  if (change.flags & EV_ADD) return addFilter(queue, change);
  const auto found = queue->filters.find({change.ident, change.filter});
  if (found == queue->filters.end()) return ENOENT;
  if (change.flags & EV_DELETE) queue->filters.erase(found);
  if (change.filter == EVFILT_USER && (change.fflags & NOTE_TRIGGER)) {
    found->second.triggered = true;
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN) return errno;
  }
  return 0;
}

short pollEvents(short filter) {
  if (filter == EVFILT_EXCEPT) return POLLPRI;
  return static_cast<short>(filter == EVFILT_READ ? POLLIN | POLLRDHUP : POLLOUT);
}

// What an EV_CLEAR filter compares: the flags, and how much there is to read.
int64_t stateOf(const pollfd& polled) {
  int available = 0;
  if (ioctl(polled.fd, FIONREAD, &available) < 0) available = 0;
  return static_cast<int64_t>(available) << 16 | static_cast<unsigned short>(polled.revents);
}

bool report(const Key& key, Filter* filter, const pollfd& polled, struct kevent* out) {
  if (polled.revents == 0 || (polled.revents & POLLNVAL)) return false;
  const bool urgent = key.second == EVFILT_EXCEPT;
  if (urgent && !(polled.revents & POLLPRI)) return false;
  if (filter->flags & EV_CLEAR) {
    const int64_t state = stateOf(polled);
    if (filter->reportedState == state) return false;
    filter->reportedState = state;
  }
  if (urgent) {
    EV_SET(out, key.first, key.second, 0, NOTE_OOB, 0, nullptr);
    return true;
  }
  const int end = key.second == EVFILT_READ ? POLLRDHUP | POLLHUP | POLLERR : POLLHUP | POLLERR;
  const bool ended = (polled.revents & end) != 0;
  const unsigned error = (polled.revents & POLLERR) ? ECONNRESET : 0;
  EV_SET(out, key.first, key.second, static_cast<unsigned short>(ended ? EV_EOF : 0), error, 0,
         nullptr);
  return true;
}

bool reportUser(int fd, const Key& key, Filter* filter, struct kevent* out) {
  if (!filter->triggered) return false;
  filter->triggered = false;
  uint64_t count = 0;
  if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN) return false;
  EV_SET(out, key.first, key.second, 0, 0, 0, nullptr);
  return true;
}

// One look at everything. `polled` belongs to `keys`, item by item.
int collect(int fd, Queue* queue, const std::vector<Key>& keys, const std::vector<pollfd>& polled,
            struct kevent* events, int eventCount) {
  std::lock_guard<std::mutex> held(queue->lock);
  int count = 0;
  for (size_t i = 0; i < keys.size() && count < eventCount; i++) {
    const auto found = queue->filters.find(keys[i]);
    if (found == queue->filters.end()) continue;
    const bool user = keys[i].second == EVFILT_USER;
    const bool ready = user ? reportUser(fd, keys[i], &found->second, &events[count])
                            : report(keys[i], &found->second, polled[i], &events[count]);
    if (ready) count++;
  }
  return count;
}

void list(int fd, Queue* queue, std::vector<Key>* keys, std::vector<pollfd>* polled) {
  std::lock_guard<std::mutex> held(queue->lock);
  dropClosed(queue);
  for (const auto& [key, filter] : queue->filters) {
    const bool user = key.second == EVFILT_USER;
    keys->push_back(key);
    polled->push_back({user ? fd : static_cast<int>(key.first),
                       user ? static_cast<short>(POLLIN) : pollEvents(key.second), 0});
  }
}

int64_t nowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int kqueue() {
  const int fd = eventfd(0, EFD_NONBLOCK);
  if (fd < 0) return -1;
  std::lock_guard<std::mutex> held(queuesLock);
  queues[fd] = std::make_shared<Queue>();
  return fd;
}

int kevent(int fd, const struct kevent* changes, int changeCount, struct kevent* events,
           int eventCount, const timespec* timeout) {
  const std::shared_ptr<Queue> queue = findQueue(fd);
  if (queue == nullptr) {
    errno = EBADF;
    return -1;
  }
  for (int i = 0; i < changeCount; i++) {
    const int error = applyChange(fd, queue.get(), changes[i]);
    if (error == 0) continue;
    errno = error;
    return -1;
  }
  if (eventCount == 0) return 0;

  const int64_t timeoutNs =
      timeout == nullptr ? -1 : timeout->tv_sec * 1'000'000'000 + timeout->tv_nsec;
  const int64_t deadline = nowNs() + timeoutNs;
  while (true) {
    std::vector<Key> keys;
    std::vector<pollfd> polled;
    list(fd, queue.get(), &keys, &polled);
    // First without waiting: states that EV_CLEAR has reported already would end every poll at
    // once.
    if (poll(polled.data(), polled.size(), 0) < 0) return -1;
    const int count = collect(fd, queue.get(), keys, polled, events, eventCount);
    if (count > 0) return count;
    const int64_t left = timeoutNs < 0 ? 1'000'000'000 : deadline - nowNs();
    if (left <= 0) return 0;
    bool reported = false;
    for (const pollfd& each : polled) reported = reported || each.revents != 0;
    // With such states around, look again every millisecond; without, sleep as long as may be.
    const int64_t ms = reported ? 1 : left / 1'000'000 + 1;
    for (pollfd& each : polled) {
      if (each.revents != 0) each.fd = -1;
    }
    if (poll(polled.data(), polled.size(), static_cast<int>(ms)) < 0) return -1;
  }
}
