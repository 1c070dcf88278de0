#include "binding/loose_descriptors.h"

#include <mutex>
#include <unordered_map>

#include "sys/closer.h"
#include "sys/socket.h"

namespace heddle::binding {
namespace {

struct Loose {
  Environment* owner;
  sys::Identity identity;
};

struct Table {
  std::mutex lock;
  std::unordered_map<int, Loose> byNumber;
};

// Never destroyed: threads may still end while the process does.
Table& table() {
  static Table& instance = *new Table;
  return instance;
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
  table().byNumber[fd] = loose;
  return fd;
}

void handDescriptorTo(Environment* owner, int fd) {
  std::lock_guard<std::mutex> held(table().lock);
  const auto found = table().byNumber.find(fd);
  if (found != table().byNumber.end()) found->second.owner = owner;
}

void forgetDescriptor(int fd) {
  std::lock_guard<std::mutex> held(table().lock);
  table().byNumber.erase(fd);
}

void closeDescriptorsOf(const Environment* owner) {
  std::lock_guard<std::mutex> held(table().lock);
  std::erase_if(table().byNumber, [owner](const auto& entry) {
    if (entry.second.owner != owner) return false;
    // The isolate ends and must not wait for a peer.
    if (isStill(entry.first, entry.second.identity)) sys::closeSoon(entry.first);
    return true;
  });
}

}  // namespace heddle::binding
