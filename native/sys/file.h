#pragma once

// Files by path: opened, asked, read and written where they may block, so never on a loop's thread.
//
// A negative errno everywhere on failure. Calls that a signal interrupts are repeated; what a call
// transfers may be less than was asked for. Any thread.

#include <cstddef>
#include <cstdint>

namespace heddle::sys {

enum class FileKind : uint8_t {
  kRegular,
  kFolder,
  kDevice,  // of characters or blocks: reading and writing it may end with EAGAIN, but not wait
  kPipe,    // or a socket
  kOther,
};

// Since 1970. Not as nanoseconds, which do not reach from 1677 to 2263.
struct FileTime {
  int64_t seconds;
  int64_t nanoseconds;  // 0 to 999,999,999, also before 1970
};

struct FileStatus {
  FileKind kind;
  uint32_t mode;  // as the system has it: the kind and the permissions
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  uint32_t user;
  uint32_t group;
  uint64_t deviceNumber;  // of a device itself
  int64_t size;
  int64_t blockBytes;  // as large as transfers should be
  int64_t blocks;      // of 512 bytes
  FileTime accessed;
  FileTime modified;
  FileTime changed;
  FileTime born;  // of files on systems that know; else `changed`
};

[[nodiscard]] int statusOf(const char* path, bool followLink, FileStatus* out);
[[nodiscard]] int statusOf(int fd, FileStatus* out);

// Never waits for the other end of a pipe. Closed at exec.
[[nodiscard]] int openToRead(const char* path);

enum class WriteStart : uint8_t {
  kReplace,    // an empty file, made if there is none
  kAppend,     // each write goes to the end, made if there is none
  kExclusive,  // a new file, or -EEXIST
};
[[nodiscard]] int openToWrite(const char* path, WriteStart start, uint32_t mode);

// From where the descriptor stands; 0: the end.
[[nodiscard]] int64_t readFile(int fd, void* into, size_t bytes);
[[nodiscard]] int64_t readFileAt(int fd, void* into, size_t bytes, int64_t offset);
// Unlike sys::writeSome not for sockets.
[[nodiscard]] int64_t writeFile(int fd, const void* bytes, size_t size);

// Content and size of the file have reached the disk.
[[nodiscard]] int syncFile(int fd);
// So has the name of a new file in this folder.
[[nodiscard]] int syncFolder(const char* path);
// The permissions of `mode`.
[[nodiscard]] int setPermissions(int fd, uint32_t mode);
[[nodiscard]] int renameFile(const char* from, const char* to);
// A second name; -EEXIST.
[[nodiscard]] int linkFile(const char* from, const char* to);
[[nodiscard]] int removeFile(const char* path);

// Where the links of a path lead. -ENAMETOOLONG.
[[nodiscard]] int resolveLinks(const char* path, char* out, size_t bytes);
constexpr size_t kPathBytes = 4096;  // with its NUL; longer ones are ENAMETOOLONG

}  // namespace heddle::sys
