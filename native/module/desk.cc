#include "module/desk.h"

#include <cerrno>
#include <utility>

#include "coro/coroutine.h"
#include "mem/epoch.h"
#include "mem/typed_object.h"
#include "module/module.h"
#include "module/retire.h"
#include "module/self.h"

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

int Desk::post(const Post& what) {
  Post* const post = what.values == nullptr ? nullptr : Posts::make(what);
  if (post == nullptr) {
    if (what.values != nullptr) what.values->release();
    return -ENOMEM;
  }
  post->module->hold();
  if (post->self != nullptr) post->self->hold();
  return send(post);
}

namespace {

// News and the desk that they are for.
struct News {
  Post post;
  Desk* desk;  // with a count
};
using AllNews = mem::Typed<News, mem::Builtin::kModulePost>;

}  // namespace

int Desk::settle(int64_t number) {
  if (!mem::epochAttached()) return -ENOMEM;
  News* const news = AllNews::make();
  if (news == nullptr) return -ENOMEM;
  news->post.kind = Post::kSettled;
  news->post.number = number;
  news->desk = this;
  hold();
  retire(&news->post.retired, sizeof(News), [](mem::Retired* retired) {
    auto* const told = reinterpret_cast<News*>(retired);  // its first member's first member
    Desk* const desk = told->desk;
    const int refused = desk->send(&told->post);
    static_cast<void>(refused);  // -ESHUTDOWN: nobody waits any more
    desk->release();
  });
  mem::epochMaintain(mem::MaintainMode::kBarrierAsync);
  return 0;
}

int Desk::send(Post* post) {
  int refused = 0;
  {
    const std::lock_guard<std::mutex> held(lock_);
    if (isolate_ == nullptr) {
      refused = -ESHUTDOWN;
    } else if (waiting_ >= kMostPosts && post->kind != Post::kSettled) {
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
  if (post->kind == Post::kSettled) return AllNews::destroy(reinterpret_cast<News*>(post));
  post->values->release();
  if (post->self != nullptr) post->self->release();
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

bool Desk::isHere() const { return thread_ == &here; }

bool Desk::mayCall() const {
  return isHere() && depth_ > 0 && isolate_ != nullptr && coro::current() == nullptr;
}

}  // namespace heddle::modules
