// Requests: from bytes to records.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/http.h"
#include "net/http_names.h"
#include "net/net.h"

namespace heddle::net {

using loop::CloseReason;
using loop::In;
using loop::RequestFlag;

namespace {
constexpr uint32_t kReadBytes = 65536;
constexpr uint32_t kLeastRoom = 4096;
constexpr uint32_t kFixedWords = 11;
constexpr uint32_t kIndexWords = 8;
constexpr uint32_t kRequestWords = kFixedWords + kIndexWords;
constexpr uint8_t kSearch = 0xff;
static_assert(kFieldCount <= 4 * kIndexWords);
static_assert(kRequestWords + 2 * kMaxHeaders <= loop::Port::kLongestRecord);

// So that JS finds a known header without looking through all: byte i is for the name with the id
// i, see INDEX_WORDS in lib/backend/protocol.ts.
void indexFields(const HttpHead& head, int32_t* words) {
  uint8_t index[4 * kIndexWords] = {};
  for (uint32_t i = 0; i < head.headerCount; i++) {
    uint8_t& place = index[head.headers[i].knownId];
    place = place == 0 && i + 1 < kSearch ? static_cast<uint8_t>(i + 1) : kSearch;
  }
  std::memcpy(words, index, sizeof(index));
}
}  // namespace

// What lies in the receive slab, from `offset`, and how far it has been dealt with.
struct Http::Input {
  const char* data;
  uint32_t offset;
  uint32_t size;
  uint32_t at;
  bool used;  // records point into it, so it must stay until they are dispatched

