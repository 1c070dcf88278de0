// The native jobs for files: what is read and written, atomically or not, and what is refused.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "test/builtin_fixture.h"
#include "test/failing.h"
#include "test/folder.h"

using check::Folder;
using heddle::test::Answer;
using heddle::test::Asked;
using heddle::test::callBuiltin;
using heddle::test::kAll;

namespace {

enum Start : uint32_t { kReplace, kAppend, kExclusive };
enum Flag : uint32_t { kAtomic = 1, kSync = 2, kModeGiven = 4 };
constexpr double kPlenty = 1 << 20;

Answer readPart(const std::string& path, double offset, double length, double maxBytes = kPlenty) {
  return callBuiltin("heddle:file.read",
                     Asked().text(path).large(offset).large(length).large(maxBytes));
}

Answer readWhole(const std::string& path, double maxBytes = kPlenty) {
  return readPart(path, 0, kAll, maxBytes);
}

Answer write(const std::string& path, const std::string& bytes, uint32_t start = kReplace,
             uint32_t flags = 0, uint32_t mode = 0666) {
  return callBuiltin("heddle:file.write",
                     Asked().text(path).number(start).number(flags).number(mode).rest(bytes));
}

std::string patterned(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

uint32_t modeOf(const std::string& path) {
  struct stat status {};
  CHECK_EQ(stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

bool hasFreshFiles(const Folder& folder) {
  for (const std::string& name : folder.names(true)) {
    if (name.rfind(".heddle-", 0) == 0) return true;
  }
  return false;
}

// What the functions read and write on its thread while there is one.
struct Transfers {
  Transfers() { now = this; }
  ~Transfers() { now = nullptr; }
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  int count = 0;
  size_t largest = 0;
  std::function<void(int)> then;

  static inline thread_local Transfers* now = nullptr;
};

// Those that it makes itself do not count.
int64_t noted(long number, int fd, uintptr_t bytes, size_t size) {
  const int64_t result = syscall(number, fd, bytes, size);
  Transfers* const transfers = std::exchange(Transfers::now, nullptr);
  if (transfers == nullptr) return result;
  const int error = errno;
  transfers->count++;
  if (size > transfers->largest) transfers->largest = size;
  if (transfers->then) transfers->then(transfers->count);
  errno = error;
  Transfers::now = transfers;
  return result;
}

}  // namespace

extern "C" {

ssize_t read(int fd, void* into, size_t size) {
  return noted(SYS_read, fd, reinterpret_cast<uintptr_t>(into), size);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  return noted(SYS_write, fd, reinterpret_cast<uintptr_t>(bytes), size);
}

}  // extern "C"

CASE("file.write, file.read: what was written is read, of any size, in pieces") {
  const Folder folder;
  const std::string path = folder.path("a");
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{3'000'001}}) {
    const std::string bytes = patterned(size);
    CHECK_EQ(write(path, bytes).number, static_cast<double>(size));
    const Answer whole = readWhole(path, 4e6);
    CHECK_EQ(whole.error, 0);
    CHECK_EQ(whole.number, static_cast<double>(size));
    CHECK(whole.bytes == bytes);
  }
  CHECK(readPart(path, 10, 5).bytes == patterned(20).substr(10, 5));
  CHECK(readPart(path, 2'999'999, 50).bytes == patterned(3'000'001).substr(2'999'999));
  CHECK(readPart(path, 5'000'000, 50).bytes.empty());
  CHECK(readPart(path, 3, 0).bytes.empty());
}

CASE("file.read: more than allowed is EFBIG, as much is not") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, patterned(1000));
  CHECK_EQ(readWhole(path, 999).error, -EFBIG);
  CHECK_EQ(readWhole(path, 1000).number, 1000.0);
  CHECK_EQ(readPart(path, 1, kAll, 999).number, 999.0);
  CHECK_EQ(readPart(path, 0, 999, 999).number, 999.0);
  CHECK_EQ(readWhole(path, 0).error, -EFBIG);
  CHECK_EQ(readPart(path, 1000, kAll, 0).error, 0);
  // Without an end, and without a size to be known beforehand.
  CHECK_EQ(readWhole("/dev/zero").error, -EFBIG);
  CHECK_EQ(readPart("/dev/zero", 0, 5000).bytes.size(), 5000u);
}

CASE("file.read: files that do not know their size, and ones that grow, are read to their end") {
  const Answer status = readWhole("/proc/self/status");
  CHECK_EQ(status.error, 0);
  CHECK(status.bytes.find("Name:") == 0);
  CHECK(readWhole("/dev/null").bytes.empty());
  const Folder folder;
  const std::string path = folder.path("a");
  const std::string bytes = patterned(2'500'000);
  for (const size_t before : {size_t{1}, size_t{1000}, size_t{1'100'000}}) {
    write(path, bytes.substr(0, before));
    Transfers transfers;
    transfers.then = [&](int count) {
      if (count == 1) write(path, bytes.substr(before), kAppend);
    };
    CHECK(readWhole(path, 4e6).bytes == bytes);
  }
}

