// Which slots of the timer wheel hold timers: a bit each, and a bit for each word that is not zero,
// so that the first occupied slot is found in two instructions however empty the wheel is.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace heddle::loop {

template <uint32_t kSlotCount>
class TimerSlotMap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  bool has(uint32_t slot) const { return (words_[slot / kWordBits] & bitOf(slot)) != 0; }

  void add(uint32_t slot) {
    words_[slot / kWordBits] |= bitOf(slot);
    summary_ |= 1u << (slot / kWordBits);
  }

  // No effect when it is not there.
  void remove(uint32_t slot) {
    uint64_t& word = words_[slot / kWordBits];
    word &= ~bitOf(slot);
    if (word == 0) summary_ &= ~(1u << (slot / kWordBits));
  }

  uint32_t first() const {
    if (summary_ == 0) return kNone;
    const auto word = static_cast<uint32_t>(std::countr_zero(summary_));
    return word * kWordBits + static_cast<uint32_t>(std::countr_zero(words_[word]));
  }

 private:
  static constexpr uint32_t kWordBits = 64;
  static_assert(kSlotCount % kWordBits == 0 && kSlotCount / kWordBits <= 32);

  static constexpr uint64_t bitOf(uint32_t slot) { return uint64_t{1} << (slot % kWordBits); }

  uint32_t summary_ = 0;
  std::array<uint64_t, kSlotCount / kWordBits> words_{};
};

}  // namespace heddle::loop
