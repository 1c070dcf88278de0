#include "loop/handed_over.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "loop/loop.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::loop {
namespace {

constexpr uint64_t kMostReceived = 16u << 20;

// Words and bytes lie behind it.
struct Output final : Errand {
  Output(uint32_t wordsIn, uint32_t bytesIn, int32_t traceIn)
      : Errand(0, apply, drop, kReply), words(wordsIn), sendBytes(bytesIn), trace(traceIn) {}

  static void apply(Errand* self, Loop& loop);
  static void drop(Errand* self);
  int32_t* outbox() { return reinterpret_cast<int32_t*>(this + 1); }
  uint8_t* send() { return reinterpret_cast<uint8_t*>(outbox() + words); }

  const uint32_t words;
  const uint32_t sendBytes;
  const int32_t trace;
};

void Output::apply(Errand* errand, Loop& loop) {
  auto* const self = static_cast<Output*>(errand);
  Port& port = loop.port();
  int32_t* const control = port.memory().control;
  control[Control::TRACE] = self->trace;
  control[Control::OUT_WORDS] = static_cast<int32_t>(self->words);
  port.readFrom(self->outbox(), self->words, self->send(), self->sendBytes, port.memory().recv);
  loop.apply();
  port.readFrom(nullptr, 0, nullptr, 0, port.memory().recv);
  drop(self);
}

void Output::drop(Errand* errand) {
  auto* const self = static_cast<Output*>(errand);
  self->~Output();
  mem::release(mem::builtinType(mem::Builtin::kHandedOver), self);
}

// Calls visit(record) for each whole record, as Loop::apply reads them.
template <class Visit>
void eachRecord(int32_t* words, uint32_t count, Visit&& visit) {
  for (uint32_t at = 0; at < count;) {
    int32_t* const record = words + at;
    const uint32_t length = static_cast<uint32_t>(record[0]) >> 8;
    const int32_t kind = record[0] & 0xff;
    if (length > count - at || length < leastOutWords(kind)) return;
    visit(record, kind);
    at += length;
  }
}

// Bytes of the receive slab that the record sends; 0 for all others, and for a false one.
uint32_t receivedBytes(const PortMemory& memory, const int32_t* record, int32_t kind) {
  if (kind != Out::WRITE_RECEIVED) return 0;
  const auto offset = static_cast<uint32_t>(record[2]);
  const auto size = static_cast<uint32_t>(record[3]);
  return offset > memory.recvBytes || size > memory.recvBytes - offset ? 0 : size;
}

}  // namespace

void HandedOver::push(Errand* errand, size_t bytes) {
  const std::lock_guard<std::mutex> held(lock_);
  queue_.push(LetterPtr(errand));
  bytes_.fetch_add(bytes, std::memory_order_relaxed);  // relaxed: see bytes
  waiting_.store(true);
}

void HandedOver::take(LetterQueue* into) {
  const std::lock_guard<std::mutex> held(lock_);
  into->append(&queue_);
  bytes_.store(0, std::memory_order_relaxed);
  waiting_.store(false);
}

Errand* copyOutput(const PortMemory& memory, size_t* bytes) {
  const auto words =
      std::min(static_cast<uint32_t>(memory.control[Control::OUT_WORDS]), memory.outboxWords);
  const auto used =
      std::min(static_cast<uint32_t>(memory.control[Control::SEND_BYTES]), memory.sendBytes);
  uint64_t received = 0;
  eachRecord(memory.outbox, words, [&](const int32_t* record, int32_t kind) {
    received += receivedBytes(memory, record, kind);
  });
  // The same bytes may be sent any number of times.
  if (received > kMostReceived) return nullptr;
  const auto total = used + static_cast<uint32_t>(received);
  *bytes = sizeof(Output) + size_t{words} * sizeof(int32_t) + total;
  void* const block = mem::allocateBytes(mem::builtinType(mem::Builtin::kHandedOver), *bytes);
  if (block == nullptr) return nullptr;
  auto* const made = ::new (block) Output(words, total, memory.control[Control::TRACE]);
  std::memcpy(made->outbox(), memory.outbox, size_t{words} * sizeof(int32_t));
  std::memcpy(made->send(), memory.send, used);
  if (received == 0) return made;
  uint32_t at = used;
  eachRecord(made->outbox(), words, [&](int32_t* record, int32_t kind) {
    const uint32_t size = receivedBytes(memory, record, kind);
    if (size == 0) return;
    std::memcpy(made->send() + at, memory.recv + record[2], size);
    record[0] = recordHead(Out::WRITE, static_cast<uint32_t>(record[0]) >> 8);
    record[2] = static_cast<int32_t>(at);
    at += size;
  });
  return made;
}

}  // namespace heddle::loop
