#pragma once

// A shared map beside a std::unordered_map that is given the same operations. Draws come from
// outside (random numbers, or a fuzzer's bytes). Every method says whether both agree. Where a
// budget lets the map evict, the model learns that an entry is gone when it looks, and the number
// of those must be what the map has counted.

#include <cerrno>
#include <string>
#include <unordered_map>

#include "test/shared_fixture.h"

namespace heddle::test {

template <class Draw>
class MapModel {
 public:
  MapModel(Draw& draw, const MapSpec& spec) : draw_(draw), spec_(spec), map_("model", spec) {}

  // One operation, with all its results.
  [[nodiscard]] bool step() {
    const std::string name = drawName();
    const Key key = keyOfName(name);
    if (!reconcile(name, key)) return false;
    switch (draw_.below(16)) {
      case 0:
        ManualClock::pass(draw_.below(50));
        return true;
      case 1:
      case 2:
        return remove(name, key);
      case 3:
      case 4:
      case 5:
        return compareAndSet(name, key);
      case 6:
      case 7:
        return increment(name, key);
      case 8:
        return draw_.below(200) != 0 || clear();
      case 9:
        return draw_.below(64) != 0 || verify();
      case 10:
        return ttlAgrees(name, key);
      default:
        return set(name, key);
    }
  }

  // Walks the map and compares all of it.
  [[nodiscard]] bool verify() {
    std::unordered_map<std::string, Entry> walked;
    WalkPlace place;
    bool unique = true;
    const auto take = [&](const Node& node) {
      std::string name(1, static_cast<char>(node.keyKind));
      name.append(reinterpret_cast<const char*>(node.keyData()), node.keyBytes);
      unique = walked.emplace(name, entryOf(node)).second && unique;
    };
    while (map_->walk(&place, take)) {
    }
    for (auto at = model_.begin(); at != model_.end();) {
      const auto found = walked.find(at->first);
      if (isPast(at->second)) {
        if (found != walked.end()) return false;
        forgetExpired(at++);
      } else if (found == walked.end()) {
        missing_++;
        at = model_.erase(at);
      } else if (!(found->second == at->second)) {
        return false;
      } else {
        ++at;
      }
    }
    const MapStats stats = map_->stats();
    if (spec_.maxBytes != 0 && stats.bytes > spec_.maxBytes) return false;
    return unique && walked.size() == model_.size() && stats.entries == walked.size() &&
           stats.evictions >= missing_ && stats.evictions <= missing_ + expired_;
  }

 private:
  struct Entry {
    ValueKind kind;
    uint64_t number;
    std::string bytes;
    int64_t expiresNs;

    bool operator==(const Entry&) const = default;
    [[nodiscard]] Value value() const {
      return {.kind = kind, .number = number, .data = bytes.data(), .bytes = bytes.size()};
    }
  };
  using Model = std::unordered_map<std::string, Entry>;

  static Entry entryOf(const Node& node) {
    return {node.valueKind, node.number.load(),
            std::string(reinterpret_cast<const char*>(node.valueData()), node.valueBytes),
            node.expiresNs};
  }

  // The first byte is the kind.
  std::string drawName() {
    const auto kind = static_cast<char>(draw_.below(kKeyKinds));
    const uint32_t number = draw_.below(300);
    // Empty, and two bytes at least, so that one kind's names are units of 16 bits.
    std::string name(1, kind);
    if (number > 0) name += std::to_string(10 + number) + (number < 79 || number > 89 ? "" : "-");
    if ((name.size() - 1) % 2 == 1) name += '.';
    return name;
  }
  static Key keyOfName(const std::string& name) {
    return {static_cast<KeyKind>(name[0]), name.data() + 1, name.size() - 1};
  }

  Entry drawEntry(int64_t ttlNs) {
    Entry entry{};
    entry.kind = static_cast<ValueKind>(draw_.below(static_cast<uint32_t>(ValueKind::kClone) + 1));
    if (entry.kind == ValueKind::kNumber) {
      entry.number = bitsOf(static_cast<double>(draw_.below(5)));
    } else if (entry.kind > ValueKind::kNumber) {
      const uint32_t scale = draw_.below(40);
      const uint32_t limit = scale == 0 ? 20'000 : scale < 10 ? 1000 : 40;
      entry.bytes.assign(draw_.below(limit), static_cast<char>('a' + draw_.below(3)));
    }
    entry.expiresNs = endOf(ttlNs);
    return entry;
  }

