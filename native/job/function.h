// Native functions as jobs: registered under a name, run on the threads of native queues.
//
//   void crc(NativeCall& call) { call.setNumber(crc32c(call.input(), call.size())); }
//   registerFunction("heddle:crc32c", crc);
//
// What JavaScript gets back is the number (0 where none was set) and, where there is any, the
// output; of a call that failed the errno and a text. The bytes on their way, as in JOB_DONE: 8 of
// the number, then the output; 4 of the errno, then the text.
//
// Thread rule: a function runs on any thread of a queue, several at once; registering is for any
// thread. Functions registered with the C ABI (aco/procedures.h) can be jobs too: their output is
// their argument as they left it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "job/payload.h"

namespace heddle::job {

struct Job;

// One run of a function. Lives as long as the call; never leaves its thread.
class NativeCall {
 public:
  // `claim` may be nullptr. Of the job only its input and its owner are looked at.
  NativeCall(const uint8_t* input, size_t size, const int32_t* claim, void* context,
             void* owner = nullptr)
      : input_(input), size_(size), claim_(claim), context_(context), owner_(owner) {}
  NativeCall(const NativeCall&) = delete;
  NativeCall& operator=(const NativeCall&) = delete;

  // The argument's bytes, at a multiple of 8. The function must not change them.
  const uint8_t* input() const { return input_; }
  size_t size() const { return size_; }
  // As it was registered.
  void* context() const { return context_; }
  // Of a job of the core's own.
  void* owner() const { return owner_; }
  // Somebody asked the job to stop (it was aborted, or its time is up): a long function looks here
  // now and then, and fails with -ECANCELED.
  bool stopping() const;

  // Room for output, at a multiple of 8, once or again: what was written into an earlier, smaller
  // room is kept. All of it is output unless `setSize` says less. nullptr: no memory; the call is
  // best ended by fail(-ENOMEM).
  [[nodiscard]] uint8_t* reserve(size_t bytes);
  // How much of the room is output.
  void setSize(size_t bytes);
  void setNumber(double number) { number_ = number; }
  // A negative errno, and what it is about (a path, a reason), cut to kMaxText bytes. The output is
  // dropped.
  void fail(int error, const char* text = "");
  void fail(int error, const char* text, size_t bytes);
  bool failed() const { return error_ != 0; }

  // The thread's, when the function has returned: makes the answer the job's. False: no memory.
  [[nodiscard]] bool deliver(Job* job);

  static constexpr size_t kMaxText = 1000;
  static constexpr size_t kMaxOutput = (size_t{1} << 31) - 64;

 private:
  const uint8_t* const input_;
  const size_t size_;
  const int32_t* const claim_;
  void* const context_;
  void* const owner_;
  double number_ = 0;
  int error_ = 0;
  size_t used_ = 0;  // of the output
  Payload result_;   // with the 8 bytes of the number in front
  size_t textBytes_ = 0;
  char text_[kMaxText];
};

using NativeFunction = void (*)(NativeCall& call);

// `name` is copied. 0, also for the same once more; -EEXIST: the name means something else;
// -EINVAL; -ENOMEM. For good: never taken back.
// Not from a static object's constructor: typed memory is not there yet.
[[nodiscard]] int registerFunction(const char* name, NativeFunction function,
                                   void* context = nullptr);

}  // namespace heddle::job
