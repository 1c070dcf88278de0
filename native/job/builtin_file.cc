// Files whole or in part: 'heddle:file.read', 'heddle:file.write', 'heddle:file.stat'.
//
// What may wait for somebody else is not read or written: pipes and sockets are refused with
// -ESPIPE, and devices that have nothing now end with -EAGAIN. So a path alone cannot hold a
// thread, nor fill memory: reading ends at a limit with -EFBIG.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "job/builtin.h"
#include "job/output.h"
#include "job/request.h"
#include "mem/typed_object.h"
#include "sys/file.h"
#include "sys/random.h"
#include "sys/socket.h"

namespace heddle::job {
namespace {

using sys::FileKind;
using sys::FileStatus;
using sys::WriteStart;

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile() { static_cast<void>(close()); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Or why it is not open.
  int fd() const { return fd_; }
  // A late failure of writing; 0 the second time.
  [[nodiscard]] int close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 ? 0 : sys::closeFd(fd);
  }

 private:
  int fd_;
};

// 0, or why it is not to be read or written here.
int refusal(const FileStatus& status) {
  if (status.kind == FileKind::kFolder) return -EISDIR;
  return status.kind == FileKind::kPipe ? -ESPIPE : 0;
}

// --- reading

struct Part {
  int64_t offset;
  int64_t length;    // of more than there is, all
  int64_t maxBytes;  // more is -EFBIG
};

// Room for the first reading where nobody can know how much there is. There are files that answer
// one only, from their beginning, and are at their end behind it: many of /proc and /sys.
constexpr size_t kUnknownBytes = 65536;

// How much there is to be read, as far as one can know; one byte more finds the end at once.
size_t expected(const FileStatus& status, const Part& part) {
  if (status.kind != FileKind::kRegular) return 0;
  const int64_t left = std::max<int64_t>(status.size - part.offset, 0);
  return static_cast<size_t>(std::min(left, part.length));
}

int64_t readNext(int fd, const Part& part, size_t done, void* into, size_t bytes) {
  // A device need not have places, so the beginning is read as it comes.
  if (part.offset == 0) return sys::readFile(fd, into, bytes);
  return sys::readFileAt(fd, into, bytes, part.offset + static_cast<int64_t>(done));
}

int readAll(NativeCall& call, int fd, const Part& part, Output* out) {
  const auto length = static_cast<uint64_t>(part.length);
  const auto most = static_cast<uint64_t>(part.maxBytes);
  while (out->size() < length) {
    if (call.stopping()) return -ECANCELED;
    // At the limit another byte tells whether that is all.
    const uint64_t left = std::min(length, most + 1) - out->size();
    size_t room = 0;
    uint8_t* const at = out->room(&room);
    if (at == nullptr) return -ENOMEM;
    const int64_t count =
        readNext(fd, part, out->size(), at, std::min<uint64_t>({room, left, kPieceBytes}));
    if (count < 0) return static_cast<int>(count);
    if (count == 0) break;
    out->commit(static_cast<size_t>(count));
    if (out->size() > most) return -EFBIG;
  }
  return 0;
}

int readInto(NativeCall& call, const char* path, const Part& part, Output* out) {
  const OpenFile file(sys::openToRead(path));
  if (file.fd() < 0) return file.fd();
  FileStatus status;
  int error = sys::statusOf(file.fd(), &status);
  if (error == 0) error = refusal(status);
  if (error != 0) return error;
  const size_t bytes = expected(status, part);
  if (bytes > static_cast<uint64_t>(part.maxBytes)) return -EFBIG;
  if (!out->reserve(bytes == 0 ? kUnknownBytes : bytes + 1)) return -ENOMEM;
  return readAll(call, file.fd(), part, out);
}

}  // namespace

void readFile(NativeCall& call) {
  Request request(call.input(), call.size());
  const char* const path = request.text();
  const Part part{
      .offset = request.large(), .length = request.large(), .maxBytes = request.large()};
  if (!request.ok() || part.maxBytes > kMaxAnswerBytes) return call.fail(-EINVAL);
  Output out(&call);
  const int error = readInto(call, path, part, &out);
  if (error != 0) return call.fail(error);
  out.give();
}

