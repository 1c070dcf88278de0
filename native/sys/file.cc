#include "sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "sys/socket.h"

namespace heddle::sys {
namespace {

// One transfer moves at most this: some systems refuse more than an int holds.
constexpr size_t kMaxTransfer = size_t{1} << 30;

template <class Call>
int64_t retried(Call call) {
  while (true) {
    const int64_t n = call();
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

size_t bounded(size_t bytes) { return bytes < kMaxTransfer ? bytes : kMaxTransfer; }

FileTime timeOf(const timespec& time) { return {time.tv_sec, time.tv_nsec}; }

FileKind kindOf(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  if (S_ISDIR(mode)) return FileKind::kFolder;
  if (S_ISCHR(mode) || S_ISBLK(mode)) return FileKind::kDevice;
  return S_ISFIFO(mode) || S_ISSOCK(mode) ? FileKind::kPipe : FileKind::kOther;
}

void fill(const struct stat& from, FileStatus* out) {
  *out = {};
  out->kind = kindOf(from.st_mode);
  out->mode = from.st_mode;
  out->device = static_cast<uint64_t>(from.st_dev);
  out->inode = from.st_ino;
  out->links = from.st_nlink;
  out->user = from.st_uid;
  out->group = from.st_gid;
  out->deviceNumber = static_cast<uint64_t>(from.st_rdev);
  out->size = from.st_size;
  out->blockBytes = from.st_blksize;
  out->blocks = from.st_blocks;
#ifdef __APPLE__
  out->accessed = timeOf(from.st_atimespec);
  out->modified = timeOf(from.st_mtimespec);
  out->changed = timeOf(from.st_ctimespec);
  out->born = timeOf(from.st_birthtimespec);
#else
  out->accessed = timeOf(from.st_atim);
  out->modified = timeOf(from.st_mtim);
  out->changed = timeOf(from.st_ctim);
#if defined(__FreeBSD__) || defined(__NetBSD__)
  out->born = timeOf(from.st_birthtim);
#else
  out->born = out->changed;
#endif
#endif
}

#ifdef STATX_BTIME

FileTime timeOf(const statx_timestamp& time) { return {time.tv_sec, time.tv_nsec}; }

// What stat cannot say here. A file system without it leaves the change's time.
void fillBirth(int folder, const char* path, int flags, FileStatus* out) {
  struct statx extended {};
  if (::statx(folder, path, flags, STATX_BTIME, &extended) != 0) return;
  if ((extended.stx_mask & STATX_BTIME) != 0) out->born = timeOf(extended.stx_btime);
}

#endif

}  // namespace

int statusOf(const char* path, bool followLink, FileStatus* out) {
  struct stat status {};
  if ((followLink ? ::stat(path, &status) : ::lstat(path, &status)) != 0) return -errno;
  fill(status, out);
#ifdef STATX_BTIME
  fillBirth(AT_FDCWD, path, followLink ? 0 : AT_SYMLINK_NOFOLLOW, out);
#endif
  return 0;
}

int statusOf(int fd, FileStatus* out) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return -errno;
  fill(status, out);
#ifdef STATX_BTIME
  fillBirth(fd, "", AT_EMPTY_PATH, out);
#endif
  return 0;
}

int openToRead(const char* path) {
  return static_cast<int>(
      retried([=] { return ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
}

int openToWrite(const char* path, WriteStart start, uint32_t mode) {
  int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  if (start == WriteStart::kReplace) flags |= O_TRUNC;
  if (start == WriteStart::kAppend) flags |= O_APPEND;
  if (start == WriteStart::kExclusive) flags |= O_EXCL;
  return static_cast<int>(
      retried([=] { return ::open(path, flags, static_cast<mode_t>(mode & 07777)); }));
}

int64_t readFile(int fd, void* into, size_t bytes) {
  return retried([=] { return ::read(fd, into, bounded(bytes)); });
}

int64_t readFileAt(int fd, void* into, size_t bytes, int64_t offset) {
  return retried([=] { return ::pread(fd, into, bounded(bytes), static_cast<off_t>(offset)); });
}

int64_t writeFile(int fd, const void* bytes, size_t size) {
  return retried([=] { return ::write(fd, bytes, bounded(size)); });
}

int syncFile(int fd) {
#ifdef __APPLE__
  // fsync leaves it in the disk's own memory there; not every file system can do better.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  return static_cast<int>(retried([=] { return ::fsync(fd); }));
}

int syncFolder(const char* path) {
  const int64_t fd = retried([=] { return ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return static_cast<int>(fd);
  const int result = syncFile(static_cast<int>(fd));
  static_cast<void>(closeFd(static_cast<int>(fd)));
  // Some file systems refuse it for folders; then there is nothing to be done.
  return result == -EINVAL || result == -EROFS ? 0 : result;
}

int setPermissions(int fd, uint32_t mode) {
  return ::fchmod(fd, static_cast<mode_t>(mode & 07777)) == 0 ? 0 : -errno;
}

int renameFile(const char* from, const char* to) { return ::rename(from, to) == 0 ? 0 : -errno; }

int linkFile(const char* from, const char* to) { return ::link(from, to) == 0 ? 0 : -errno; }

int removeFile(const char* path) { return ::unlink(path) == 0 ? 0 : -errno; }

int resolveLinks(const char* path, char* out, size_t bytes) {
  char* const resolved = ::realpath(path, nullptr);
  if (resolved == nullptr) return -errno;
  const size_t length = std::strlen(resolved);
  const bool fits = length < bytes;
  if (fits) std::memcpy(out, resolved, length + 1);
  std::free(resolved);  // the system's own allocation
  return fits ? 0 : -ENAMETOOLONG;
}

}  // namespace heddle::sys
