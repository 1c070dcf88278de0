#include "module/values.h"

#include <cstring>
#include <new>

#include "module/retire.h"

namespace heddle::modules {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

}  // namespace

void Values::release() {
  // Release: what this holder read, it has read. Acquire, of the last: so have the others.
  if (count_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  this->~Values();
  mem::release(mem::builtinType(mem::Builtin::kModuleValues), this);
}

void Values::releaseLater() {
  retire(&retired_, bytes_, [](mem::Retired* retired) {
    // The first member.
    reinterpret_cast<Values*>(retired)->release();
  });
}

const heddle_value* Values::of(int32_t slot, size_t* count) const {
  *count = 0;
  if (slot < 0 || static_cast<uint32_t>(slot) >= slots_) return nullptr;
  const Range& range = ranges_[slot];
  *count = range.count;
  return range.count == 0 ? nullptr : values_ + range.first;
}

bool ValuesMaker::beginSlot() {
  ok_ = ok_ && ranges_.push({static_cast<uint32_t>(values_.size()), 0});
  return ok_;
}

bool ValuesMaker::add(const heddle_value& value) {
  if (hasBytes(value)) {
    char* const room = addRoom(value.type, value.size);
    if (room != nullptr && value.size > 0) std::memcpy(room, value.as.bytes, value.size);
    return ok_;
  }
  ok_ = ok_ && values_.push(value);
  if (ok_) ranges_[ranges_.size() - 1].count++;
  return ok_;
}

bool ValuesMaker::addSlot(const heddle_value* values, size_t count) {
  beginSlot();
  for (size_t i = 0; i < count; i++) add(values[i]);
  return ok_;
}

char* ValuesMaker::addRoom(int32_t type, size_t bytes) {
  if (!ok_ || bytes > kMostBytes) {
    ok_ = false;
    return nullptr;
  }
  heddle_value value{};
  value.type = type;
  value.as.natural = bytes_.size();
  value.size = bytes;
  char* const room = bytes_.extend(bytes + 1);
  ok_ = room != nullptr && values_.push(value);
  if (!ok_) return nullptr;
  room[bytes] = '\0';
  bytes_.commit(bytes + 1);
  ranges_[ranges_.size() - 1].count++;
  return room;
}

Values* ValuesMaker::make() {
  if (!ok_) return nullptr;
  const size_t tableBytes = values_.size() * sizeof(heddle_value);
  const size_t rangeBytes = ranges_.size() * sizeof(Values::Range);
  const size_t total = sizeof(Values) + tableBytes + rangeBytes + bytes_.size();
  void* const memory = mem::allocateBytes(mem::builtinType(mem::Builtin::kModuleValues), total);
  if (memory == nullptr) return nullptr;
  auto* const made = ::new (memory) Values;
  auto* const values = reinterpret_cast<heddle_value*>(made + 1);
  auto* const ranges = reinterpret_cast<Values::Range*>(values + values_.size());
  auto* const bytes = reinterpret_cast<char*>(ranges + ranges_.size());
  if (tableBytes > 0) std::memcpy(values, values_.data(), tableBytes);
  if (rangeBytes > 0) std::memcpy(ranges, ranges_.data(), rangeBytes);
  if (!bytes_.empty()) std::memcpy(bytes, bytes_.data(), bytes_.size());
  for (size_t i = 0; i < values_.size(); i++) {
    if (hasBytes(values[i])) values[i].as.text = bytes + values[i].as.natural;
  }
  made->slots_ = static_cast<uint32_t>(ranges_.size());
  made->ranges_ = ranges;
  made->values_ = values;
  made->bytes_ = total;
  return made;
}

}  // namespace heddle::modules
