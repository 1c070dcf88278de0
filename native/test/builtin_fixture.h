#pragma once

// Calls a built-in native function as a thread of a queue does, and reads its answer.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "job/builtin.h"
#include "job/job.h"
#include "test/check.h"

namespace heddle::test {

// A request as JavaScript writes it.
class Asked {
 public:
  Asked& number(uint32_t value) { return raw(&value, sizeof value); }
  Asked& large(double value) { return raw(&value, sizeof value); }
  Asked& text(const std::string& value) {
    return number(static_cast<uint32_t>(value.size() + 1)).raw(value.c_str(), value.size() + 1);
  }
  Asked& rest(const std::string& bytes) { return raw(bytes.data(), bytes.size()); }
  Asked& raw(const void* from, size_t size) {
    bytes_.append(static_cast<const char*>(from), size);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

constexpr double kAll = 9007199254740991;

struct Answer {
  int32_t error = 0;
  std::string text;  // of an error
  double number = 0;
  std::string bytes;
};

// False: there was no memory for the answer itself.
inline bool readAnswer(job::NativeCall& call, Answer* out) {
  job::Job* const job = job::Job::make(0);
  if (job == nullptr) return false;
  const bool delivered = call.deliver(job);
  if (delivered) {
    const std::string bytes(reinterpret_cast<const char*>(job->bytes()), job->byteCount());
    if (job->outcome == job::JobOutcome::ERROR) {
      std::memcpy(&out->error, bytes.data(), sizeof out->error);
      out->text = bytes.substr(sizeof out->error);
    } else {
      std::memcpy(&out->number, bytes.data(), sizeof out->number);
      out->bytes = bytes.substr(sizeof out->number);
    }
  }
  job::Job::destroy(job);
  return delivered;
}

// The input lies in a block of exactly its size, so that reading past it shows. The claim says
// whether the function is to stop.
inline Answer callBuiltin(const char* name, const std::string& request, const int32_t* claim) {
  const job::NativeFunction function = job::builtinFunction(name);
  Answer answer;
  CHECK(function != nullptr);
  if (function == nullptr) return answer;
  const std::vector<uint8_t> input(request.begin(), request.end());
  job::NativeCall call(input.data(), input.size(), claim, nullptr);
  function(call);
  if (!readAnswer(call, &answer)) answer.error = -ENOMEM;
  return answer;
}

inline Answer callBuiltin(const char* name, const std::string& request, bool stopping = false) {
  const int32_t claim = stopping ? job::Claim::SIGNALLED : job::Claim::RUNNING;
  return callBuiltin(name, request, &claim);
}

inline Answer callBuiltin(const char* name, const Asked& request, bool stopping = false) {
  return callBuiltin(name, request.bytes(), stopping);
}

}  // namespace heddle::test
