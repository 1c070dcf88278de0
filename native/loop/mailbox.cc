#include "loop/mailbox.h"

#include <cerrno>
#include <utility>

#include "base/immortal.h"
#include "loop/errand.h"
#include "loop/protocol.h"

namespace heddle::loop {

// Process-wide by nature: loop numbers are how isolates name each other's loops. The mailboxes are
// linked to each other, so that registering one cannot fail.
class MailboxRegistry {
 public:
  std::mutex lock;  // everything below

  uint32_t nextId() { return ++lastId_; }

  void add(Mailbox* mailbox) {
    Mailbox*& first = chainOf(mailbox->loopId_);
    mailbox->nextRegistered_ = first;
    first = mailbox;
  }
  // It is there.
  void remove(const Mailbox* mailbox) {
    Mailbox** link = &chainOf(mailbox->loopId_);
    while (*link != mailbox) link = &(*link)->nextRegistered_;
    *link = mailbox->nextRegistered_;
  }
  Mailbox* find(uint32_t loopId) {
    Mailbox* found = chainOf(loopId);
    while (found != nullptr && found->loopId_ != loopId) found = found->nextRegistered_;
    return found;
  }

 private:
  // Numbers are given out in turn: the chains are even.
  static constexpr uint32_t kChains = 256;

  Mailbox*& chainOf(uint32_t loopId) { return chains_[loopId % kChains]; }

  Mailbox* chains_[kChains] = {};
  uint32_t lastId_ = 0;
};

namespace {

MailboxRegistry& registry() {
  // Worker threads may still post while static destructors run at exit.
  static base::Immortal<MailboxRegistry> instance;
  return *instance;
}

uint32_t nextId() {
  MailboxRegistry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  return all.nextId();
}

}  // namespace

Mailbox::Mailbox(size_t maxLetterBytes, std::function<void()> wake)
    : loopId_(nextId()), maxLetterBytes_(maxLetterBytes), wake_(std::move(wake)) {}

void Mailbox::open() {
  MailboxRegistry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  if (!open_) all.add(this);
  open_ = true;
}

Mailbox::~Mailbox() { close(); }

void Mailbox::close() {
  MailboxRegistry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  if (open_) all.remove(this);
  open_ = false;
}

void Mailbox::take(LetterQueue* into) {
  const std::lock_guard<std::mutex> guard(lock_);
  into->append(&letters_);
  bytes_ = 0;
  hasMail_.store(false, std::memory_order_relaxed);  // relaxed: see hasMail
}

int Mailbox::push(LetterPtr letter) {
  if (letter->size > maxLetterBytes_) return -EMSGSIZE;
  const std::lock_guard<std::mutex> guard(lock_);
  const bool full = letters_.size() >= kMaxLetters || bytes_ + letter->size > kMaxBytes;
  const bool always = letter->kind == In::FD_CLOSED ||
                      (letter->kind == Letter::kErrand && letter->a == Errand::kReply);
  if (full && !always) return -ENOBUFS;
  bytes_ += letter->size;
  letters_.push(std::move(letter));
  hasMail_.store(true, std::memory_order_relaxed);  // relaxed: see hasMail
  return 0;
}

int Mailbox::post(LetterPtr letter) {
  if (letter == nullptr) return -ENOMEM;
  MailboxRegistry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  Mailbox* const receiver = all.find(letter->to);
  if (receiver == nullptr) return -ENOENT;
  const int result = receiver->push(std::move(letter));
  if (result == 0) receiver->wake_();
  return result;
}

int Mailbox::wake(uint32_t loopId) {
  MailboxRegistry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  Mailbox* const receiver = all.find(loopId);
  if (receiver == nullptr) return -ENOENT;
  receiver->wake_();
  return 0;
}

}  // namespace heddle::loop
