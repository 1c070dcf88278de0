// Names of hosts: 'heddle:dns.lookup'. As the system resolves them, which may take as long as its
// time-outs: a queue of its own keeps other work from waiting behind.

#include <cerrno>
#include <cstring>

#include "job/builtin.h"
#include "job/output.h"
#include "job/request.h"
#include "sys/host_addresses.h"

namespace heddle::job {
namespace {

// One byte for the family, 4 or 6, one for the length, and the text.
bool append(const sys::Address& address, Output* out) {
  uint8_t entry[2 + sys::kHostTextBytes];
  const int length =
      sys::formatHost(address, reinterpret_cast<char*>(entry) + 2, sys::kHostTextBytes);
  if (length < 0) return true;  // no text, no use
  entry[0] = static_cast<uint8_t>(sys::familyOf(address));
  entry[1] = static_cast<uint8_t>(length);
  return out->append(entry, 2 + static_cast<size_t>(length));
}

}  // namespace

void lookUpHost(NativeCall& call) {
  Request request(call.input(), call.size());
  const char* const host = request.text();
  const auto family = static_cast<sys::Family>(request.number());
  const bool known =
      family == sys::Family::kOther || family == sys::Family::kIpv4 || family == sys::Family::kIpv6;
  if (!request.ok() || !known) return call.fail(-EINVAL);
  sys::HostAddresses addresses;
  const int error = addresses.ask(host, family);
  if (error != 0) return call.fail(error);
  Output out(&call);
  sys::Address address;
  while (addresses.next(&address)) {
    if (!append(address, &out)) return call.fail(-ENOMEM);
  }
  out.give();
}

}  // namespace heddle::job
