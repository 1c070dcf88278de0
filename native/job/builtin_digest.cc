// Checksums: 'heddle:crc32c', and 'heddle:digest' by the OpenSSL of the running program (-ENOTSUP
// where it has none that we know).

#include <algorithm>
#include <cerrno>

#include "job/builtin.h"
#include "job/crc32c.h"
#include "job/output.h"
#include "job/request.h"
#include "sys/digest_library.h"

namespace heddle::job {
namespace {

class Digest {
 public:
  explicit Digest(const sys::DigestLibrary& library)
      : library_(library), context_(library.makeContext()) {}
  ~Digest() {
    library_.freeContext(context_);
    library_.clearErrors();
  }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  bool hasMemory() const { return context_ != nullptr; }
  // -EINVAL: this OpenSSL has no digest of the name, or has switched it off.
  int begin(const char* name) {
    const sys::DigestLibrary::Method* const method = library_.byName(name);
    if (method == nullptr) return -EINVAL;
    return library_.begin(context_, method, nullptr) == 1 ? 0 : -EINVAL;
  }
  int update(const uint8_t* bytes, size_t size) {
    return library_.update(context_, bytes, size) == 1 ? 0 : -EIO;
  }
  int finish(uint8_t* digest, size_t* size) {
    unsigned int length = 0;
    if (library_.finish(context_, digest, &length) != 1) return -EIO;
    *size = length;
    return 0;
  }

 private:
  const sys::DigestLibrary& library_;
  sys::DigestLibrary::Context* const context_;
};

int updateAll(NativeCall& call, Digest& digest, const uint8_t* at, size_t left) {
  while (left > 0) {
    if (call.stopping()) return -ECANCELED;
    const size_t piece = std::min(left, kPieceBytes);
    if (const int error = digest.update(at, piece); error != 0) return error;
    at += piece;
    left -= piece;
  }
  return 0;
}

int compute(NativeCall& call, const char* name, const uint8_t* bytes, size_t size, Output* out) {
  const sys::DigestLibrary* const library = sys::digestLibrary();
  if (library == nullptr) return -ENOTSUP;
  Digest digest(*library);
  if (!digest.hasMemory()) return -ENOMEM;
  uint8_t result[sys::DigestLibrary::kMaxDigestBytes];
  size_t length = 0;
  int error = digest.begin(name);
  if (error == 0) error = updateAll(call, digest, bytes, size);
  if (error == 0) error = digest.finish(result, &length);
  if (error != 0) return error;
  return out->append(result, length) ? 0 : -ENOMEM;
}

}  // namespace

void checksumBytes(NativeCall& call) {
  Request request(call.input(), call.size());
  uint32_t crc = request.number();
  size_t left = 0;
  const uint8_t* at = request.rest(&left);
  if (!request.ok()) return call.fail(-EINVAL);
  while (left > 0) {
    if (call.stopping()) return call.fail(-ECANCELED);
    const size_t piece = std::min(left, kPieceBytes);
    crc = crc32c(crc, at, piece);
    at += piece;
    left -= piece;
  }
  call.setNumber(crc);
}

void digestBytes(NativeCall& call) {
  Request request(call.input(), call.size());
  const char* const name = request.text();
  size_t size = 0;
  const uint8_t* const bytes = request.rest(&size);
  if (!request.ok()) return call.fail(-EINVAL);
  Output out(&call);
  const int error = compute(call, name, bytes, size, &out);
  if (error != 0) return call.fail(error);
  out.give();
}

}  // namespace heddle::job
