// Responses: from records to bytes, in the order of the requests.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/http.h"
#include "net/net.h"

namespace heddle::net {

using loop::In;
using loop::Out;
using loop::RespondFlag;

namespace {
// What is left of an unwanted body is read and dropped up to this size; beyond it closing is
// cheaper.
constexpr int64_t kDiscardBytes = 262'144;
// Header lines of one response. With the head's own bytes they fit the writer's scratch.
constexpr uint32_t kMaxLinesBytes = Writer::kScratchBytes / 2;

using Sides = mem::Typed<HttpSide, mem::Builtin::kHttpSide>;
using HeldResponses = mem::Typed<HeldResponse, mem::Builtin::kHeldResponse>;
}  // namespace

HttpSide* Http::side(Connection* c) {
  if (c->side == nullptr) c->side = Sides::make();
  if (c->side == nullptr) net_->fail(c, ENOMEM);
  return c->side;
}

void Http::trim(Connection* c) {
  if (c->side == nullptr || !c->side->idle() || c->side->partialHead) return;
  detach(c);
}

void Http::detach(Connection* c) {
  HttpSide* const s = c->side;
  if (s == nullptr) return;
  c->side = nullptr;
  mem::release(mem::builtinType(mem::Builtin::kMessageBody), s->kept);
  while (s->held != nullptr) HeldResponses::destroy(std::exchange(s->held, s->held->next));
  Sides::destroy(s);
}

size_t Http::keptBytes(const Connection* c) {
  if (c->side == nullptr) return 0;
  size_t bytes = c->side->keptBytes;
  for (const HeldResponse* h = c->side->held; h != nullptr; h = h->next) bytes += h->bytes.size();
  return bytes;
}

bool Http::mustLinger(const Connection* c) const {
  if (c->has(Connection::kEnded)) return false;
  return c->has(Connection::kUnread) || inBody(c) || sys::hasUnread(c->fd);
}

bool Http::mayAnswer(const Connection* c, uint8_t seq) const {
  if (!c->isOutstanding(seq)) return false;
  return c->side == nullptr || (c->side->doneBits & seqBit(seq)) == 0;
}

// Whether the connection ends with this response. Once said it holds: no further request is read.
bool Http::closesAfter(const Connection* c, uint8_t seq, uint32_t flags) const {
  if ((flags & RespondFlag::CLOSE) != 0 || (c->closeBits & seqBit(seq)) != 0) return true;
  if (!inBody(c) || c->side->bodySeq != seq) return false;
  // A client that still waits for 100 Continue may or may not send the body now; a long rest is not
  // worth reading.
  if (c->side->continueDue) return true;
  return !c->side->wanted && c->side->remaining > kDiscardBytes;  // who wants it may read it all
}

void Http::record(Connection* c, const int32_t* record) {
  // Nothing follows the response that ends the connection.
  if (c->has(Connection::kCloseWhenSent) && (record[0] & 0xff) != Out::HTTP_DESTROY) return;
  const auto seq = static_cast<uint8_t>(record[2]);
  switch (record[0] & 0xff) {
    case Out::HTTP_RESPOND:
      return respond(c, record);
    case Out::HTTP_HEAD:
      return beginStream(c, record);
    case Out::HTTP_CHUNK: {
      const auto offset = static_cast<uint32_t>(record[3]);
      const auto size = static_cast<uint32_t>(record[4]);
      const loop::PortMemory& memory = net_->port().memory();
      if (offset > memory.sendBytes || size > memory.sendBytes - offset) return;
      return streamChunk(c, seq, memory.send + offset, size);
    }
    case Out::HTTP_END:
      return endStream(c, seq);
    case Out::HTTP_BODY_RESUME:
      return resumeBody(c, seq);
    case Out::HTTP_BODY_PAUSE:
      return pauseBody(c, seq);
    case Out::HTTP_WANT_DRAIN:
      if (!mayAnswer(c, seq)) return;
      net_->writer().settle(c);
      if (HttpSide* const s = side(c); s != nullptr) s->wantDrainBits |= seqBit(seq);
      return waterMarks(c);
    case Out::HTTP_DESTROY:
      sys::setLinger(c->fd, 0);
      return net_->fail(c, ECONNABORTED);
    default:
      return;
  }
}

void Http::respond(Connection* c, const int32_t* record) {
  const auto word = static_cast<uint32_t>(record[2]);
  const auto seq = static_cast<uint8_t>(word);
  const auto flags = static_cast<uint32_t>(record[3]);
  const auto offset = static_cast<uint32_t>(record[4]);
  const auto linesSize = static_cast<uint32_t>(record[5]);
  const auto bodySize = static_cast<uint32_t>(record[6]);
  const loop::PortMemory& memory = net_->port().memory();
  if (!mayAnswer(c, seq) || linesSize > kMaxLinesBytes) return;
  if (offset > memory.sendBytes || uint64_t{offset} + linesSize + bodySize > memory.sendBytes)
    return;
  if (c->side != nullptr && (c->side->begunBits & seqBit(seq)) != 0) return;
  ResponseParts parts;
  parts.status = word >> 8;
  parts.length = bodySize;
  parts.hasDate = (flags & RespondFlag::HAS_DATE) != 0;
  parts.lines = memory.send + offset;
  parts.linesSize = linesSize;
  const bool bodyless = isBodyless(parts.status);
  if (bodyless || (flags & RespondFlag::HAS_LENGTH) != 0)
    parts.framing = ResponseParts::Framing::kNone;
  parts.close = closesAfter(c, seq, flags);
  const bool silent = bodyless || (c->headBits & seqBit(seq)) != 0;
  writeWhole(c, seq, parts, memory.send + offset + linesSize, silent ? 0 : bodySize);
  finish(c, seq);
}

void Http::writeWhole(Connection* c, uint8_t seq, const ResponseParts& given, const uint8_t* body,
                      uint32_t bodySize) {
  ResponseParts parts = given;
  if (parts.close) {
    c->closeBits |= seqBit(seq);
    c->set(Connection::kStopped);
  } else {
    parts.keepAliveLine = (c->oldBits & seqBit(seq)) != 0;
  }
  if (seq != c->firstSeq) return writeHeld(c, seq, parts, body, bodySize);
  const uint32_t headMax = ResponseHead::kMaxOwnBytes + parts.linesSize;
  Writer& writer = net_->writer();
  if (headMax + bodySize <= Writer::kScratchBytes) [[likely]] {
    uint8_t* const out = writer.room(c, headMax + bodySize);
    const uint32_t size = head_.write(out, parts, net_->nowNs());
    if (bodySize > 0) std::memcpy(out + size, body, bodySize);
    return writer.commit(size + bodySize);
  }
  uint8_t* const out = writer.room(c, headMax);
  writer.commit(head_.write(out, parts, net_->nowNs()));
  writer.settle(c);
  writer.span(c, body, bodySize);
}

void Http::writeHeld(Connection* c, uint8_t seq, const ResponseParts& parts, const uint8_t* body,
                     uint32_t bodySize) {
  HeldResponse* const held = heldFor(c, seq);
  if (held == nullptr) return;
  const size_t headMax = ResponseHead::kMaxOwnBytes + parts.linesSize;
  uint8_t* const out = held->bytes.extend(headMax + bodySize);
  if (out == nullptr) return net_->fail(c, ENOMEM);
  const uint32_t size = head_.write(out, parts, net_->nowNs());
  if (bodySize > 0) std::memcpy(out + size, body, bodySize);
  held->bytes.commit(size + bodySize);
}

void Http::beginStream(Connection* c, const int32_t* record) {
  const auto word = static_cast<uint32_t>(record[2]);
  const auto seq = static_cast<uint8_t>(word);
  const uint32_t bit = seqBit(seq);
  const auto flags = static_cast<uint32_t>(record[3]);
  const auto offset = static_cast<uint32_t>(record[4]);
  const auto linesSize = static_cast<uint32_t>(record[5]);
  double length;
  std::memcpy(&length, record + 6, sizeof(length));
  const loop::PortMemory& memory = net_->port().memory();
  if (!mayAnswer(c, seq) || linesSize > kMaxLinesBytes) return;
  if (offset > memory.sendBytes || linesSize > memory.sendBytes - offset) return;
  HttpSide* const s = side(c);
  if (s == nullptr || (s->begunBits & bit) != 0) return;
  s->begunBits |= bit;
  s->chunkedBits &= ~bit;
  ResponseParts parts;
  parts.status = word >> 8;
  parts.hasDate = (flags & RespondFlag::HAS_DATE) != 0;
  parts.lines = memory.send + offset;
  parts.linesSize = linesSize;
  parts.close = closesAfter(c, seq, flags);
  if (isBodyless(parts.status)) {
    parts.framing = ResponseParts::Framing::kNone;
    c->headBits |= bit;  // from here on the same as HEAD: no body is written
  } else if ((flags & RespondFlag::HAS_LENGTH) != 0) {
    parts.framing = ResponseParts::Framing::kNone;
  } else if (length >= 0) {
    parts.length = static_cast<int64_t>(length);
  } else if ((c->oldBits & bit) != 0) {
    parts.framing = ResponseParts::Framing::kUntilClose;
    parts.close = true;
  } else {
    parts.framing = ResponseParts::Framing::kChunked;
    s->chunkedBits |= bit;
  }
  writeWhole(c, seq, parts, nullptr, 0);
}

void Http::streamChunk(Connection* c, uint8_t seq, const uint8_t* data, uint32_t size) {
  const uint32_t bit = seqBit(seq);
  if (size == 0 || !mayAnswer(c, seq) || c->side == nullptr) return;
  if ((c->side->begunBits & bit) == 0 || (c->headBits & bit) != 0) return;
  const bool chunked = (c->side->chunkedBits & bit) != 0;
  if (chunked) appendChunkSize(c, seq, size);
  append(c, seq, data, size);
  if (chunked) append(c, seq, reinterpret_cast<const uint8_t*>("\r\n"), 2);
  watchHeld(c, seq);
}

void Http::appendChunkSize(Connection* c, uint8_t seq, uint64_t size) {
  uint8_t line[20];
  uint32_t at = sizeof(line);
  line[--at] = '\n';
  line[--at] = '\r';
  do {
    line[--at] = static_cast<uint8_t>("0123456789abcdef"[size & 15]);
    size >>= 4;
  } while (size != 0);
  append(c, seq, line + at, static_cast<uint32_t>(sizeof(line)) - at);
}

// Bytes that may be gone after this call are copied; those of the send slab stay until the writer
// settles.
void Http::append(Connection* c, uint8_t seq, const uint8_t* data, uint32_t size) {
  if (seq != c->firstSeq) return appendHeld(c, seq, data, size);
  Writer& writer = net_->writer();
  if (size > Writer::kScratchBytes / 2) {
    writer.settle(c);
    return writer.span(c, data, size);
  }
  std::memcpy(writer.room(c, size), data, size);
  writer.commit(size);
}

void Http::appendHeld(Connection* c, uint8_t seq, const uint8_t* data, size_t size) {
  // After a gap nothing may follow.
  if (c->has(Connection::kFailed)) return;
  HeldResponse* const held = heldFor(c, seq);
  if (held != nullptr && !held->bytes.append(data, size)) net_->fail(c, ENOMEM);
}

int Http::writeBlock(Connection* c, uint8_t seq, const Block& block, bool* kept) {
  const uint32_t bit = seqBit(seq);
  if (!mayAnswer(c, seq) || c->side == nullptr || (c->side->begunBits & bit) == 0) return -EPIPE;
  if ((c->headBits & bit) != 0 || block.size == 0) return 0;
  const bool chunked = (c->side->chunkedBits & bit) != 0;
  if (chunked) appendChunkSize(c, seq, block.size);
  if (seq == c->firstSeq) {
    const int sent = net_->sendBlock(c, block, kept);
    if (sent < 0) return sent;
  } else {
    appendHeld(c, seq, block.data, block.size);
    if (c->has(Connection::kFailed)) return -c->error;
  }
  if (chunked) append(c, seq, reinterpret_cast<const uint8_t*>("\r\n"), 2);
  watchHeld(c, seq);
  net_->writer().settle(c);
  return 0;
}

void Http::endStream(Connection* c, uint8_t seq) {
  const uint32_t bit = seqBit(seq);
  if (!mayAnswer(c, seq) || c->side == nullptr || (c->side->begunBits & bit) == 0) return;
  if ((c->side->chunkedBits & bit) != 0 && (c->headBits & bit) == 0) {
    append(c, seq, reinterpret_cast<const uint8_t*>("0\r\n\r\n"), 5);
  }
  finish(c, seq);
}

void Http::finish(Connection* c, uint8_t seq) {
  settleBodyOf(c, seq);
  if (seq == c->firstSeq) return advance(c);
  HeldResponse* const held = heldFor(c, seq);
  if (held == nullptr) return;
  held->complete = true;
  c->side->doneBits |= seqBit(seq);
}

// A request is answered before its body has been read: drop the rest, unless the connection ends
// anyway.
void Http::settleBodyOf(Connection* c, uint8_t seq) {
  if (!inBody(c) || c->side->bodySeq != seq) return;
  if (c->side->remaining > kDiscardBytes) c->closeBits |= seqBit(seq);
  if ((c->closeBits & seqBit(seq)) != 0) {
    c->set(Connection::kStopped | Connection::kUnread);
    endBody(c);
    return;
  }
  restartClock(c->side);
  c->side->discard = true;
  release(c);
}

void Http::advance(Connection* c) {
  while (true) {
    const uint32_t bit = seqBit(c->firstSeq);
    HttpSide* const s = c->side;
    if (s != nullptr) {
      s->begunBits &= ~bit;
      s->doneBits &= ~bit;
      s->chunkedBits &= ~bit;
      s->blockedBits &= ~bit;
      s->wantDrainBits &= ~bit;
    }
    c->firstSeq++;
    if ((c->closeBits & bit) != 0) {
      c->set(Connection::kStopped | Connection::kCloseWhenSent);
      return net_->settleLater(c);
    }
    if (s == nullptr || !promote(c)) break;
  }
  if (c->side == nullptr) return;
  release(c);
  trim(c);
}

// The next response in line may write now. True when it was complete already.
bool Http::promote(Connection* c) {
  HttpSide* const s = c->side;
  const uint8_t seq = c->firstSeq;
  if (s->continueDue && s->wanted && s->bodySeq == seq) sendContinue(c);
  HeldResponse** link = &s->held;
  while (*link != nullptr && (*link)->seq != seq) link = &(*link)->next;
  HeldResponse* const held = *link;
  if (held == nullptr) return false;
  *link = held->next;
  const uint8_t* data = held->bytes.data();
  for (size_t left = held->bytes.size(); left > 0;) {
    const auto part = static_cast<uint32_t>(std::min<size_t>(left, Writer::kScratchBytes));
    std::memcpy(net_->writer().room(c, part), data, part);
    net_->writer().commit(part);
    data += part;
    left -= part;
  }
  const bool complete = held->complete;
  HeldResponses::destroy(held);
  if (!complete) {
    net_->writer().settle(c);
    waterMarks(c);
  }
  return complete;
}

HeldResponse* Http::heldFor(Connection* c, uint8_t seq) {
  HttpSide* const s = side(c);
  if (s == nullptr) return nullptr;
  for (HeldResponse* h = s->held; h != nullptr; h = h->next) {
    if (h->seq == seq) return h;
  }
  HeldResponse* const held = HeldResponses::make();
  if (held == nullptr) {
    net_->fail(c, ENOMEM);
    return nullptr;
  }
  held->seq = seq;
  held->next = s->held;
  s->held = held;
  return held;
}

void Http::watchHeld(Connection* c, uint8_t seq) {
  if (seq == c->firstSeq) return;
  const HeldResponse* const held = heldFor(c, seq);
  if (held == nullptr) return;
  const size_t size = held->bytes.size();
  if (size > c->settings->maxWriteBufferBytes) return net_->overflow(c);
  const uint32_t bit = seqBit(seq);
  if (size <= c->settings->highWaterBytes || (c->side->blockedBits & bit) != 0) return;
  c->side->blockedBits |= bit;
  net_->port().emit(In::HTTP_BLOCKED, c->handle, seq);
}

void Http::waterMarks(Connection* c) {
  HttpSide* const s = c->side;
  if (c->has(Connection::kHold) && mayTakeRequest(c)) release(c);
  if (s == nullptr || c->outstanding() == 0) return;
  const uint8_t seq = c->firstSeq;
  const uint32_t bit = seqBit(seq);
  if (c->pending() > c->settings->highWaterBytes) {
    if ((s->begunBits & bit) == 0 || (s->blockedBits & bit) != 0) return;
    s->blockedBits |= bit;
    net_->port().emit(In::HTTP_BLOCKED, c->handle, seq);
    return;
  }
  if (c->pending() > c->settings->lowWaterBytes) return;
  if (((s->blockedBits | s->wantDrainBits) & bit) == 0) return;
  s->blockedBits &= ~bit;
  s->wantDrainBits &= ~bit;
  net_->port().emit(In::HTTP_DRAIN, c->handle, seq);
}

}  // namespace heddle::net