namespace {

// --- writing

enum WriteFlag : uint32_t { kAtomic = 1, kSync = 2, kModeGiven = 4 };

struct Writing {
  const char* path;
  WriteStart start;
  uint32_t flags;
  uint32_t mode;
  const uint8_t* bytes;
  size_t size;
};

int writeAll(NativeCall& call, int fd, const Writing& what) {
  size_t done = 0;
  while (done < what.size) {
    if (call.stopping()) return -ECANCELED;
    const size_t piece = std::min(what.size - done, kPieceBytes);
    const int64_t count = sys::writeFile(fd, what.bytes + done, piece);
    if (count < 0) return static_cast<int>(count);
    if (count == 0) return -EIO;  // a device that takes nothing and does not say why
    done += static_cast<size_t>(count);
  }
  return (what.flags & kSync) != 0 ? sys::syncFile(fd) : 0;
}

int writeInPlace(NativeCall& call, const Writing& what) {
  OpenFile file(sys::openToWrite(what.path, what.start, what.mode));
  if (file.fd() < 0) return file.fd();
  FileStatus status;
  int error = sys::statusOf(file.fd(), &status);
  if (error == 0) error = refusal(status);
  if (error == 0) error = writeAll(call, file.fd(), what);
  const int closing = file.close();
  return error != 0 ? error : closing;
}

// Two paths in the folder of what is replaced: it, and what is written first. A name of its own
// length, since that of the target may be as long as names can be.
struct AtomicPaths {
  char target[sys::kPathBytes];
  char fresh[sys::kPathBytes];
  char folder[sys::kPathBytes];
};

int copyText(const char* from, char* to) {
  const size_t bytes = std::strlen(from) + 1;
  if (bytes > sys::kPathBytes) return -ENAMETOOLONG;
  std::memcpy(to, from, bytes);
  return 0;
}

// A link stays one: where it leads is replaced.
int findTarget(const Writing& what, char* target) {
  if (what.start == WriteStart::kExclusive) return copyText(what.path, target);
  const int error = sys::resolveLinks(what.path, target, sys::kPathBytes);
  return error == -ENOENT ? copyText(what.path, target) : error;
}

int nameFresh(AtomicPaths* paths) {
  uint64_t random = 0;
  if (const int error = sys::randomBytes(&random, sizeof random); error != 0) return error;
  const char* const slash = std::strrchr(paths->target, '/');
  const int folderBytes = slash == nullptr ? 0 : static_cast<int>(slash - paths->target) + 1;
  std::snprintf(paths->folder, sizeof paths->folder, "%.*s", folderBytes, paths->target);
  const int length = std::snprintf(paths->fresh, sizeof paths->fresh, "%s.heddle-%016llx",
                                   paths->folder, static_cast<unsigned long long>(random));
  if (length < 0 || static_cast<size_t>(length) >= sizeof paths->fresh) return -ENAMETOOLONG;
  if (folderBytes == 0) std::memcpy(paths->folder, ".", 2);
  return 0;
}

// What is replaced keeps its permissions, unless others are asked for; -1: nothing is kept.
int permissionsToKeep(const Writing& what, const char* target, int64_t* permissions) {
  *permissions = -1;
  FileStatus status;
  if (what.start == WriteStart::kExclusive || sys::statusOf(target, true, &status) != 0) return 0;
  if (const int error = refusal(status); error != 0) return error;
  if (status.kind != FileKind::kRegular) return -EINVAL;  // nobody wants a file in a device's place
  if ((what.flags & kModeGiven) == 0) *permissions = status.mode;
  return 0;
}

int writeFresh(NativeCall& call, const Writing& what, const char* path, int64_t permissions) {
  OpenFile file(sys::openToWrite(path, WriteStart::kExclusive, what.mode));
  if (file.fd() < 0) return file.fd();
  int error = 0;
  if (permissions >= 0) error = sys::setPermissions(file.fd(), static_cast<uint32_t>(permissions));
  if (error == 0) error = writeAll(call, file.fd(), what);
  const int closing = file.close();
  return error != 0 ? error : closing;
}

int publish(const Writing& what, const AtomicPaths& paths) {
  if (what.start != WriteStart::kExclusive) return sys::renameFile(paths.fresh, paths.target);
  const int error = sys::linkFile(paths.fresh, paths.target);
  return error != 0 ? error : sys::removeFile(paths.fresh);
}

int writeAtomically(NativeCall& call, const Writing& what, AtomicPaths* paths) {
  int64_t permissions = -1;
  int error = findTarget(what, paths->target);
  if (error == 0) error = permissionsToKeep(what, paths->target, &permissions);
  if (error == 0) error = nameFresh(paths);
  if (error != 0) return error;
  error = writeFresh(call, what, paths->fresh, permissions);
  if (error == 0) error = publish(what, *paths);
  if (error != 0) {
    static_cast<void>(sys::removeFile(paths->fresh));  // it may not have come to be
    return error;
  }
  return (what.flags & kSync) != 0 ? sys::syncFolder(paths->folder) : 0;
}

}  // namespace

void writeFile(NativeCall& call) {
  Request request(call.input(), call.size());
  Writing what{};
  what.path = request.text();
  const uint32_t start = request.number();
  what.flags = request.number();
  what.mode = request.number();
  what.bytes = request.rest(&what.size);
  if (!request.ok() || start > static_cast<uint32_t>(WriteStart::kExclusive))
    return call.fail(-EINVAL);
  what.start = static_cast<WriteStart>(start);
  int error = 0;
  if ((what.flags & kAtomic) == 0) {
    error = writeInPlace(call, what);
  } else if (what.start == WriteStart::kAppend) {
    error = -EINVAL;
  } else {
    const auto paths = mem::Typed<AtomicPaths, mem::Builtin::kJobBytes>::makePtr();
    error = paths == nullptr ? -ENOMEM : writeAtomically(call, what, paths.get());
  }
  if (error != 0) return call.fail(error);
  call.setNumber(static_cast<double>(what.size));
}

// --- status

namespace {

// As Node computes it, so that the two agree to the last bit.
double toMs(const sys::FileTime& time) {
  return static_cast<double>(time.seconds) * 1e3 + static_cast<double>(time.nanoseconds) / 1e6;
}

}  // namespace

void statFile(NativeCall& call) {
  Request request(call.input(), call.size());
  const char* const path = request.text();
  const uint32_t follow = request.number();
  if (!request.ok()) return call.fail(-EINVAL);
  FileStatus status;
  const int error = sys::statusOf(path, follow != 0, &status);
  if (error != 0) return call.fail(error);
  // In the order of FILE_STATUS in lib/backend/builtin-jobs.ts.
  const double fields[] = {
      static_cast<double>(status.device),
      static_cast<double>(status.mode),
      static_cast<double>(status.links),
      static_cast<double>(status.user),
      static_cast<double>(status.group),
      static_cast<double>(status.deviceNumber),
      static_cast<double>(status.blockBytes),
      static_cast<double>(status.inode),
      static_cast<double>(status.size),
      static_cast<double>(status.blocks),
      toMs(status.accessed),
      toMs(status.modified),
      toMs(status.changed),
      toMs(status.born),
  };
  Output out(&call);
  if (!out.append(fields, sizeof fields)) return call.fail(-ENOMEM);
  out.give();
}

}  // namespace heddle::job
