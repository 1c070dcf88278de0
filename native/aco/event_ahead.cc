// Reading ahead: lines and frames. What has arrived lies in the event until all of it is there, so
// that a time-out in the middle loses nothing.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "aco/event.h"
#include "aco/event_limit.h"

namespace heddle::aco {
namespace {

// Least bytes asked of the system at a time.
constexpr size_t kChunkBytes = 2048;

// The end of the first occurrence that ends within `size`, 0 when there is none. The bytes before
// `from` have been looked at.
size_t endOf(const uint8_t* bytes, size_t size, size_t from, const uint8_t* delimiter,
             size_t delimiterBytes) {
  size_t at = from < delimiterBytes ? 0 : from - delimiterBytes + 1;
  while (at + delimiterBytes <= size) {
    const size_t room = size - delimiterBytes + 1 - at;
    const void* const found = std::memchr(bytes + at, delimiter[0], room);
    if (found == nullptr) return 0;
    at = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes);
    if (std::memcmp(bytes + at, delimiter, delimiterBytes) == 0) return at + delimiterBytes;
    at++;
  }
  return 0;
}

uint64_t numberIn(const uint8_t* header, const FrameFormat& format) {
  uint64_t number = 0;
  for (unsigned i = 0; i < format.headerBytes; i++) {
    number = number << 8 | header[format.littleEndian ? format.headerBytes - 1 - i : i];
  }
  return number;
}

int64_t failed(const Wait& wait, int64_t error, uint64_t done) {
  if (wait.done != nullptr) *wait.done = done;
  return error;
}

bool isValid(const FrameFormat& format) {
  const unsigned bytes = format.headerBytes;
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

}  // namespace

// Bytes that have come, 0 at the peer's end. Waits as long as there are none.
int64_t Event::readMore(size_t wanted, Limit& limit) {
  while (true) {
    if (const int paced = pace(); paced < 0) return paced;
    const size_t room = std::max(wanted, kChunkBytes);
    uint8_t* const at = ahead_.extend(room);
    if (at == nullptr) return -ENOMEM;
    const int64_t received = receive(at, room);
    if (received > 0) ahead_.commit(static_cast<size_t>(received));
    if (received != -EAGAIN) return received;
    // An idle connection keeps no memory.
    if (ahead_.empty()) {
      Bytes nothing;
      ahead_.swap(nothing);
    }
    const int64_t waited = await(State::kRead, limit);
    if (waited < 0) return waited;
  }
}

int64_t Event::readUntil(void* buffer, size_t size, const void* delimiter, size_t delimiterBytes,
                         const Wait& wait) {
  if (delimiterBytes == 0 || delimiterBytes > size) return failed(wait, -EINVAL, 0);
  if (!runtime_->onItsThread()) return failed(wait, -EAGAIN, 0);
  if (reader_ != nullptr) return failed(wait, -EBUSY, 0);
  const auto* const sought = static_cast<const uint8_t*>(delimiter);
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  for (size_t seen = 0;;) {
    const size_t looked = std::min(ahead_.size(), size);
    const size_t end = endOf(ahead_.data(), looked, seen, sought, delimiterBytes);
    if (end > 0) return failed(wait, static_cast<int64_t>(takeAhead(buffer, end)), end);
    if (looked == size) return failed(wait, -EMSGSIZE, 0);
    seen = looked;
    const int64_t more = readMore(size - looked, limit);
    if (more == 0) return failed(wait, -ENODATA, ahead_.size());
    if (more < 0) return failed(wait, more, 0);
  }
}

int64_t Event::readFrame(void* buffer, size_t size, const FrameFormat& format, const Wait& wait) {
  if (!isValid(format)) return failed(wait, -EINVAL, 0);
  if (!runtime_->onItsThread()) return failed(wait, -EAGAIN, 0);
  if (reader_ != nullptr) return failed(wait, -EBUSY, 0);
  const size_t header = format.headerBytes;
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  for (uint64_t needed = header;;) {
    if (ahead_.size() >= header && needed == header) {
      uint64_t body = numberIn(ahead_.data(), format);
      if (format.countsHeader && body < header) return failed(wait, -EBADMSG, 0);
      if (format.countsHeader) body -= header;
      if (body > size) return failed(wait, -EMSGSIZE, body);
      needed = header + body;
    }
    if (ahead_.size() >= header && ahead_.size() >= needed) break;
    const int64_t more = readMore(needed - ahead_.size(), limit);
    if (more == 0) return failed(wait, -ENODATA, ahead_.size());
    if (more < 0) return failed(wait, more, 0);
  }
  const uint64_t number = numberIn(ahead_.data(), format);
  const auto body = static_cast<size_t>(format.countsHeader ? number - header : number);
  ahead_.removeFront(header);
  return failed(wait, static_cast<int64_t>(takeAhead(buffer, body)), body);
}

}  // namespace heddle::aco
