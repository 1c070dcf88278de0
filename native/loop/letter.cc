#include "loop/letter.h"

#include <cstring>

#include "loop/errand.h"
#include "loop/protocol.h"
#include "mem/typed_object.h"

namespace heddle::loop {

namespace {
using Letters = mem::Typed<Letter, mem::Builtin::kLetter>;
}

// A post is one block with its bytes: a message body.
void LetterRelease::operator()(Letter* letter) const {
  if (letter->kind == Letter::kErrand) {
    auto* const errand = static_cast<Errand*>(letter);
    return errand->drop(errand);
  }
  if (letter->kind != In::POST) return Letters::destroy(letter);
  mem::release(mem::builtinType(mem::Builtin::kMessageBody), letter);
}

LetterPtr makeLetter(uint32_t to, int32_t kind, int32_t a, int32_t b) {
  return LetterPtr(Letters::make(nullptr, to, kind, a, b, 0u));
}

LetterPtr makePost(uint32_t to, const uint8_t* bytes, uint32_t size) {
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kMessageBody), sizeof(Letter) + size);
  if (memory == nullptr) return nullptr;
  auto* const letter = ::new (memory) Letter{nullptr, to, In::POST, 0, 0, size};
  if (size > 0) std::memcpy(letter + 1, bytes, size);
  return LetterPtr(letter);
}

LetterQueue::~LetterQueue() {
  while (!empty()) pop();
}

void LetterQueue::push(LetterPtr letter) {
  Letter* const added = letter.release();
  added->next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = added;
  last_ = added;
  size_++;
}

LetterPtr LetterQueue::pop() {
  LetterPtr letter(first_);
  first_ = letter->next;
  if (first_ == nullptr) last_ = nullptr;
  size_--;
  return letter;
}

void LetterQueue::append(LetterQueue* other) {
  if (other->empty()) return;
  (last_ == nullptr ? first_ : last_->next) = other->first_;
  last_ = other->last_;
  size_ += other->size_;
  other->first_ = other->last_ = nullptr;
  other->size_ = 0;
}

}  // namespace heddle::loop
