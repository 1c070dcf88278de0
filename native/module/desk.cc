#include "module/desk.h"

#include <cerrno>
#include <utility>

#include "coro/coroutine.h"
#include "mem/typed_object.h"
#include "module/module.h"
#include "module/retire.h"

namespace heddle::modules {
namespace {

using Posts = mem::Typed<Post, mem::Builtin::kModulePost>;

// Its address tells threads apart.
thread_local char here;

}  // namespace

Desk::Desk(Isolate* isolate) : thread_(&here), isolate_(isolate) {}

Desk* Desk::make(Isolate* isolate) {
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kModuleDesk), sizeof(Desk));
  return memory == nullptr ? nullptr : ::new (memory) Desk(isolate);
}

// Relaxed: whoever counts up has a count.
void Desk::hold() { count_.fetch_add(1, std::memory_order_relaxed); }

void Desk::release() {
  // Release: this holder is done with it. Acquire, of the last: so are the others.
  if (count_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  this->~Desk();
  mem::release(mem::builtinType(mem::Builtin::kModuleDesk), this);
}

namespace {

// The values are the post's in any case. nullptr without memory.
Post* makePost(Module* module, Hook* hook, int level, Values* values) {
  Post* const post = values == nullptr ? nullptr : Posts::make();
  if (post == nullptr) {
    if (values != nullptr) values->release();
    return nullptr;
  }
  module->hold();
  *post = {{}, nullptr, module, hook, level, values};
  return post;
}

}  // namespace

int Desk::post(Module* module, Hook* hook, int level, Values* values) {
  Post* const post = makePost(module, hook, level, values);
  return post == nullptr ? -ENOMEM : send(post);
}

int Desk::settle(Module* module, int64_t number) {
  heddle_value value{};
  value.type = HEDDLE_INT64;
  value.as.integer = number;
  ValuesMaker maker;
  maker.addSlot(&value, 1);
  Post* const post = makePost(module, nullptr, Post::kSettled, maker.make());
  if (post == nullptr) return -ENOMEM;
  retire(&post->retired, sizeof(Post), [](mem::Retired* retired) {
    auto* const settled = reinterpret_cast<Post*>(retired);  // its first member
    const int refused = settled->module->desk().send(settled);
    static_cast<void>(refused);  // -ESHUTDOWN: nobody waits any more
  });
  return 0;
}

int Desk::send(Post* post) {
  int refused = 0;
  {
    const std::lock_guard<std::mutex> held(lock_);
    if (isolate_ == nullptr) {
      refused = -ESHUTDOWN;
    } else if (waiting_ >= kMostPosts && (post->hook != nullptr || post->level > 0)) {
      refused = -ENOBUFS;
    } else {
      (first_ == nullptr ? first_ : last_->next) = post;
      last_ = post;
      if (waiting_++ == 0) isolate_->wake();
    }
  }
  if (refused < 0) drop(post);
  return refused;
}

Post* Desk::take() {
  const std::lock_guard<std::mutex> held(lock_);
  Post* const post = first_;
  if (post == nullptr) return nullptr;
  first_ = post->next;
  waiting_--;
  return post;
}

void Desk::drop(Post* post) {
  post->values->release();
  post->module->release();
  Posts::destroy(post);
}

void Desk::close() {
  Post* left = nullptr;
  {
    const std::lock_guard<std::mutex> held(lock_);
    isolate_ = nullptr;
    left = std::exchange(first_, nullptr);
    waiting_ = 0;
  }
  while (left != nullptr) drop(std::exchange(left, left->next));
}

bool Desk::mayCall() const {
  return thread_ == &here && depth_ > 0 && isolate_ != nullptr && coro::current() == nullptr;
}

}  // namespace heddle::modules
