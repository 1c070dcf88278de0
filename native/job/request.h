// What a built-in function is asked to do: fields that JavaScript wrote one after the other, as
// lib/backend/builtin-jobs.ts says, and then bytes. Little-endian, unaligned.
//
// Nothing of it is trusted: after a field that is not there, or is not what it should be, every
// further one is 0 or empty and `ok` is false, so that a function reads all and asks once. What it
// hands out lies in the input and lives as long as that.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::job {

class Request {
 public:
  Request(const uint8_t* bytes, size_t size) : at_(bytes), left_(size) {}

  bool ok() const { return ok_; }
  uint32_t number();
  // A whole number of 0 … 2^53 - 1, as a double. Anything else is not ok.
  int64_t large();
  // Length in bytes with the NUL at its end, which is the only one in it, and the bytes.
  const char* text();
  // All that is left.
  const uint8_t* rest(size_t* size);

 private:
  const uint8_t* take(size_t bytes);

  const uint8_t* at_;
  size_t left_;
  bool ok_ = true;
};

}  // namespace heddle::job
