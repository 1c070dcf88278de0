// Compression by the zlib of the running program: 'heddle:deflate' and 'heddle:inflate', in the
// formats of gzip and zlib and without any head (-ENOTSUP where the program has no zlib that we
// know).
//
// What comes out of inflating is bounded by what the caller allows (-EFBIG), whatever the input
// claims. Input that is no such stream, or ends before its stream does, is -EBADMSG with zlib's own
// words. Of gzip all members count; zero bytes after them, and anything after them, is padding, as
// in Node.

#include <algorithm>
#include <cerrno>

#include "job/builtin.h"
#include "job/output.h"
#include "job/request.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "sys/deflate_library.h"

namespace heddle::job {
namespace {

using Library = sys::DeflateLibrary;

enum class Format : uint32_t { kGzip = 0, kZlib = 1, kRaw = 2 };

int windowBitsOf(Format format) {
  if (format == Format::kGzip) return Library::kWindowBits + 16;
  return format == Format::kZlib ? Library::kWindowBits : -Library::kWindowBits;
}

void* allocateFor(void*, unsigned int items, unsigned int size) {
  return mem::allocateBytes(mem::builtinType(mem::Builtin::kJobBytes), size_t{items} * size);
}

void freeFor(void*, void* memory) {
  mem::release(mem::builtinType(mem::Builtin::kJobBytes), memory);
}

// Input in pieces, so that the job can be stopped between them; output as it grows.
class Stream {
 public:
  Stream(const uint8_t* bytes, size_t size, Output* out) : at_(bytes), left_(size), out_(out) {
    stream_.allocate = allocateFor;
    stream_.free = freeFor;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Library::Stream* raw() { return &stream_; }
  // What zlib said of the last failure.
  const char* message() const { return stream_.message == nullptr ? "" : stream_.message; }
  bool inputIsIn() const { return left_ == 0; }
  // The next byte that was not consumed; -1: all were.
  int nextByte() const {
    if (stream_.availableIn > 0) return *stream_.nextIn;
    return left_ > 0 ? *at_ : -1;
  }

  // One call of the library with some input and some room; `most` bounds the output. -ENOMEM, or
  // what the call returned in *result.
  template <class Call>
  int step(Call call, uint64_t most, int* result) {
    if (stream_.availableIn == 0) {
      const size_t piece = std::min(left_, kPieceBytes);
      stream_.nextIn = at_;
      stream_.availableIn = static_cast<unsigned int>(piece);
      at_ += piece;
      left_ -= piece;
    }
    size_t room = 0;
    stream_.nextOut = out_->room(&room);
    if (stream_.nextOut == nullptr) return -ENOMEM;
    const uint64_t allowed = std::min<uint64_t>({room, most - out_->size(), kPieceBytes});
    stream_.availableOut = static_cast<unsigned int>(allowed);
    *result = call(&stream_);
    out_->commit(static_cast<size_t>(allowed) - stream_.availableOut);
    return 0;
  }

 private:
  Library::Stream stream_{};
  const uint8_t* at_;
  size_t left_;
  Output* const out_;
};

struct Failure {
  int error = 0;
  const char* text = "";
};

Failure badMessage(const Stream& stream) { return {-EBADMSG, stream.message()}; }

// --- deflating

Failure deflateAll(NativeCall& call, const Library& library, Stream& stream) {
  const auto deflate = [&](Library::Stream* raw) {
    return library.deflate(raw, stream.inputIsIn() ? Library::kFinish : Library::kNoFlush);
  };
  while (true) {
    if (call.stopping()) return {-ECANCELED};
    int result = 0;
    if (const int error = stream.step(deflate, UINT64_MAX, &result); error != 0) return {error};
    if (result == Library::kStreamEnd) return {};
    if (result != Library::kOk && result != Library::kBuffer) return {-EIO, stream.message()};
  }
}

Failure deflateInto(NativeCall& call, Format format, int level, Stream& stream) {
  const Library* const library = sys::deflateLibrary();
  if (library == nullptr) return {-ENOTSUP};
  const int begun = library->deflateInit(
      stream.raw(), level, Library::kDeflated, windowBitsOf(format), Library::kMemoryLevel,
      Library::kDefaultStrategy, library->version(), sizeof(Library::Stream));
  if (begun != Library::kOk) return {begun == Library::kMemory ? -ENOMEM : -EINVAL};
  const Failure failure = deflateAll(call, *library, stream);
  library->deflateEnd(stream.raw());
  return failure;
}

// --- inflating

enum class Next : uint8_t { kGoOn, kEnd, kFailed };

// What the result of a step means.
Next judge(const Library& library, Format format, int result, Stream& stream, Failure* failure) {
  switch (result) {
    case Library::kOk:
      return Next::kGoOn;
    case Library::kStreamEnd:
      if (format != Format::kGzip || stream.nextByte() <= 0) return Next::kEnd;
      library.inflateReset(stream.raw());
      return Next::kGoOn;
    case Library::kBuffer:
      *failure = {-EBADMSG, "unexpected end of file"};
      return Next::kFailed;
    case Library::kDictionary:
      *failure = {-EBADMSG, "Missing dictionary"};
      return Next::kFailed;
    case Library::kMemory:
      *failure = {-ENOMEM};
      return Next::kFailed;
    default:
      *failure = badMessage(stream);
      return Next::kFailed;
  }
}

Failure inflateAll(NativeCall& call, const Library& library, Format format, int64_t maxBytes,
                   Stream& stream, const Output& out) {
  const auto inflate = [&](Library::Stream* raw) {
    return library.inflate(raw, Library::kNoFlush);
  };
  const auto most = static_cast<uint64_t>(maxBytes);
  while (true) {
    if (call.stopping()) return {-ECANCELED};
    int result = 0;
    // One byte more than allowed tells that there is more.
    if (const int error = stream.step(inflate, most + 1, &result); error != 0) return {error};
    if (out.size() > most) return {-EFBIG};
    Failure failure;
    const Next next = judge(library, format, result, stream, &failure);
    if (next != Next::kGoOn) return failure;
  }
}

Failure inflateInto(NativeCall& call, Format format, int64_t maxBytes, Stream& stream,
                    const Output& out) {
  const Library* const library = sys::deflateLibrary();
  if (library == nullptr) return {-ENOTSUP};
  const int begun = library->inflateInit(stream.raw(), windowBitsOf(format), library->version(),
                                         sizeof(Library::Stream));
  if (begun != Library::kOk) return {begun == Library::kMemory ? -ENOMEM : -EINVAL};
  const Failure failure = inflateAll(call, *library, format, maxBytes, stream, out);
  library->inflateEnd(stream.raw());
  return failure;
}

// --- the functions

void answer(NativeCall& call, const Failure& failure, Output* out) {
  if (failure.error != 0) return call.fail(failure.error, failure.text);
  out->give();
}

}  // namespace

void deflateBytes(NativeCall& call) {
  Request request(call.input(), call.size());
  const auto format = static_cast<Format>(request.number());
  const auto level = static_cast<int32_t>(request.number());
  size_t size = 0;
  const uint8_t* const bytes = request.rest(&size);
  if (!request.ok() || format > Format::kRaw || level < -1 || level > 9) return call.fail(-EINVAL);
  Output out(&call);
  if (!out.reserve(size / 4 + 64)) return call.fail(-ENOMEM);
  Stream stream(bytes, size, &out);
  answer(call, deflateInto(call, format, level, stream), &out);
}

void inflateBytes(NativeCall& call) {
  Request request(call.input(), call.size());
  const auto format = static_cast<Format>(request.number());
  const int64_t maxBytes = request.large();
  size_t size = 0;
  const uint8_t* const bytes = request.rest(&size);
  if (!request.ok() || format > Format::kRaw || maxBytes > kMaxAnswerBytes)
    return call.fail(-EINVAL);
  Output out(&call);
  if (!out.reserve(std::min<size_t>(size * 3, static_cast<size_t>(maxBytes)) + 64))
    return call.fail(-ENOMEM);
  Stream stream(bytes, size, &out);
  answer(call, inflateInto(call, format, maxBytes, stream, out), &out);
}

}  // namespace heddle::job