  uint32_t left() const { return size - at; }
};

void Http::read(Connection* c) {
  loop::Port& port = net_->port();
  if (!port.hasRoom()) return;
  if (c->has(Connection::kLinger)) return discardInput(c);
  const uint32_t kept = c->side == nullptr ? 0 : c->side->keptBytes;
  const uint32_t room = port.recvRoom();
  if (room < kept + kLeastRoom) return port.lackRoom();
  uint8_t* const base = port.recvCursor();
  const int64_t n = sys::recvSome(c->fd, base + kept, std::min(room - kept, kReadBytes));
  if (n == -EAGAIN) return;
  if (n < 0) return net_->destroy(c, static_cast<int>(-n), CloseReason::ERROR);
  if (n == 0) return endOfInput(c);
  c->activeMs = net_->nowMs();
  if (kept > 0) takeKept(c->side, base);
  consume(c, port.recvOffset(), kept + static_cast<uint32_t>(n));
}

void Http::again(Connection* c) {
  HttpSide* const side = c->side;
  if (side == nullptr || side->kept == nullptr) return net_->updateInterest(c);
  loop::Port& port = net_->port();
  if (!port.hasRoom() || port.recvRoom() < side->keptBytes) return net_->queue(c);
  consume(c, port.recvOffset(), takeKept(side, port.recvCursor()));
  if (!c->has(Connection::kFailed)) net_->updateInterest(c);
}

void Http::consume(Connection* c, uint32_t offset, uint32_t size) {
  loop::Port& port = net_->port();
  Input input{reinterpret_cast<const char*>(port.memory().recv + offset), offset, size, 0, false};
  bool more = true;
  while (more && !c->has(Connection::kFailed)) {
    if (inBody(c)) {
      more = takeBody(c, &input);
    } else if (c->has(Connection::kStopped)) {
      break;
    } else {
      more = takeRequest(c, &input);
    }
  }
  const bool stopped = c->has(Connection::kStopped) && !inBody(c);
  if (input.left() > 0 && stopped) c->set(Connection::kUnread);
  if (input.left() > 0 && !stopped && !c->has(Connection::kFailed)) keep(c, input);
  if (input.used) port.commitRecv(size);
  trim(c);
}

void Http::keep(Connection* c, const Input& input) {
  HttpSide* const s = side(c);
  if (s == nullptr) return;
  const uint32_t left = input.left();
  s->kept =
      static_cast<uint8_t*>(mem::allocateBytes(mem::builtinType(mem::Builtin::kMessageBody), left));
  if (s->kept == nullptr) return net_->fail(c, ENOMEM);
  std::memcpy(s->kept, input.data + input.at, left);
  s->keptBytes = left;
}

// Moves the kept input to where it is dealt with, and returns its size.
uint32_t Http::takeKept(HttpSide* s, uint8_t* to) {
  const uint32_t size = s->keptBytes;
  std::memcpy(to, s->kept, size);
  mem::release(mem::builtinType(mem::Builtin::kMessageBody), s->kept);
  s->kept = nullptr;
  s->keptBytes = 0;
  return size;
}

void Http::hold(Connection* c) {
  c->set(Connection::kHold);
  net_->updateInterest(c);
}

void Http::release(Connection* c) {
  const bool kept = c->side != nullptr && c->side->kept != nullptr;
  if (kept) net_->queue(c);
  if (!c->has(Connection::kHold)) return;
  c->clear(Connection::kHold);
  net_->settleLater(c);
}

// A client that does not take its answers gets no further ones, whatever it sent ahead.
bool Http::mayTakeRequest(const Connection* c) const {
  if (inBody(c) || c->pending() > c->settings->highWaterBytes) return false;
  return c->outstanding() < c->settings->httpSettings.maxPipelined;
}

bool Http::takeRequest(Connection* c, Input* input) {
  if (input->left() == 0) return false;
  loop::Port& port = net_->port();
  if (!mayTakeRequest(c)) {
    hold(c);
    return false;
  }
  if (!port.hasRoom()) {
    net_->queue(c);
    return false;
  }
  // The parser writes the headers where the record will have them.
  int32_t* const record = port.tail();
  HttpHead head;
  head.headers = reinterpret_cast<HttpHeader*>(record + kRequestWords);
  if (!parseNext(c, *input, &head)) return false;

  const uint8_t seq = admit(c, head);
  const uint32_t headOffset = input->offset + input->at + head.skipped;
  input->at += head.skipped + head.headBytes;
  const uint32_t bodyOffset = input->offset + input->at;
  uint32_t flags = head.keepAlive ? uint32_t{RequestFlag::KEEP_ALIVE} : 0;
  if (head.http10) flags |= RequestFlag::HTTP_1_0;
  if (head.chunked || head.contentLength > 0) flags |= expectBody(c, seq, head, input);
  if (c->side != nullptr && c->side->partialHead) {
    c->side->partialHead = false;
    c->side->scanned = 0;
  }

  port.append(In::HTTP_REQUEST, kRequestWords + 2 * head.headerCount);
  record[1] = static_cast<int32_t>(c->settings->listener);
  record[2] = static_cast<int32_t>(c->handle);
  record[3] = static_cast<int32_t>(seq | flags << 8 | static_cast<uint32_t>(head.method) << 24);
  record[4] = static_cast<int32_t>(headOffset);
  record[5] = static_cast<int32_t>(head.headBytes);
  record[6] = static_cast<int32_t>(headOffset + head.targetOff);
  record[7] = static_cast<int32_t>(head.targetLen);
  record[8] = static_cast<int32_t>(head.headerCount);
  record[9] = static_cast<int32_t>(bodyOffset);
  record[10] = static_cast<int32_t>(input->offset + input->at - bodyOffset);
  indexFields(head, record + kFixedWords);
  input->used = true;
  return true;
}

// True when a whole, acceptable head was read. Otherwise the connection waits for more or was
// refused.
bool Http::parseNext(Connection* c, const Input& input, HttpHead* head) {
  const HttpSettings& settings = c->settings->httpSettings;
  const bool partial = c->side != nullptr && c->side->partialHead;
  uint32_t scanned = partial ? c->side->scanned : 0;
  const HttpVerdict verdict =
      parseHead(input.data + input.at, input.left(), settings.limits, &scanned, head);
  if (verdict == HttpVerdict::kDone && head->contentLength <= settings.maxBodyBytes) return true;
  if (verdict == HttpVerdict::kNeedMore) {
    HttpSide* const s = side(c);
    if (s == nullptr) return false;
    if (!partial) s->startedMs = net_->nowMs();
    s->partialHead = true;
    s->scanned = scanned;
    return false;
  }
  refuse(c, verdict == HttpVerdict::kRefused ? head->status : uint16_t{413});
  return false;
}

// Gives the request its sequence number and notes what its response has to know.
uint8_t Http::admit(Connection* c, const HttpHead& head) {
  const HttpSettings& settings = c->settings->httpSettings;
  const uint8_t seq = c->nextSeq++;
  const uint32_t bit = seqBit(seq);
  const bool isHead = head.method == static_cast<uint8_t>(HttpMethod::kHead);
  c->headBits = (c->headBits & ~bit) | (isHead ? bit : 0);
  c->oldBits = (c->oldBits & ~bit) | (head.http10 ? bit : 0);
  c->closeBits &= ~bit;
  c->requests++;
  const bool last =
      settings.maxRequestsPerConnection != 0 && c->requests >= settings.maxRequestsPerConnection;
  if (!head.keepAlive || last || c->settings->draining) {
    c->closeBits |= bit;
    c->set(Connection::kStopped);
  }
  return seq;
}

// Takes a body that is here as a whole, or prepares for one that is to come. Returns the request's
// flags.
uint32_t Http::expectBody(Connection* c, uint8_t seq, const HttpHead& head, Input* input) {
  // The request began with its first byte, not with the read that completed its head.
  const bool partial = c->side != nullptr && c->side->partialHead;
  const uint32_t startedMs = partial ? c->side->startedMs : net_->nowMs();
  uint32_t flags = RequestFlag::HAS_BODY;
  if (!head.chunked && head.contentLength <= input->left()) {
    input->at += static_cast<uint32_t>(head.contentLength);
    return flags | RequestFlag::BODY_COMPLETE;
  }
  HttpSide* const s = side(c);
  if (s == nullptr) return flags;  // of a request that is aborted as soon as it is known
  s->body = head.chunked ? HttpSide::Body::kChunked : HttpSide::Body::kLength;
  s->bodySeq = seq;
  s->wanted = false;
  s->discard = false;
  s->remaining = head.contentLength;
  s->received = 0;
  s->startedMs = startedMs;
  s->restedMs = net_->nowMs();
  s->chunks.reset(c->settings->httpSettings.limits.maxHeadBytes);
  s->continueDue = head.expectContinue && input->left() == 0;
  if (head.chunked) flags |= RequestFlag::CHUNKED;
  if (s->continueDue) flags |= RequestFlag::EXPECT_CONTINUE;
  return flags;
}

void Http::emitBody(Connection* c, const Input& input, uint32_t at, uint32_t size, bool last) {
  net_->port().emit(In::HTTP_BODY, c->handle, c->side->bodySeq, input.offset + at, size,
                    last ? 1 : 0);
}

bool Http::takeBody(Connection* c, Input* input) {
  HttpSide* const s = c->side;
  if (input->left() == 0) return false;
  if (!s->wanted && !s->discard) {
    hold(c);
    return false;
  }
  if (!net_->port().hasRoom()) {
    net_->queue(c);
    return false;
  }
  s->continueDue = false;  // the client did not wait for it
  if (s->body == HttpSide::Body::kChunked) return takeChunks(c, input);
  const auto take = static_cast<uint32_t>(std::min<int64_t>(input->left(), s->remaining));
  s->remaining -= take;
  if (!s->discard) {
    emitBody(c, *input, input->at, take, s->remaining == 0);
    input->used = true;
  }
  input->at += take;
  if (s->remaining == 0) endBody(c);
  return true;
}

bool Http::takeChunks(Connection* c, Input* input) {
  HttpSide* const s = c->side;
  while (input->left() > 0) {
    if (!net_->port().hasRoom()) {
      net_->queue(c);
      return false;
    }
    const ChunkedDecoder::Step step = s->chunks.next(input->data + input->at, input->left());
    if (step.verdict == HttpVerdict::kRefused) {
      abortBody(c, EPROTO, 400);
      return false;
    }
    s->received += step.dataLen;
    if (s->received > c->settings->httpSettings.maxBodyBytes) {
      abortBody(c, EMSGSIZE, 413);
      return false;
    }
    if (step.dataLen > 0 && !s->discard) {
      emitBody(c, *input, input->at + step.dataOff, step.dataLen, false);
      input->used = true;
    }
    input->at += step.consumed;
    if (step.verdict == HttpVerdict::kDone) {
      if (!s->discard) emitBody(c, *input, input->at, 0, true);
      endBody(c);
      return true;
    }
  }
  return false;
}

void Http::endBody(Connection* c) {
  HttpSide* const s = c->side;
  s->body = HttpSide::Body::kNone;
  s->wanted = false;
  s->discard = false;
  s->continueDue = false;
}

void Http::refuse(Connection* c, uint16_t status) {
  net_->port().emit(In::HTTP_REFUSED, c->settings->listener, EPROTO, status);
  if (c->side != nullptr) c->side->partialHead = false;
  const uint8_t seq = c->nextSeq++;
  const uint32_t bit = seqBit(seq);
  c->headBits &= ~bit;
  c->oldBits &= ~bit;
  c->closeBits |= bit;
  c->set(Connection::kStopped | Connection::kUnread);
  ResponseParts parts;
  parts.status = status;
  parts.close = true;
  writeWhole(c, seq, parts, nullptr, 0);
  finish(c, seq);
}

// The body cannot be read to its end. Its request gets `status` if it has no answer yet and nothing
// stands before it; JS is told in any case, by the record that ends all requests of a connection.
void Http::abortBody(Connection* c, int error, uint16_t status) {
  HttpSide* const s = c->side;
  const uint8_t seq = s->bodySeq;
  const bool answerable =
      seq == c->firstSeq && mayAnswer(c, seq) && (s->begunBits & seqBit(seq)) == 0;
  const bool wasOutstanding = c->outstanding() > 0;
  endBody(c);
  c->set(Connection::kStopped | Connection::kUnread);
  if (wasOutstanding) net_->port().emit(In::HTTP_ABORT, c->handle, error, CloseReason::ERROR);
  net_->port().emit(In::HTTP_REFUSED, c->settings->listener, error, status);
  if (!wasOutstanding || c->has(Connection::kCloseWhenSent)) {
    // All answers are given, or none may follow the last one. They still arrive, though the rest of
    // the body is not read.
    c->firstSeq = c->nextSeq;
    c->set(Connection::kCloseWhenSent);
    return net_->settleLater(c);
  }
  if (!answerable) {
    c->firstSeq = c->nextSeq;  // nothing is outstanding any more: the abort is said
    return net_->fail(c, error);
  }
  c->closeBits |= seqBit(seq);
  ResponseParts parts;
  parts.status = status;
  parts.close = true;
  writeWhole(c, seq, parts, nullptr, 0);
  finish(c, seq);
}

void Http::endOfInput(Connection* c) {
  if (c->has(Connection::kQueued)) return;  // what is kept comes first; the end is reported again
  c->set(Connection::kEnded);
  if (c->outstanding() == 0 && c->pending() == 0) return net_->destroy(c, 0, CloseReason::PEER);
  if (inBody(c) && !c->side->discard) return net_->destroy(c, ECONNRESET, CloseReason::PEER);
  if (inBody(c)) endBody(c);  // nobody misses the rest
  // A half-closed client still gets its answers.
  c->set(Connection::kStopped);
  if (c->outstanding() > 0) c->closeBits |= seqBit(static_cast<uint8_t>(c->nextSeq - 1));
  if (c->outstanding() == 0) c->set(Connection::kCloseWhenSent);
  net_->settleLater(c);
}

void Http::discardInput(Connection* c) {
  loop::Port& port = net_->port();
  if (port.recvRoom() == 0) return port.lackRoom();  // reading nothing would look like the end
  const int64_t n = sys::recvSome(c->fd, port.recvCursor(), std::min(port.recvRoom(), kReadBytes));
  if (n > 0 || n == -EAGAIN) return;
  net_->destroy(c, 0, n == 0 ? CloseReason::PEER : CloseReason::LOCAL);
}

void Http::resumeBody(Connection* c, uint8_t seq) {
  HttpSide* const s = c->side;
  if (!inBody(c) || s->bodySeq != seq || s->discard) return;
  restartClock(s);
  s->wanted = true;
  // Within a response there is no place for another one; that connection ends after it.
  if (s->continueDue && seq == c->firstSeq && (s->begunBits & seqBit(seq)) == 0) sendContinue(c);
  release(c);
}

void Http::pauseBody(Connection* c, uint8_t seq) {
  HttpSide* const s = c->side;
  if (!inBody(c) || s->bodySeq != seq || !s->wanted) return;
  s->wanted = false;
  s->restedMs = net_->nowMs();
}

// The body is about to be wanted, or thrown away, and the client's time goes on where it stopped.
void Http::restartClock(HttpSide* s) const {
  if (!s->wanted && !s->discard) s->startedMs += net_->nowMs() - s->restedMs;
}

void Http::sendContinue(Connection* c) {
  static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
  constexpr uint32_t kSize = sizeof(kContinue) - 1;
  c->side->continueDue = false;
  std::memcpy(net_->writer().room(c, kSize), kContinue, kSize);
  net_->writer().commit(kSize);
}

uint32_t Http::deadline(const Connection* c, bool* has) const {
  const HttpSettings& settings = c->settings->httpSettings;
  const HttpSide* const s = c->side;
  const auto after = [has](uint32_t startMs, uint32_t timeoutMs) {
    *has = timeoutMs != 0;
    return startMs + timeoutMs;
  };
  if (c->has(Connection::kLinger)) return after(c->activeMs, kLingerMs);
  if (c->pending() > 0) return after(c->activeMs, settings.writeTimeoutMs);
  if (inBody(c) && (s->wanted || s->discard)) return after(s->startedMs, settings.requestTimeoutMs);
  *has = false;
  if (c->outstanding() > 0) return 0;
  if (s != nullptr && s->partialHead) return after(s->startedMs, settings.headTimeoutMs);
  return after(c->activeMs,
               c->requests == 0 ? settings.headTimeoutMs : settings.keepAliveTimeoutMs);
}

void Http::expired(Connection* c) {
  if (c->has(Connection::kLinger)) return net_->destroy(c, 0, CloseReason::LOCAL);
  if (c->pending() > 0) return net_->destroy(c, ETIMEDOUT, CloseReason::IDLE);
  if (inBody(c)) return abortBody(c, ETIMEDOUT, 408);
  if (c->side != nullptr && c->side->partialHead) return refuse(c, 408);
  net_->destroy(c, 0, CloseReason::IDLE);
}

void Http::drain(Connection* c) {
  if (c->outstanding() > 0) {
    // What was handed to JS is answered to the last; nothing further is taken.
    c->set(Connection::kStopped);
    c->closeBits |= seqBit(static_cast<uint8_t>(c->nextSeq - 1));
    return net_->settleLater(c);
  }
  if (c->side != nullptr && (c->side->partialHead || c->side->kept != nullptr)) return;
  c->set(Connection::kStopped | Connection::kCloseWhenSent);
  net_->settleLater(c);
}

}  // namespace heddle::net
