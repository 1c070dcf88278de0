// Addresses, sockets and descriptors.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "sys/clock.h"
#include "sys/socket.h"
#include "test/check.h"
#include "test/folder.h"
#include "test/sockets.h"

using namespace heddle::sys;  // NOLINT(google-build-using-namespace)
using check::Fd;
using check::loopback;
using check::Pipe;
using check::TcpPair;
using check::UnixPair;

namespace {

std::string hostOf(const Address& address) {
  char text[kHostTextBytes];
  const int length = formatHost(address, text, sizeof text);
  CHECK(length >= 0);
  return std::string(text, length < 0 ? 0 : static_cast<size_t>(length));
}

struct TemporaryFolder : check::Folder {
  Address address(const char* name) const {
    Address out;
    const std::string text = path(name);
    CHECK_EQ(unixAddress(text.data(), text.size(), &out), 0);
    return out;
  }
};

bool isReadyToRead(int fd) {
  pollfd query{fd, POLLIN, 0};
  return poll(&query, 1, 60'000) == 1;
}

int flagsOf(int fd) { return fcntl(fd, F_GETFD); }

void checkBorn(int fd) {
  CHECK((flagsOf(fd) & FD_CLOEXEC) != 0);
  CHECK((descriptorFlags(fd) & O_NONBLOCK) != 0);
}

}  // namespace

CASE("status: errnoOf turns a result into an errno") {
  CHECK(heddle::base::failed(-ENOENT));
  CHECK(!heddle::base::failed(0));
  CHECK_EQ(heddle::base::errnoOf(-ENOENT), ENOENT);
  CHECK_EQ(heddle::base::errnoOf(17), 0);
}

CASE("clock: monotonic does not go back, realtime is of this century") {
  int64_t last = monotonicNs();
  for (int i = 0; i < 1000; i++) {
    const int64_t now = monotonicNs();
    CHECK(now >= last);
    last = now;
  }
  CHECK(realtimeNs() > int64_t{1'577'836'800} * 1'000'000'000);  // 2020
}

CASE("address: numeric IPv4 and IPv6 round-trip") {
  const struct {
    const char* text;
    Family family;
    const char* canonical;
  } samples[] = {
      {"127.0.0.1", Family::kIpv4, "127.0.0.1"},
      {"0.0.0.0", Family::kIpv4, "0.0.0.0"},
      {"255.255.255.255", Family::kIpv4, "255.255.255.255"},
      {"::", Family::kIpv6, "::"},
      {"::1", Family::kIpv6, "::1"},
      {"2001:DB8:0:0:0:0:0:1", Family::kIpv6, "2001:db8::1"},
      {"::ffff:1.2.3.4", Family::kIpv6, "::ffff:1.2.3.4"},
      {"fe80::1%lo", Family::kIpv6, "fe80::1%lo"},
      {"fe80::1%4000000000", Family::kIpv6, "fe80::1%4000000000"},
  };
  for (const auto& sample : samples) {
    Address address;
    CHECK_EQ(parseAddress(sample.text, 65535, &address), 0);
    CHECK_EQ(familyOf(address), sample.family);
    CHECK_EQ(portOf(address), 65535);
    CHECK_EQ(hostOf(address), std::string(sample.canonical));
  }
}

CASE("address: what is not numeric or out of range is EINVAL") {
  Address address;
  const char* wrong[] = {"",
                         "localhost",
                         "1.2.3",
                         "1.2.3.4.5",
                         "256.1.1.1",
                         "1.2.3.4 ",
                         "::1::",
                         ":::",
                         "fe80::1%",
                         "fe80::1%no-such-interface",
                         "%lo",
                         "::1%0",
                         "[::1]",
                         "01.2.3.4x",
                         "fe80::1%99999999999",
                         "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};
  for (const char* text : wrong) CHECK_EQ(parseAddress(text, 1, &address), -EINVAL);
  CHECK_EQ(parseAddress(nullptr, 1, &address), -EINVAL);
  CHECK_EQ(parseAddress("127.0.0.1", -1, &address), -EINVAL);
  CHECK_EQ(parseAddress("127.0.0.1", 65536, &address), -EINVAL);
}

CASE("address: Unix paths and abstract names") {
  Address address;
  CHECK_EQ(unixAddress("", 0, &address), -EINVAL);
  CHECK_EQ(unixAddress("a\0b", 3, &address), -EINVAL);
  const std::string longest(107, 'p');
  CHECK_EQ(unixAddress(longest.data(), 107, &address), 0);
  CHECK_EQ(hostOf(address), longest);
  CHECK_EQ(familyOf(address), Family::kUnix);
  CHECK_EQ(portOf(address), 0);
  CHECK_EQ(unixAddress((longest + "p").data(), 108, &address), -ENAMETOOLONG);
  const std::string abstract("\0name", 5);
  CHECK_EQ(unixAddress(abstract.data(), 5, &address), 0);
  CHECK_EQ(hostOf(address), abstract);
}

CASE("address: too small a buffer is ENOSPC, unknown families are empty") {
  Address address = loopback(1);
  char text[9];
  CHECK_EQ(formatHost(address, text, sizeof text), -ENOSPC);
  CHECK_EQ(formatHost(address, text, 0), -ENOSPC);
  REQUIRE(parseAddress("fe80::1%lo", 1, &address) == 0);
  char exact[11];
  CHECK_EQ(formatHost(address, exact, 10), -ENOSPC);
  CHECK_EQ(formatHost(address, exact, 11), 10);
  REQUIRE(unixAddress("12345678", 8, &address) == 0);
  CHECK_EQ(formatHost(address, text, 8), -ENOSPC);
  CHECK_EQ(formatHost(address, text, 9), 8);
  address.ss.ss_family = AF_UNSPEC;
  CHECK_EQ(familyOf(address), Family::kOther);
  CHECK_EQ(formatHost(address, text, sizeof text), 0);
}

CASE(
    "FD-08 socket: listen, connect, accept; both ends know the addresses; flags are set at birth") {
  const Fd listener(listenStream(loopback(), {}));
  REQUIRE(listener >= 0);
  checkBorn(listener);
  CHECK_EQ(acceptStream(listener, nullptr), -EAGAIN);
  Address bound;
  REQUIRE(localAddress(listener, &bound) == 0);
  CHECK(portOf(bound) > 0);

  bool inProgress = false;
  const Fd client(connectStream(bound, &inProgress));
  REQUIRE(client >= 0);
  checkBorn(client);
  REQUIRE(isReadyToRead(listener));
  Address peer;
  const Fd server(acceptStream(listener, &peer));
  REQUIRE(server >= 0);
  checkBorn(server);
  CHECK_EQ(socketError(client), 0);
  Address clientAddress;
  REQUIRE(localAddress(client, &clientAddress) == 0);
  CHECK_EQ(portOf(peer), portOf(clientAddress));
  CHECK_EQ(hostOf(peer), std::string("127.0.0.1"));
  Address remote;
  REQUIRE(peerAddress(client, &remote) == 0);
  CHECK_EQ(portOf(remote), portOf(bound));
  CHECK_EQ(peerAddress(listener, &remote), -ENOTCONN);
}

CASE("socket: a refused connection shows at once or as the socket's error") {
  Address address;
  {
    const Fd listener(listenStream(loopback(), {}));
    REQUIRE(localAddress(listener, &address) == 0);
  }
  bool inProgress = false;
  const Fd client(connectStream(address, &inProgress));
  if (client >= 0) {
    CHECK(inProgress);
    CHECK(isReadyToRead(client));
    CHECK_EQ(socketError(client), -ECONNREFUSED);
    CHECK_EQ(socketError(client), 0);  // reading it cleared it
  } else {
    CHECK_EQ(client.fd, -ECONNREFUSED);
  }
}

CASE("socket: a taken port is EADDRINUSE unless both share it") {
  const Fd first(listenStream(loopback(), {}));
  Address bound;
  REQUIRE(localAddress(first, &bound) == 0);
  CHECK_EQ(listenStream(bound, {}), -EADDRINUSE);
  ListenFlags shared;
  shared.reusePort = true;
  CHECK_EQ(listenStream(bound, shared), -EADDRINUSE);
  CHECK_EQ(tryBind(bound, {}), -EADDRINUSE);
  const Fd second(listenStream(loopback(), shared));
  REQUIRE(localAddress(second, &bound) == 0);
  const Fd third(listenStream(bound, shared));
  CHECK(third >= 0);
}

CASE("socket: a bind that is tried leaves the address free, and sees who listens for IPv4 alone") {
  Address address;
  {
    const Fd first(listenStream(loopback(), {}));
    REQUIRE(localAddress(first, &address) == 0);
  }
  CHECK_EQ(tryBind(address, {}), 0);
  const Fd again(listenStream(address, {}));
  CHECK(again >= 0);
  Address six;
  REQUIRE(parseAddress("::", portOf(address), &six) >= 0);
  ListenFlags only;
  only.ipv6Only = true;
  const int alone = tryBind(six, only);
  if (alone == -EAFNOSUPPORT) return;  // a machine without IPv6
  CHECK_EQ(alone, 0);
  CHECK_EQ(tryBind(six, {}), -EADDRINUSE);
  Address path;
  REQUIRE(unixAddress("/tmp/x", 6, &path) >= 0);
  CHECK_EQ(tryBind(path, {}), -EINVAL);
}

CASE("socket: a duplicate of a listening socket accepts from the same queue") {
  Fd first(listenStream(loopback(), {}));
  Address bound;
  CHECK_EQ(localAddress(first, &bound), 0);
  const Fd second(duplicateListening(first));
  CHECK(second >= 0);
  bool inProgress = false;
  const Fd one(connectStream(bound, &inProgress));
  const Fd accepted(acceptStream(second, nullptr));
  CHECK(accepted >= 0);
  first.reset();
  const Fd two(connectStream(bound, &inProgress));
  const Fd another(acceptStream(second, nullptr));
  CHECK(another >= 0);
  CHECK_EQ(duplicateListening(another), -EINVAL);
  CHECK_EQ(duplicateListening(-1), -EBADF);
  int ends[2];
  CHECK_EQ(heddle::sys::pipe(ends), 0);
  CHECK_EQ(duplicateListening(ends[0]), -EINVAL);
  closeFd(ends[0]);
  closeFd(ends[1]);
}

CASE("socket: IPv6 only or both families") {
  // A mapped address is the loopback of both families: legal only while the socket serves both.
  Address mapped;
  REQUIRE(parseAddress("::ffff:127.0.0.1", 0, &mapped) == 0);
  ListenFlags flags;
  flags.ipv6Only = true;
  const Fd only(listenStream(mapped, flags));
  if (only == -EAFNOSUPPORT) return;  // a host without IPv6
  CHECK_EQ(only.fd, -EINVAL);
  const Fd both(listenStream(mapped, {}));
  REQUIRE(both >= 0);
  Address bound;
  REQUIRE(localAddress(both, &bound) == 0);
  bool inProgress = false;
  const Fd client(connectStream(loopback(portOf(bound)), &inProgress));
  CHECK(client >= 0);
  CHECK(isReadyToRead(both));
}

CASE("socket: a Unix listener answers, and its path is taken while it does") {
  const TemporaryFolder folder;
  const Address address = folder.address("s");
  const Fd listener(listenStream(address, {}));
  REQUIRE(listener >= 0);
  CHECK_EQ(listenStream(address, {}), -EADDRINUSE);
  bool inProgress = false;
  const Fd client(connectStream(address, &inProgress));
  REQUIRE(client >= 0);
  // The probe of the second listener is in the queue as well.
  Address peer;
  const Fd probe(acceptStream(listener, &peer));
  const Fd server(acceptStream(listener, &peer));
  REQUIRE(server >= 0);
  CHECK_EQ(hostOf(peer), std::string());
  CHECK_EQ(writeSome(client, "hi", 2), 2);
  char bytes[4];
  CHECK_EQ(readSome(server, bytes, 4), 2);
  CHECK_EQ(removeSocketFile(address), 0);
  CHECK_EQ(removeSocketFile(address), -ENOENT);
}

CASE("socket: the file of a Unix listener is removed, and not the one that has taken its place") {
  const TemporaryFolder folder;
  const Address address = folder.address("s");
  const Fd first(listenStream(address, {}));
  REQUIRE(first >= 0);
  const SocketFile file = socketFile(address);
  CHECK(file.inode != 0);
  CHECK_EQ(removeSocketFile(address), 0);
  CHECK_EQ(removeSocketFile(address, file), -ENOENT);
  const Fd second(listenStream(address, {}));
  REQUIRE(second >= 0);
  CHECK_EQ(removeSocketFile(address, file), -EEXIST);
  CHECK_EQ(removeSocketFile(address, {}), -EEXIST);
  CHECK_EQ(removeSocketFile(address, socketFile(address)), 0);
  CHECK_EQ(socketFile(address).inode, uint64_t{0});
}

CASE("socket: a stale Unix socket is replaced, anything else is EEXIST and stays") {
  const TemporaryFolder folder;
  const Address address = folder.address("s");
  {
    const Fd dead(listenStream(address, {}));
    REQUIRE(dead >= 0);
  }
  struct stat file;
  CHECK_EQ(lstat(folder.path("s").c_str(), &file), 0);
  {
    const Fd listener(listenStream(address, {}));
    CHECK(listener >= 0);
    CHECK_EQ(removeSocketFile(address), 0);
  }
  const Fd plain(open(folder.path("s").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQ(listenStream(address, {}), -EEXIST);
  CHECK_EQ(removeSocketFile(address), -EEXIST);
  CHECK_EQ(lstat(folder.path("s").c_str(), &file), 0);
  CHECK(S_ISREG(file.st_mode));
}

CASE("socket: a Unix path in a missing folder is ENOENT, abstract names need no file") {
  Address address;
  const std::string missing = check::temporaryPath("no-such-folder/s");
  REQUIRE(unixAddress(missing.data(), missing.size(), &address) == 0);
  CHECK_EQ(listenStream(address, {}), -ENOENT);
  const std::string name = std::string(1, '\0') + "heddle-" + std::to_string(getpid());
  REQUIRE(unixAddress(name.data(), name.size(), &address) == 0);
  const Fd listener(listenStream(address, {}));
  CHECK(listener >= 0);
  CHECK_EQ(listenStream(address, {}), -EADDRINUSE);
  CHECK_EQ(removeSocketFile(address), 0);
}

CASE("socket: options are set and read back") {
  TcpPair tcp;
  int value = -1;
  socklen_t length = sizeof value;
  for (const bool on : {true, false}) {
    CHECK_EQ(setNoDelay(tcp.client, on), 0);
    CHECK_EQ(getsockopt(tcp.client, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    CHECK_EQ(value != 0, on);
    CHECK_EQ(setKeepAlive(tcp.client, on, 77), 0);
    CHECK_EQ(getsockopt(tcp.client, SOL_SOCKET, SO_KEEPALIVE, &value, &length), 0);
    CHECK_EQ(value != 0, on);
  }
  CHECK_EQ(getsockopt(tcp.client, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length), 0);
  CHECK_EQ(value, 77);
  CHECK(!lingers(tcp.client));
  CHECK_EQ(setLinger(tcp.client, 5), 0);
  CHECK(lingers(tcp.client));
  CHECK_EQ(setLinger(tcp.client, 0), 0);
  CHECK(!lingers(tcp.client));
  CHECK_EQ(setLinger(tcp.client, -1), 0);
  CHECK(!lingers(tcp.client));
  Pipe pipe;
  CHECK_EQ(setNoDelay(pipe.reader, true), -ENOTSOCK);
  CHECK_EQ(socketError(pipe.reader), -ENOTSOCK);
  CHECK(!lingers(pipe.reader));
}

CASE("FD-11 descriptor: blocking and non-blocking; bad descriptors say EBADF") {
  Pipe pipe;
  CHECK_EQ(setBlocking(pipe.reader, true), 0);
  CHECK((descriptorFlags(pipe.reader) & O_NONBLOCK) == 0);
  CHECK_EQ(setBlocking(pipe.reader, false), 0);
  CHECK((descriptorFlags(pipe.reader) & O_NONBLOCK) != 0);
  CHECK_EQ(birthFlags(pipe.reader), 3);
  CHECK_EQ(setBlocking(pipe.reader, true), 0);
  CHECK_EQ(birthFlags(pipe.reader), 2);
  CHECK_EQ(setBlocking(pipe.reader, false), 0);
  CHECK_EQ(birthFlags(-1), -EBADF);
  CHECK_EQ(setBlocking(-1, true), -EBADF);
  CHECK_EQ(descriptorFlags(-1), -EBADF);
  char byte = 0;
  CHECK_EQ(readSome(-1, &byte, 1), -EBADF);
  CHECK_EQ(writeSome(-1, &byte, 1), -EBADF);
}

CASE("descriptor: an identity follows the file, not the number") {
  Pipe pipe;
  UnixPair pair;
  Identity reader;
  Identity again;
  CHECK_EQ(identify(pipe.reader, &reader), 0);
  CHECK_EQ(identify(pipe.reader, &again), 0);
  CHECK(reader == again);
  CHECK_EQ(identify(pair.a, &again), 0);
  CHECK(!(reader == again));
  const int copy = dup(pipe.reader);
  CHECK_EQ(identify(copy, &again), 0);
  CHECK(reader == again);
  // The number of a closed descriptor is the first to be given away.
  CHECK_EQ(closeFd(copy), 0);
  Pipe other;
  CHECK(other.reader == copy || other.writer == copy);
  CHECK_EQ(identify(copy, &again), 0);
  CHECK(!(reader == again));
  CHECK_EQ(identify(-1, &again), -EBADF);
}

CASE("FD-07 descriptor: read and write on sockets and pipes: counts, EAGAIN, end of file") {
  Pipe pipe;
  UnixPair pair;
  TcpPair tcp;
  const int ends[][2] = {{pipe.reader, pipe.writer}, {pair.a, pair.b}, {tcp.server, tcp.client}};
  for (const auto& [reader, writer] : ends) {
    char bytes[16];
    CHECK_EQ(readSome(reader, bytes, sizeof bytes), -EAGAIN);
    CHECK_EQ(writeSome(writer, "hello", 5), 5);
    iovec parts[3] = {{bytes, 0}, {const_cast<char*>(", "), 2}, {const_cast<char*>("world"), 5}};
    CHECK_EQ(writeVector(writer, parts, 3), 7);
    std::string got;
    while (got.size() < 12 && isReadyToRead(reader)) {
      const int64_t n = readSome(reader, bytes, 4);
      REQUIRE(n > 0);
      got.append(bytes, static_cast<size_t>(n));
    }
    CHECK_EQ(got, std::string("hello, world"));
    CHECK(check::fill(writer) > 0);
    CHECK_EQ(writeSome(writer, "x", 1), -EAGAIN);
    CHECK_EQ(writeVector(writer, parts + 1, 2), -EAGAIN);
    CHECK_EQ(writeVector(writer, parts, -1), -EINVAL);
  }
}

CASE("FD-07 descriptor: more parts than the system takes are written in part") {
  Pipe pipe;
  char byte = 'x';
  std::vector<iovec> parts(3000, iovec{&byte, 1});
  CHECK_EQ(writeVector(pipe.writer, parts.data(), static_cast<int>(parts.size())), 1024);
}

CASE("FD-07 descriptor: a write without a reader is EPIPE and no signal") {
  ignoreBrokenPipe();
  Pipe pipe;
  pipe.reader.reset();
  CHECK_EQ(writeSome(pipe.writer, "x", 1), -EPIPE);
  UnixPair pair;
  pair.b.reset();
  CHECK_EQ(writeSome(pair.a, "x", 1), -EPIPE);
  struct sigaction current;
  CHECK_EQ(sigaction(SIGPIPE, nullptr, &current), 0);
  CHECK(current.sa_handler == SIG_IGN);
}

CASE("descriptor: a handler of the program for SIGPIPE is left alone") {
  struct sigaction own {};
  struct sigaction current {};
  struct sigaction before {};
  own.sa_handler = [](int) {};
  sigaction(SIGPIPE, &own, &before);
  ignoreBrokenPipe();
  sigaction(SIGPIPE, &before, &current);
  CHECK(current.sa_handler == own.sa_handler);
}

CASE("socket: hot path: counts, EAGAIN, end of file after shutdownWrite, reading goes on") {
  TcpPair tcp;
  char bytes[8];
  CHECK_EQ(recvSome(tcp.server, bytes, 8), -EAGAIN);
  CHECK_EQ(sendSome(tcp.client, "ping", 4), 4);
  CHECK_EQ(shutdownWrite(tcp.client), 0);
  CHECK(isReadyToRead(tcp.server));
  CHECK_EQ(recvSome(tcp.server, bytes, 8), 4);
  CHECK(isReadyToRead(tcp.server));
  CHECK_EQ(recvSome(tcp.server, bytes, 8), 0);
  CHECK_EQ(sendSome(tcp.server, "pong", 4), 4);
  CHECK(isReadyToRead(tcp.client));
  CHECK_EQ(recvSome(tcp.client, bytes, 8), 4);
  CHECK_EQ(sendSome(tcp.client, "x", 1), -EPIPE);
  Pipe pipe;
  CHECK_EQ(sendSome(pipe.writer, "x", 1), -ENOTSOCK);
  CHECK_EQ(recvSome(pipe.reader, bytes, 1), -ENOTSOCK);
}

CASE("FD-09 descriptor: close, and a second close is EBADF") {
  int fds[2];
  REQUIRE(heddle::sys::pipe(fds) == 0);
  checkBorn(fds[0]);
  checkBorn(fds[1]);
  CHECK_EQ(closeFd(fds[0]), 0);
  CHECK_EQ(closeFd(fds[0]), -EBADF);
  CHECK_EQ(closeFd(fds[1]), 0);
  REQUIRE(heddle::sys::pair(fds) == 0);
  checkBorn(fds[0]);
  checkBorn(fds[1]);
  closeFd(fds[0]);
  closeFd(fds[1]);
}

CASE("descriptor: the limit is raised as far as it goes and never lowered") {
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 100;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK_EQ(descriptorLimit(), 100);
  CHECK_EQ(raiseDescriptorLimit(50), 100);
  CHECK_EQ(raiseDescriptorLimit(200), 200);
  CHECK_EQ(descriptorLimit(), 200);
  const int64_t most = raiseDescriptorLimit(INT64_MAX);
  CHECK(most >= 200);
  CHECK_EQ(descriptorLimit(), most);
  CHECK_EQ(raiseDescriptorLimit(INT64_MAX), most);
  setrlimit(RLIMIT_NOFILE, &before);
}

CASE("FD-08 socket: at the descriptor limit accept is EMFILE and the connection stays queued") {
  const Fd listener(listenStream(loopback(), {}));
  Address bound;
  REQUIRE(localAddress(listener, &bound) == 0);
  bool inProgress = false;
  const Fd client(connectStream(bound, &inProgress));
  REQUIRE(client >= 0);
  REQUIRE(isReadyToRead(listener));
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(client) + 1;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK_EQ(acceptStream(listener, nullptr), -EMFILE);
  CHECK_EQ(connectStream(bound, &inProgress), -EMFILE);
  CHECK_EQ(listenStream(loopback(), {}), -EMFILE);
  setrlimit(RLIMIT_NOFILE, &before);
  const Fd server(acceptStream(listener, nullptr));
  CHECK(server >= 0);
}
