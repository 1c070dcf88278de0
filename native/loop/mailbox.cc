#include "loop/mailbox.h"

#include <cerrno>
#include <unordered_map>
#include <utility>

namespace heddle::loop {
namespace {

// Process-wide by nature: loop numbers are how isolates name each other's loops.
struct Registry {
  std::mutex lock;
  std::unordered_map<uint32_t, Mailbox*> byId;
  uint32_t lastId = 0;
};

Registry& registry() {
  // Never destroyed: worker threads may still post while static destructors run at exit.
  static Registry* const instance = new Registry;
  return *instance;
}

uint32_t nextId() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  return ++all.lastId;
}

}  // namespace

Mailbox::Mailbox(size_t maxLetterBytes, std::function<void()> wake)
    : loopId_(nextId()), maxLetterBytes_(maxLetterBytes), wake_(std::move(wake)) {}

void Mailbox::open() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.byId.emplace(loopId_, this);
}

Mailbox::~Mailbox() { close(); }

void Mailbox::close() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.byId.erase(loopId_);
}

void Mailbox::take(std::vector<Letter>* into) {
  into->clear();
  const std::lock_guard<std::mutex> guard(lock_);
  into->swap(letters_);
  bytes_ = 0;
  hasMail_.store(false, std::memory_order_relaxed);  // relaxed: see hasMail
}

int Mailbox::push(Letter letter) {
  if (letter.bytes.size() > maxLetterBytes_) return -EMSGSIZE;
  const std::lock_guard<std::mutex> guard(lock_);
  if (letters_.size() >= kMaxLetters || bytes_ + letter.bytes.size() > kMaxBytes) return -ENOBUFS;
  bytes_ += letter.bytes.size();
  letters_.push_back(std::move(letter));
  hasMail_.store(true, std::memory_order_relaxed);  // relaxed: see hasMail
  return 0;
}

int Mailbox::post(uint32_t loopId, Letter letter) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.byId.find(loopId);
  if (found == all.byId.end()) return -ENOENT;
  const int result = found->second->push(std::move(letter));
  if (result == 0) found->second->wake_();
  return result;
}

int Mailbox::wake(uint32_t loopId) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.byId.find(loopId);
  if (found == all.byId.end()) return -ENOENT;
  found->second->wake_();
  return 0;
}

}  // namespace heddle::loop