  int64_t drawTtl() {
    const uint32_t which = draw_.below(4);
    return which == 0 ? kDefaultTtl : which == 1 ? 1 + draw_.below(2000) : 0;
  }
  int64_t endOf(int64_t ttlNs) const {
    if (ttlNs == kDefaultTtl) ttlNs = spec_.ttlNs;
    return ttlNs == 0 ? 0 : ManualClock::read() + ttlNs;
  }
  static bool isPast(const Entry& entry) {
    return entry.expiresNs != 0 && entry.expiresNs <= ManualClock::read();
  }
  bool isTooLarge(const std::string& name, const Entry& entry) const {
    return spec_.maxBytes != 0 && costOf(name.size() - 1, entry.bytes.size()) > spec_.maxBytes;
  }

  // It may have been evicted before.
  void forgetExpired(typename Model::iterator at) {
    expired_++;
    model_.erase(at);
  }

  // Reads the key on both sides; what the map has evicted, the model forgets.
  bool reconcile(const std::string& name, const Key& key) {
    auto at = model_.find(name);
    if (at != model_.end() && isPast(at->second)) {
      forgetExpired(at);
      at = model_.end();
    }
    Entry found{};
    const bool there = map_->read(key, [&](const Node& node) { found = entryOf(node); });
    if (at == model_.end()) return !there;
    if (there) return found == at->second;
    model_.erase(at);
    missing_++;
    return spec_.maxBytes != 0;
  }

  bool set(const std::string& name, const Key& key) {
    const int64_t ttlNs = drawTtl();
    const Entry entry = drawEntry(ttlNs);
    const auto mode = static_cast<SetMode>(draw_.below(3));
    const int result = map_->set(key, entry.value(), mode, ttlNs);
    if (isTooLarge(name, entry)) return result == -E2BIG;
    const bool there = model_.count(name) > 0;
    const bool stores = mode == SetMode::kAlways || (mode == SetMode::kIfPresent) == there;
    if (stores) model_[name] = entry;
    return result == (stores ? 1 : 0);
  }

  bool remove(const std::string& name, const Key& key) {
    return map_->remove(key) == static_cast<int>(model_.erase(name));
  }

  bool compareAndSet(const std::string& name, const Key& key) {
    const auto at = model_.find(name);
    const int64_t ttlNs = drawTtl();
    const Entry next = drawEntry(ttlNs);
    const bool deletes = draw_.below(4) == 0;
    // What is there, something, or nothing.
    const uint32_t guess = draw_.below(3);
    const Entry expected = guess == 0 && at != model_.end() ? at->second : drawEntry(0);
    const Value before = expected.value();
    const Value after = next.value();
    const int result =
        map_->compareAndSet(key, guess == 2 ? nullptr : &before, deletes ? nullptr : &after, ttlNs);
    if (!deletes && isTooLarge(name, next)) return result == -E2BIG;
    const bool agrees = guess == 2 ? at == model_.end()
                                   : at != model_.end() && at->second.kind == expected.kind &&
                                         at->second.number == expected.number &&
                                         at->second.bytes == expected.bytes;
    if (agrees && deletes) model_.erase(name);
    if (agrees && !deletes) model_[name] = next;
    return result == (agrees ? 1 : 0);
  }

  bool increment(const std::string& name, const Key& key) {
    const int64_t ttlNs = drawTtl();
    const double by = draw_.below(100);
    double sum = -1;
    const int result = map_->increment(key, by, ttlNs, &sum);
    const auto at = model_.find(name);
    if (at != model_.end() && at->second.kind != ValueKind::kNumber) return result == -EINVAL;
    Entry entry{.kind = ValueKind::kNumber, .number = bitsOf(by), .bytes = {}, .expiresNs = 0};
    if (isTooLarge(name, entry)) return result == -E2BIG;
    entry.expiresNs = endOf(ttlNs);
    if (at != model_.end()) {
      entry.expiresNs = at->second.expiresNs;
      entry.number = bitsOf(std::bit_cast<double>(at->second.number) + by);
    }
    model_[name] = entry;
    return result == 0 && bitsOf(sum) == entry.number;
  }

  bool clear() {
    if (!verify()) return false;
    map_->clear();
    model_.clear();
    return map_->stats().entries == 0 && map_->stats().bytes == 0;
  }

  bool ttlAgrees(const std::string& name, const Key& key) {
    const auto at = model_.find(name);
    const int64_t left = map_->ttlNs(key);
    if (at == model_.end()) return left == -1;
    if (at->second.expiresNs == 0) return left == kNever;
    return left == at->second.expiresNs - ManualClock::read();
  }

  Draw& draw_;
  const MapSpec spec_;
  Held map_;
  Model model_;
  uint64_t missing_ = 0;
  uint64_t expired_ = 0;
};

}  // namespace heddle::test
