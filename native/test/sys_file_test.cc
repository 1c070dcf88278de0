// Files as the system has them, and the names of hosts.
#include "sys/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "sys/host_addresses.h"
#include "sys/socket.h"
#include "test/check.h"
#include "test/folder.h"
#include "test/sockets.h"

using namespace heddle::sys;  // NOLINT(google-build-using-namespace)
using check::Fd;
using check::Folder;

namespace {

void writeText(const std::string& path, const char* text, WriteStart start = WriteStart::kReplace) {
  const Fd fd(openToWrite(path.c_str(), start, 0644));
  REQUIRE(fd >= 0);
  CHECK_EQ(writeFile(fd, text, std::strlen(text)), static_cast<int64_t>(std::strlen(text)));
}

std::string readText(const std::string& path) {
  const Fd fd(openToRead(path.c_str()));
  char text[64];
  const int64_t size = fd < 0 ? fd : readFile(fd, text, sizeof text);
  return size < 0 ? "error " + std::to_string(size) : std::string(text, static_cast<size_t>(size));
}

}  // namespace

CASE("files: are replaced, appended to, made only once; modes as asked") {
  const Folder folder;
  const std::string path = folder.path("a");
  CHECK_EQ(openToRead(path.c_str()), -ENOENT);
  writeText(path, "first");
  writeText(path, "second");
  CHECK(readText(path) == "second");
  writeText(path, ", third", WriteStart::kAppend);
  CHECK(readText(path) == "second, third");
  CHECK_EQ(openToWrite(path.c_str(), WriteStart::kExclusive, 0600), -EEXIST);
  const std::string other = folder.path("b");
  writeText(other, "new", WriteStart::kExclusive);
  const Fd fd(openToWrite(other.c_str(), WriteStart::kAppend, 0));
  CHECK_EQ(setPermissions(fd, 0640), 0);
  FileStatus status;
  REQUIRE(statusOf(fd, &status) == 0);
  CHECK_EQ(status.mode & 07777, 0640u);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

CASE("files: a part is read where it lies") {
  const Folder folder;
  const std::string path = folder.path("a");
  writeText(path, "0123456789");
  const Fd fd(openToRead(path.c_str()));
  char text[8] = "";
  CHECK_EQ(readFileAt(fd, text, 3, 4), 3);
  CHECK_EQ(std::memcmp(text, "456", 3), 0);
  CHECK_EQ(readFileAt(fd, text, 8, 8), 2);
  CHECK_EQ(readFileAt(fd, text, 8, 10), 0);
  CHECK_EQ(readFileAt(fd, text, 8, -1), -EINVAL);
  CHECK_EQ(readFile(-1, text, 1), -EBADF);
}

CASE("files: their status says what stat says") {
  const Folder folder;
  const std::string path = folder.path("a");
  const std::string link = folder.path("link");
  writeText(path, "0123456789");
  REQUIRE(symlink("a", link.c_str()) == 0);
  struct stat expected {};
  REQUIRE(stat(path.c_str(), &expected) == 0);
  FileStatus status;
  REQUIRE(statusOf(link.c_str(), true, &status) == 0);
  CHECK_EQ(status.kind, FileKind::kRegular);
  CHECK_EQ(status.size, 10);
  CHECK_EQ(status.inode, expected.st_ino);
  CHECK_EQ(status.device, expected.st_dev);
  CHECK_EQ(status.links, 1u);
  CHECK_EQ(status.modified.seconds, expected.st_mtim.tv_sec);
  CHECK_EQ(status.modified.nanoseconds, expected.st_mtim.tv_nsec);
  CHECK(status.born.seconds > 0 && status.born.seconds <= status.changed.seconds);
  REQUIRE(statusOf(link.c_str(), false, &status) == 0);
  CHECK_EQ(status.kind, FileKind::kOther);
  CHECK_EQ(status.inode == expected.st_ino, false);
  CHECK_EQ(statusOf(folder.path("none").c_str(), true, &status), -ENOENT);
  REQUIRE(statusOf(folder.path("").c_str(), true, &status) == 0);
  CHECK_EQ(status.kind, FileKind::kFolder);
  REQUIRE(statusOf("/dev/null", true, &status) == 0);
  CHECK_EQ(status.kind, FileKind::kDevice);
}

CASE("files: opening a pipe does not wait for its other end") {
  const Folder folder;
  const std::string path = folder.path("pipe");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const Fd reader(openToRead(path.c_str()));
  FileStatus status;
  REQUIRE(statusOf(reader, &status) == 0);
  CHECK_EQ(status.kind, FileKind::kPipe);
  const std::string lonely = folder.path("lonely");
  REQUIRE(mkfifo(lonely.c_str(), 0600) == 0);
  CHECK_EQ(openToWrite(lonely.c_str(), WriteStart::kReplace, 0600), -ENXIO);
}

CASE("files: names are moved, doubled, taken away; links are followed to their end") {
  const Folder folder;
  const std::string a = folder.path("a");
  const std::string b = folder.path("b");
  const std::string c = folder.path("c");
  writeText(a, "a");
  CHECK_EQ(linkFile(a.c_str(), b.c_str()), 0);
  CHECK_EQ(linkFile(a.c_str(), b.c_str()), -EEXIST);
  CHECK_EQ(renameFile(b.c_str(), c.c_str()), 0);
  CHECK(readText(c) == "a");
  CHECK_EQ(removeFile(a.c_str()), 0);
  CHECK_EQ(removeFile(a.c_str()), -ENOENT);
  REQUIRE(symlink("c", b.c_str()) == 0);
  char resolved[kPathBytes];
  REQUIRE(resolveLinks(b.c_str(), resolved, sizeof resolved) == 0);
  CHECK(c == resolved);
  CHECK_EQ(resolveLinks(b.c_str(), resolved, 4), -ENAMETOOLONG);
  CHECK_EQ(resolveLinks(a.c_str(), resolved, sizeof resolved), -ENOENT);
  CHECK_EQ(syncFolder(folder.path("").c_str()), 0);
  const Fd fd(openToWrite(c.c_str(), WriteStart::kAppend, 0));
  CHECK_EQ(syncFile(fd), 0);
}

CASE("files: what the user may not, and what is not a file, is said") {
  const Folder folder;
  const std::string path = folder.path("a");
  writeText(path, "secret");
  REQUIRE(chmod(path.c_str(), 0) == 0);
  CHECK_EQ(openToWrite(folder.path("").c_str(), WriteStart::kReplace, 0600), -EISDIR);
  CHECK_EQ(openToRead((path + "/b").c_str()), -ENOTDIR);
  const Fd full(openToWrite("/dev/full", WriteStart::kReplace, 0));
  CHECK_EQ(writeFile(full, "x", 1), -ENOSPC);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    _exit(openToRead(path.c_str()) == -EACCES ? 0 : 1);
  }
  int ended = -1;
  REQUIRE(waitpid(child, &ended, 0) == child);
  CHECK_EQ(WEXITSTATUS(ended), 0);
}

CASE("hosts: numbers and the machine itself are known without a network") {
  HostAddresses four;
  REQUIRE(four.ask("127.0.0.1", Family::kOther) == 0);
  Address address;
  char text[kHostTextBytes];
  REQUIRE(four.next(&address));
  CHECK(formatHost(address, text, sizeof text) > 0);
  CHECK(std::strcmp(text, "127.0.0.1") == 0);
  CHECK(!four.next(&address));
  HostAddresses six;
  REQUIRE(six.ask("::1", Family::kIpv6) == 0);
  REQUIRE(six.next(&address));
  CHECK_EQ(familyOf(address), Family::kIpv6);
  HostAddresses here;
  REQUIRE(here.ask("localhost", Family::kIpv4) == 0);
  REQUIRE(here.next(&address));
  CHECK_EQ(familyOf(address), Family::kIpv4);
}

CASE("hosts: what is no name fails, and there is nothing to go through") {
  HostAddresses none;
  const int error = none.ask("no such host", Family::kOther);
  CHECK(error == -3008 || error == -3001);
  Address address;
  CHECK(!none.next(&address));
}