CASE("file.read: the first reading of a file without a size has room for all that there may be") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, "");
  Transfers transfers;
  CHECK(readWhole(path).bytes.empty());
  CHECK_EQ(transfers.count, 1);
  CHECK(transfers.largest >= 4096);
#ifdef __linux__
  // Answers one reading only, as all do that give numbers.
  const Answer most = readWhole("/proc/sys/kernel/pid_max");
  CHECK_EQ(most.error, 0);
  CHECK(most.bytes.size() > 2 && most.bytes.back() == '\n');
#endif
}

CASE("file.read, file.write: are stopped between two pieces, and leave nothing behind") {
  const Folder folder;
  const std::string path = folder.path("a");
  const std::string bytes = patterned(3'000'001);
  write(path, bytes);
  for (const int after : {1, 2}) {
    int32_t claim = heddle::job::Claim::RUNNING;
    Transfers transfers;
    transfers.then = [&](int count) {
      if (count == after) claim = heddle::job::Claim::SIGNALLED;
    };
    const Asked reading = Asked().text(path).large(0).large(kAll).large(4e6);
    CHECK_EQ(callBuiltin("heddle:file.read", reading.bytes(), &claim).error, -ECANCELED);
    CHECK_EQ(transfers.count, after);
    claim = heddle::job::Claim::RUNNING;
    transfers.count = 0;
    const Asked writing = Asked().text(path).number(kReplace).number(kAtomic).number(0600).rest("");
    CHECK_EQ(callBuiltin("heddle:file.write", writing.bytes() + bytes, &claim).error, -ECANCELED);
    CHECK_EQ(transfers.count, after);
  }
  CHECK(!hasFreshFiles(folder));
  CHECK(readWhole(path, 4e6).bytes == bytes);
}

CASE("file.stat: times that nanoseconds since 1970 do not reach") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, "");
  for (const int64_t seconds : {int64_t{13'569'465'600}, int64_t{-11'676'096'000}}) {
    const timespec times[] = {{seconds, 5}, {seconds, 123'456'789}};
    REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    // As the file system keeps it.
    struct stat expected {};
    REQUIRE(stat(path.c_str(), &expected) == 0);
    const Answer answer = callBuiltin("heddle:file.stat", Asked().text(path).number(1));
    REQUIRE(answer.bytes.size() == 14 * sizeof(double));
    double fields[14];
    std::memcpy(fields, answer.bytes.data(), sizeof fields);
    CHECK_EQ(fields[11], static_cast<double>(expected.st_mtim.tv_sec) * 1e3 +
                             static_cast<double>(expected.st_mtim.tv_nsec) / 1e6);
  }
}

CASE("file.read: what is no file, or waits for others, is refused at once") {
  const Folder folder;
  CHECK_EQ(readWhole(folder.path("none")).error, -ENOENT);
  CHECK_EQ(readWhole(folder.path("")).error, -EISDIR);
  CHECK_EQ(write(folder.path(""), "x").error, -EISDIR);
  CHECK_EQ(write(folder.path("none/x"), "x").error, -ENOENT);
  const std::string pipe = folder.path("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_EQ(readWhole(pipe).error, -ESPIPE);
  CHECK_EQ(write(pipe, "x").error, -ENXIO);  // nobody reads
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  CHECK_EQ(write(pipe, "x").error, -ESPIPE);
  CHECK_EQ(write(pipe, "x", kReplace, kAtomic).error, -ESPIPE);
  close(reader);
  CHECK_EQ(write("/dev/full", "x").error, -ENOSPC);
  CHECK_EQ(write("/dev/null", "x", kReplace, kAtomic).error, -EINVAL);
  CHECK_EQ(write("/dev/null", "abc").number, 3.0);
}

CASE("file.write: appends, makes new files only, refuses what exists") {
  const Folder folder;
  const std::string path = folder.path("a");
  CHECK_EQ(write(path, "one", kExclusive, 0, 0640).error, 0);
  CHECK_EQ(modeOf(path) & 0600, 0600u);
  CHECK_EQ(write(path, "two", kExclusive).error, -EEXIST);
  CHECK_EQ(write(path, "two", kExclusive, kAtomic).error, -EEXIST);
  CHECK(!hasFreshFiles(folder));
  CHECK_EQ(write(path, ", two", kAppend).error, 0);
  CHECK(readWhole(path).bytes == "one, two");
  CHECK_EQ(write(folder.path("b"), "new", kExclusive, kAtomic | kSync).error, 0);
  CHECK(readWhole(folder.path("b")).bytes == "new");
  CHECK(!hasFreshFiles(folder));
}

CASE("file.write: atomically keeps permissions and links, and leaves nothing behind") {
  const Folder folder;
  const std::string path = folder.path("a");
  const std::string link = folder.path("link");
  write(path, "old");
  REQUIRE(chmod(path.c_str(), 0604) == 0);
  REQUIRE(symlink("a", link.c_str()) == 0);
  CHECK_EQ(write(link, "new", kReplace, kAtomic).error, 0);
  CHECK(readWhole(path).bytes == "new");
  CHECK_EQ(modeOf(path), 0604u);
  struct stat status {};
  CHECK(lstat(link.c_str(), &status) == 0 && S_ISLNK(status.st_mode));
  CHECK_EQ(write(path, "newer", kReplace, kAtomic | kSync | kModeGiven, 0600).error, 0);
  CHECK_EQ(modeOf(path), 0600u);
  CHECK_EQ(write(folder.path(""), "x", kReplace, kAtomic).error, -EISDIR);
  CHECK_EQ(write(folder.path("none/x"), "x", kReplace, kAtomic).error, -ENOENT);
  CHECK_EQ(write(path, "x", kAppend, kAtomic).error, -EINVAL);
  CHECK_EQ(write("heddle-test-relative", "x", kReplace, kAtomic | kSync).error, 0);
  CHECK_EQ(unlink("heddle-test-relative"), 0);
  CHECK(!hasFreshFiles(folder));
}

CASE("file.write: stopped halfway, an atomic one has changed nothing") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, "old");
  const Asked asked =
      Asked().text(path).number(kReplace).number(kAtomic).number(0600).rest("something new");
  CHECK_EQ(callBuiltin("heddle:file.write", asked, true).error, -ECANCELED);
  CHECK(readWhole(path).bytes == "old");
  CHECK(!hasFreshFiles(folder));
  const Asked reading = Asked().text(path).large(0).large(kAll).large(1000);
  CHECK_EQ(callBuiltin("heddle:file.read", reading, true).error, -ECANCELED);
}

