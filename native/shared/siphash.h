#pragma once

// SipHash: a keyed hash whose results nobody can predict, or make collide, without the key. Keys of
// a shared map come from clients, so a table with a guessable hash could be flooded: filled with
// keys that all fall into one slot. The 1-3 form (one round for each eight bytes, three at the end)
// is what language runtimes use for this; the 2-4 form is here because its published vectors prove
// the code. It costs some 10 ns for keys up to 16 bytes and about a cycle a byte beyond.
// Little-endian machines only, as everything here.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace heddle::shared {

struct SipKey {
  uint64_t first;
  uint64_t second;
};

class SipState {
 public:
  explicit SipState(const SipKey& key)
      : a_(key.first ^ 0x736f6d6570736575u),
        b_(key.second ^ 0x646f72616e646f6du),
        c_(key.first ^ 0x6c7967656e657261u),
        d_(key.second ^ 0x7465646279746573u) {}

  template <int kRounds>
  void take(uint64_t word) {
    d_ ^= word;
    rounds<kRounds>();
    a_ ^= word;
  }

  template <int kRounds>
  [[nodiscard]] uint64_t finish() {
    c_ ^= 0xff;
    rounds<kRounds>();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  template <int kRounds>
  void rounds() {
    for (int i = 0; i < kRounds; i++) round();
  }

  void round() {
    a_ += b_;
    c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_;
    a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  uint64_t a_;
  uint64_t b_;
  uint64_t c_;
  uint64_t d_;
};

template <int kRounds, int kLastRounds>
[[nodiscard]] inline uint64_t sipHash(const SipKey& key, const void* data, size_t bytes) {
  static_assert(std::endian::native == std::endian::little);
  const auto* at = static_cast<const unsigned char*>(data);
  const unsigned char* const whole = at + (bytes & ~size_t{7});
  SipState state(key);
  for (; at != whole; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state.take<kRounds>(word);
  }
  // What remains, with the length in the highest byte.
  uint64_t last = static_cast<uint64_t>(bytes) << 56;
  for (size_t i = 0; i < (bytes & 7); i++) last |= uint64_t{at[i]} << (8 * i);
  state.take<kRounds>(last);
  return state.finish<kLastRounds>();
}

}  // namespace heddle::shared
