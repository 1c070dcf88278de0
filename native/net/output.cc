#include "net/output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/socket.h"

namespace heddle::net {

struct Output::Segment {
  Segment* next;
  const uint8_t* data;
  size_t begin;  // what lies before was sent
  size_t end;
  size_t capacity;  // of an owned segment, 0 for a block
  Block block;

  uint8_t* own() { return reinterpret_cast<uint8_t*>(this + 1); }
  bool isThere() const { return block.isThere == nullptr || block.isThere(block.context); }
};

namespace {
// With its head a segment fills a size class.
constexpr size_t kSegmentBytes = 16384;
constexpr int kVectors = 16;

void* allocateSegment(size_t bytes) {
  return mem::allocateBytes(mem::builtinType(mem::Builtin::kSegment), bytes);
}
}  // namespace

Output::~Output() { consume(pending_); }

void Output::append(Segment* segment) {
  segment->next = nullptr;
  if (tail_ == nullptr) {
    head_ = segment;
  } else {
    tail_->next = segment;
  }
  tail_ = segment;
}

int Output::copy(const uint8_t* data, size_t size) {
  if (tail_ != nullptr && tail_->capacity > 0) {
    const size_t fits = std::min(size, tail_->capacity - tail_->end);
    std::memcpy(tail_->own() + tail_->end, data, fits);
    tail_->end += fits;
    pending_ += fits;
    data += fits;
    size -= fits;
  }
  if (size == 0) return 0;
  const size_t capacity = std::max(size, kSegmentBytes - sizeof(Segment));
  auto* segment = static_cast<Segment*>(allocateSegment(sizeof(Segment) + capacity));
  if (segment == nullptr) return -ENOMEM;
  *segment = Segment{nullptr, segment->own(), 0, size, capacity, {}};
  std::memcpy(segment->own(), data, size);
  append(segment);
  pending_ += size;
  return 0;
}

int Output::refer(const Block& block, size_t offset) {
  auto* segment = static_cast<Segment*>(allocateSegment(sizeof(Segment)));
  if (segment == nullptr) return -ENOMEM;
  *segment = Segment{nullptr, block.data, offset, block.size, 0, block};
  append(segment);
  pending_ += block.size - offset;
  return 0;
}

void Output::consume(size_t bytes) {
  pending_ -= bytes;
  while (head_ != nullptr) {
    const size_t take = std::min(bytes, head_->end - head_->begin);
    head_->begin += take;
    bytes -= take;
    if (head_->begin < head_->end) return;
    Segment* const done = head_;
    head_ = done->next;
    if (head_ == nullptr) tail_ = nullptr;
    if (done->block.release != nullptr) done->block.release(done->block.context);
    mem::release(mem::builtinType(mem::Builtin::kSegment), done);
  }
}

int64_t Output::sendTo(int fd) {
  int64_t total = 0;
  while (pending_ > 0) {
    iovec parts[kVectors];
    int count = 0;
    size_t offered = 0;
    for (Segment* s = head_; s != nullptr && count < kVectors; s = s->next) {
      if (!s->isThere()) {
        if (count == 0) return -EFAULT;
        break;  // what stands before it still leaves
      }
      parts[count++] = {const_cast<uint8_t*>(s->data) + s->begin, s->end - s->begin};
      offered += s->end - s->begin;
    }
    const int64_t sent = sys::writeVector(fd, parts, count);
    if (sent == -EAGAIN) return total;
    if (sent < 0) return sent;
    total += sent;
    consume(static_cast<size_t>(sent));
    if (static_cast<size_t>(sent) < offered) return total;
  }
  return total;
}

}  // namespace heddle::net
