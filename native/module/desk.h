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

namespace heddle::loop {
class Loop;
}

namespace heddle::modules {

class Hook;
class Module;
class Self;

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
  // Its first loop, ready for events, jobs and coroutines; nullptr: none, or no memory.
  virtual loop::Loop* loop() = 0;
};

// A call of a hook, a line of the log, the failure of a provider that no caller hears of, or the
// news that sections have ended, on its way.
struct Post {
  enum Kind : uint8_t { kCall, kLine, kFailure, kSettled };

  mem::Retired retired{};  // of the news
  Post* next = nullptr;
  Kind kind = kCall;
  Module* module = nullptr;  // with a count; nullptr: the news
  Hook* hook = nullptr;      // the module's, of a call or a failure
  Self* self = nullptr;      // with a count: whose line, whose provider
  int64_t number = 0;        // the level of a line, the errno of a failure, whose news
  Values* values = nullptr;  // with a count: arguments or one text, in one slot; not of the news
};

class Desk {
 public:
  static constexpr uint32_t kMostPosts = 65'536;

  // With a count for the caller, whose thread is the isolate's. nullptr without memory.
  [[nodiscard]] static Desk* make(Isolate* isolate);
  void hold();
  void release();

  // Any thread. 0, -ESHUTDOWN, -ENOBUFS, -ENOMEM. The desk counts what it is given; the values are
  // its own in any case, and may be nullptr for want of memory.
  [[nodiscard]] int post(const Post& what);
  // When every section of now has ended, on whatever thread, a post of kSettled comes, with the
  // number; the collector is told to hurry. 0 or -ENOMEM. The isolate's thread.
  [[nodiscard]] int settle(int64_t number);
  // The isolate's thread. Oldest first, nullptr: none is left.
  [[nodiscard]] Post* take();
  static void drop(Post* post);
  // The isolate ends. What waits is dropped.
  void close();

  // --- calls of the isolate into modules; a depth above 0 is where JavaScript can be called
  void enter() { depth_++; }
  void leave() { depth_--; }
  // Whether the calling thread is the isolate's. Any thread.
  [[nodiscard]] bool isHere() const;
  // Whether the calling thread may call JavaScript now.
  [[nodiscard]] bool mayCall() const;
  // On its thread; nullptr: it has ended.
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