CASE("file.write: atomically is seen whole or not at all, by any number of readers") {
  const Folder folder;
  const std::string path = folder.path("a");
  const std::string first(50'000, 'a');
  const std::string second(70'000, 'b');
  write(path, first);
  std::thread writer([&] {
    for (int i = 0; i < 50 * check::kStressScale; i++)
      CHECK_EQ(write(path, i % 2 == 0 ? second : first, kReplace, kAtomic).error, 0);
  });
  for (int i = 0; i < 100 * check::kStressScale; i++) {
    const Answer seen = readWhole(path);
    CHECK(seen.bytes == first || seen.bytes == second);
  }
  writer.join();
}

CASE("file.stat: fourteen numbers, as stat has them") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, "0123456789");
  const std::string link = folder.path("link");
  REQUIRE(symlink("a", link.c_str()) == 0);
  struct stat expected {};
  REQUIRE(stat(path.c_str(), &expected) == 0);
  const Answer answer = callBuiltin("heddle:file.stat", Asked().text(link).number(1));
  double fields[14];
  REQUIRE(answer.bytes.size() == sizeof fields);
  std::memcpy(fields, answer.bytes.data(), sizeof fields);
  CHECK_EQ(fields[0], static_cast<double>(expected.st_dev));
  CHECK_EQ(fields[1], static_cast<double>(expected.st_mode));
  CHECK_EQ(fields[7], static_cast<double>(expected.st_ino));
  CHECK_EQ(fields[8], 10.0);
  CHECK_EQ(fields[11], static_cast<double>(expected.st_mtim.tv_sec) * 1e3 +
                           static_cast<double>(expected.st_mtim.tv_nsec) / 1e6);
  const Answer ofLink = callBuiltin("heddle:file.stat", Asked().text(link).number(0));
  std::memcpy(fields, ofLink.bytes.data(), sizeof fields);
  CHECK(S_ISLNK(static_cast<mode_t>(fields[1])));
  CHECK_EQ(callBuiltin("heddle:file.stat", Asked().text(folder.path("b")).number(1)).error,
           -ENOENT);
}

CASE("files: each allocation may fail, and then the job does") {
  const Folder folder;
  const std::string path = folder.path("a");
  write(path, patterned(100'000));
  heddle::test::eachAllocationFails(0, [&](heddle::test::Failing& failing) {
    failing.arm();
    const Answer whole = readWhole(path);
    const bool failed = heddle::mem::failpoint().countdown.load() < 0;
    CHECK_EQ(whole.error, failed ? -ENOMEM : 0);
    if (failed) CHECK(whole.bytes.empty());
  });
  heddle::test::eachAllocationFails(0, [&](heddle::test::Failing& failing) {
    failing.arm();
    const Answer written = write(path, "short", kReplace, kAtomic);
    const bool failed = heddle::mem::failpoint().countdown.load() < 0;
    // The last allocation is for the answer: the file is there then.
    CHECK(written.error == (failed ? -ENOMEM : 0));
    CHECK(!hasFreshFiles(folder));
  });
}
