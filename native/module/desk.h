// Where the modules of one isolate meet it: what threads have left for it, and its own part, which
// JavaScript plays.
//
// Counted: modules keep it, so that a thread may post to an isolate that has ended, and is told so.
// Lock: its own, held for a moment; `wake` of the isolate is called under it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "include/heddle/module.h"
#include "module/values.h"

namespace heddle::modules {

class Hook;
class Module;

// The isolate. Its thread, except for wake.
class Isolate {
 public:
  virtual ~Isolate() = default;
  // Runs the hook's providers, of both kinds. >= 0 or a negative errno. What `result` points to is
  // good until the next call.
  virtual int callHook(const Hook& hook, const heddle_value* arguments, size_t count,
                       heddle_value* result) = 0;
  // There are posts. Any thread.
  virtual void wake() = 0;
};

// A call of a hook, a line of the log, or the news that sections have ended, on its way. `values`
// has one slot.
struct Post {
  static constexpr int kSettled = 0;

  mem::Retired retired;  // of the news
  Post* next = nullptr;
  Module* module = nullptr;  // with a count
  Hook* hook = nullptr;      // nullptr: a line
  int level = 0;             // of a line; kSettled: the news
  Values* values = nullptr;  // with a count
};

class Desk {
 public:
  static constexpr uint32_t kMostPosts = 65'536;

  // With a count for the caller, whose thread is the isolate's. nullptr without memory.
  [[nodiscard]] static Desk* make(Isolate* isolate);
  void hold();
  void release();

  // Any thread. 0, -ESHUTDOWN, -ENOBUFS, -ENOMEM; the values are the desk's in any case, and may be
  // nullptr for want of memory.
  [[nodiscard]] int post(Module* module, Hook* hook, int level, Values* values);
  // When every section of now has ended, on whatever thread, a post of kSettled comes, with the
  // number. 0 or -ENOMEM. The isolate's thread.
  [[nodiscard]] int settle(Module* module, int64_t number);
  // The isolate's thread. Oldest first, nullptr: none is left.
  [[nodiscard]] Post* take();
  static void drop(Post* post);
  // The isolate ends. What waits is dropped.
  void close();

  // --- calls of the isolate into modules; a depth above 0 is where JavaScript can be called
  void enter() { depth_++; }
  void leave() { depth_--; }
  // Whether the calling thread may call JavaScript now.
  [[nodiscard]] bool mayCall() const;
  // After mayCall.
  [[nodiscard]] Isolate* isolate() const { return isolate_; }

 private:
  [[nodiscard]] int send(Post* post);
  explicit Desk(Isolate* isolate);
  ~Desk() = default;

  std::atomic<uint32_t> count_{1};
  const void* const thread_;
  uint32_t depth_ = 0;  // the isolate's thread
  std::mutex lock_;     // everything below
  Isolate* isolate_;    // nullptr: it has ended; only its own thread changes it
  Post* first_ = nullptr;
  Post* last_ = nullptr;
  uint32_t waiting_ = 0;
};

}  // namespace heddle::modules
