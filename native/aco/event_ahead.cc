// Reading ahead: lines and frames. What has arrived lies in the event until all of it is there, so
// that a time-out in the middle loses nothing.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "aco/event.h"
#include "aco/event_limit.h"
#include "aco/event_wait.h"

namespace heddle::aco {
namespace {

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
    if (delimiterBytes == 1 || std::memcmp(bytes + at, delimiter, delimiterBytes) == 0)
      return at + delimiterBytes;
    at++;
  }
  return 0;
}

// The processor's order is the little one.
template <class T>
uint64_t numberIn(const uint8_t* header, bool littleEndian) {
  T number;
  std::memcpy(&number, header, sizeof number);
  if (littleEndian) return number;
  return __builtin_bswap64(uint64_t{number}) >> (64 - 8 * sizeof(T));
}

uint64_t numberIn(const uint8_t* header, const FrameFormat& format) {
  switch (format.headerBytes) {
    case 1:
      return header[0];
    case 2:
      return numberIn<uint16_t>(header, format.littleEndian);
    case 4:
      return numberIn<uint32_t>(header, format.littleEndian);
    default:
      return numberIn<uint64_t>(header, format.littleEndian);
  }
}
static_assert(std::endian::native == std::endian::little);

int64_t finished(const Wait& wait, int64_t result, uint64_t done) {
  if (wait.done != nullptr) *wait.done = done;
  return result;
}

bool isValid(const FrameFormat& format) {
  const unsigned bytes = format.headerBytes;
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

}  // namespace

// Bytes that have come, 0 at the peer's end. Waits as long as there are none.
int64_t Event::readMore(size_t wanted, Limit& limit) {
  return untilRead(limit, [this, wanted]() -> int64_t {
    const size_t portion = ahead_.portion(wanted);
    uint8_t* const at = ahead_.room(portion);
    if (at == nullptr) return -ENOMEM;
    const int64_t received = receive(at, portion);
    if (received > 0) ahead_.commit(static_cast<size_t>(received), portion);
    return received;
  });
}

int64_t Event::readUntil(void* buffer, size_t size, const void* delimiter, size_t delimiterBytes,
                         const Wait& wait) {
  if (delimiterBytes == 0 || delimiterBytes > size) return finished(wait, -EINVAL, 0);
  if (!runtime_->onItsThread()) return finished(wait, -EAGAIN, 0);
  if (reader_ != nullptr) return finished(wait, -EBUSY, 0);
  const auto* const sought = static_cast<const uint8_t*>(delimiter);
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  for (size_t seen = 0;;) {
    const size_t looked = std::min(ahead_.size(), size);
    const size_t end = endOf(ahead_.data(), looked, seen, sought, delimiterBytes);
    if (end > 0) return finished(wait, static_cast<int64_t>(ahead_.take(buffer, end)), end);
    if (looked == size) return finished(wait, -EMSGSIZE, 0);
    seen = looked;
    const int64_t more = readMore(size - looked, limit);
    if (more == 0) return finished(wait, -ENODATA, ahead_.size());
    if (more < 0) return finished(wait, more, 0);
  }
}

int64_t Event::readFrame(void* buffer, size_t size, const FrameFormat& format, const Wait& wait) {
  if (!isValid(format)) return finished(wait, -EINVAL, 0);
  if (!runtime_->onItsThread()) return finished(wait, -EAGAIN, 0);
  if (reader_ != nullptr) return finished(wait, -EBUSY, 0);
  const size_t header = format.headerBytes;
  Limit limit(wait.timeoutNs, readTimeoutNs_);
  while (true) {
    const size_t there = ahead_.size();
    uint64_t needed = header;
    if (there >= header) {
      uint64_t body = numberIn(ahead_.data(), format);
      if (format.countsHeader && body < header) return finished(wait, -EBADMSG, 0);
      if (format.countsHeader) body -= header;
      if (body > size) return finished(wait, -EMSGSIZE, body);
      needed += body;
      if (there >= needed) {
        ahead_.skip(header);
        const size_t taken = ahead_.take(buffer, static_cast<size_t>(body));
        return finished(wait, static_cast<int64_t>(taken), taken);
      }
    }
    const int64_t more = readMore(needed - there, limit);
    if (more == 0) return finished(wait, -ENODATA, there);
    if (more < 0) return finished(wait, more, 0);
  }
}

}  // namespace heddle::aco
