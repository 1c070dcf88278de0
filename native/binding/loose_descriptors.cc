#include "binding/loose_descriptors.h"

#include <cerrno>
#include <mutex>

#include "base/immortal.h"
#include "mem/typed_array.h"
#include "sys/closer.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

struct Loose {
  const Environment* owner = nullptr;  // nullptr: not noted
  sys::Identity identity{};
};

struct Table {
  std::mutex lock;
  mem::TypedArray<Loose, mem::Builtin::kLooseTable> byNumber;

  // With the lock held; nullptr when it is not noted.
  Loose* find(int fd) {
    const auto index = static_cast<size_t>(fd);
    if (fd < 0 || index >= byNumber.size() || byNumber[index].owner == nullptr) return nullptr;
    return &byNumber[index];
  }
};

// Threads may still end while the process does.
Table& table() {
  static base::Immortal<Table> instance;
  return *instance;
}

bool isStill(int fd, const sys::Identity& identity) {
  sys::Identity present{};
  return sys::identify(fd, &present) == 0 && present == identity;
}

}  // namespace

int noteDescriptor(Environment* owner, int fd) {
  if (fd < 0) return fd;
  Loose loose{owner, {}};
  if (sys::identify(fd, &loose.identity) < 0) return fd;
  std::lock_guard<std::mutex> held(table().lock);
  const auto index = static_cast<size_t>(fd);
  if (!table().byNumber.cover(index + 1)) {
    sys::closeNow(fd);
    return -ENOMEM;
  }
  table().byNumber[index] = loose;
  return fd;
}

void handDescriptorTo(Environment* owner, int fd) {
  std::lock_guard<std::mutex> held(table().lock);
  Loose* const found = table().find(fd);
  if (found != nullptr) found->owner = owner;
}

void forgetDescriptor(int fd) {
  std::lock_guard<std::mutex> held(table().lock);
  Loose* const found = table().find(fd);
  if (found != nullptr) *found = Loose{};
}

void closeDescriptorsOf(const Environment* owner) {
  std::lock_guard<std::mutex> held(table().lock);
  int fd = 0;
  for (Loose& loose : table().byNumber) {
    if (loose.owner == owner) {
      // The isolate ends and must not wait for a peer.
      if (isStill(fd, loose.identity)) sys::closeSoon(fd);
      loose = Loose{};
    }
    fd++;
  }
}

}  // namespace heddle::binding
