// The HTTP/1.1 side of Net's connections: finds requests in what was read and hands them to JS as
// records, streams bodies on demand, and writes responses in the order of their requests, whatever
// the order in which handlers finish.
//
// A connection reads requests ahead (pipelining) up to `maxPipelined`; each has a sequence number
// of 8 bits. The oldest one without a complete response writes straight to the connection;
// responses of later ones are held. What a connection needs only now and then lives in HttpSide and
// is given back when idle.
//
// Without memory for what a connection needs it fails with ENOMEM, like one whose write fails: what
// JS was told about it ends with an HTTP_ABORT.
//
// Thread rule: the loop's thread. Nothing here destroys a connection except through Net's deferred
// ways and `expired`.
#pragma once

#include <cstdint>
#include <string_view>

#include "loop/port.h"
#include "mem/typed_array.h"
#include "mem/typed_object.h"
#include "net/connection.h"
#include "net/http_chunked.h"
#include "net/response_head.h"

namespace heddle::net {

class Net;

// A response that has to wait for earlier ones.
struct HeldResponse {
  HeldResponse* next = nullptr;
  uint8_t seq = 0;
  bool complete = false;
  mem::TypedArray<uint8_t, mem::Builtin::kHeldBytes> bytes;
};

struct HttpSide {
  enum class Body : uint8_t { kNone, kLength, kChunked };

  uint8_t* kept = nullptr;  // input that could not be dealt with yet: a message body
  uint32_t keptBytes = 0;
  uint32_t scanned = 0;      // the parser's memory of a partial head
  uint32_t startedMs = 0;    // when the first byte of the present request came
  bool partialHead = false;  // `kept` is the beginning of a head
  // The body in transit. At most one: the next head comes after it.
  Body body = Body::kNone;
  uint8_t bodySeq = 0;
  uint32_t restedMs = 0;     // since when nobody wants it: that time is not the client's
  bool wanted = false;       // JS asked for it
  bool discard = false;      // its request is answered: the rest is thrown away
  bool continueDue = false;  // 100 Continue has to be sent before the client goes on
  int64_t remaining = 0;
  int64_t received = 0;
  ChunkedDecoder chunks = ChunkedDecoder();
  HeldResponse* held = nullptr;
  // By sequence number modulo 32.
  uint32_t begunBits = 0;    // the head of the response is written
  uint32_t doneBits = 0;     // the response is complete
  uint32_t chunkedBits = 0;  // its body is framed by us
  uint32_t blockedBits = 0;  // HTTP_BLOCKED reported
  uint32_t wantDrainBits = 0;

  bool idle() const {
    return kept == nullptr && body == Body::kNone && held == nullptr && begunBits == 0 &&
           wantDrainBits == 0 && blockedBits == 0;
  }
};

class Http {
 public:
  static constexpr uint32_t kLingerMs = 2000;

  explicit Http(Net* net) : net_(net) {}

  void read(Connection* connection);
  // Goes on with kept input.
  void again(Connection* connection);
  void record(Connection* connection, const int32_t* record);
  void waterMarks(Connection* connection);
  uint32_t deadline(const Connection* connection, bool* has) const;
  void expired(Connection* connection);
  void drain(Connection* connection);
  // Lets go of the side object.
  void detach(Connection* connection);
  bool mustLinger(const Connection* connection) const;
  static size_t keptBytes(const Connection* connection);
  static bool inBody(const Connection* connection) {
    return connection->side != nullptr && connection->side->body != HttpSide::Body::kNone;
  }
  [[nodiscard]] int writeBlock(Connection* connection, uint8_t seq, const Block& block, bool* kept);

 private:
  // http_request.cc
  struct Input;
  void consume(Connection* connection, uint32_t offset, uint32_t size);
  bool mayTakeRequest(const Connection* connection) const;
  bool takeRequest(Connection* connection, Input* input);
  bool parseNext(Connection* connection, const Input& input, HttpHead* head);
  uint8_t admit(Connection* connection, const HttpHead& head);
  uint32_t expectBody(Connection* connection, uint8_t seq, const HttpHead& head, Input* input);
  bool takeBody(Connection* connection, Input* input);
  bool takeChunks(Connection* connection, Input* input);
  void emitBody(Connection* connection, const Input& input, uint32_t at, uint32_t size, bool last);
  void endBody(Connection* connection);
  void keep(Connection* connection, const Input& input);
  void hold(Connection* connection);
  void release(Connection* connection);
  void refuse(Connection* connection, uint16_t status);
  void abortBody(Connection* connection, int error, uint16_t status);
  void endOfInput(Connection* connection);
  void discardInput(Connection* connection);
  void resumeBody(Connection* connection, uint8_t seq);
  void pauseBody(Connection* connection, uint8_t seq);
  void restartClock(HttpSide* side) const;
  void sendContinue(Connection* connection);

  // http_response.cc
  void respond(Connection* connection, const int32_t* record);
  void writeWhole(Connection* connection, uint8_t seq, const ResponseParts& parts,
                  const uint8_t* body, uint32_t bodySize);
  void beginStream(Connection* connection, const int32_t* record);
  void streamChunk(Connection* connection, uint8_t seq, const uint8_t* data, uint32_t size);
  void endStream(Connection* connection, uint8_t seq);
  void finish(Connection* connection, uint8_t seq);
  void advance(Connection* connection);
  bool promote(Connection* connection);
  void settleBodyOf(Connection* connection, uint8_t seq);
  bool mayAnswer(const Connection* connection, uint8_t seq) const;
  bool closesAfter(const Connection* connection, uint8_t seq, uint32_t flags) const;
  // The response that waits for earlier ones, made if there is none yet. nullptr without memory:
  // then the connection has failed.
  HeldResponse* heldFor(Connection* connection, uint8_t seq);
  void appendHeld(Connection* connection, uint8_t seq, const uint8_t* data, size_t size);
  void writeHeld(Connection* connection, uint8_t seq, const ResponseParts& parts,
                 const uint8_t* body, uint32_t bodySize);
  void append(Connection* connection, uint8_t seq, const uint8_t* data, uint32_t size);
  void appendChunkSize(Connection* connection, uint8_t seq, uint64_t size);
  void watchHeld(Connection* connection, uint8_t seq);

  // Made if there is none. nullptr without memory: then the connection has failed.
  HttpSide* side(Connection* connection);
  static uint32_t takeKept(HttpSide* side, uint8_t* to);
  void trim(Connection* connection);

  Net* net_;
  ResponseHead head_;
};

}  // namespace heddle::net
