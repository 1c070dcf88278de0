#pragma once

// A growing array in blocks of a built-in memtype: what std::vector would be if it could say that
// there is no memory. Elements are moved as bytes. Whatever grows it says whether it could; when
// not, nothing has changed. One thread at a time.

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::mem {

template <class T, Builtin kWhich>
class TypedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static_assert(kindOf(kWhich) == Kind::kVsize && alignof(T) <= alignOf(kWhich));

 public:
  TypedArray() = default;
  TypedArray(const TypedArray&) = delete;
  TypedArray& operator=(const TypedArray&) = delete;
  ~TypedArray() { release(builtinType(kWhich), items_); }

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  T* data() { return items_; }
  const T* data() const { return items_; }
  T& operator[](size_t index) { return items_[index]; }
  const T& operator[](size_t index) const { return items_[index]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

  // Room for `wanted` elements altogether.
  [[nodiscard]] bool reserve(size_t wanted) { return wanted <= capacity_ || grow(wanted); }
  [[nodiscard]] bool push(const T& item) { return append(&item, 1); }
  // `items` lie elsewhere.
  [[nodiscard]] bool append(const T* items, size_t count) {
    T* const at = extend(count);
    if (at == nullptr) return false;
    if (count > 0) std::memcpy(static_cast<void*>(at), items, count * sizeof(T));
    size_ += count;
    return true;
  }
  // The place of the next elements, of which there is room for `count`; `commit` adds those that
  // were written. nullptr without memory.
  [[nodiscard]] T* extend(size_t count) {
    if (count > kMaxItems - size_ || !reserve(size_ + (count == 0 ? 1 : count))) return nullptr;
    return items_ + size_;
  }
  void commit(size_t count) { size_ += count; }
  // At least `wanted` elements; new ones are T{}.
  [[nodiscard]] bool cover(size_t wanted) {
    if (wanted <= size_) return true;
    if (!reserve(wanted)) return false;
    while (size_ < wanted) items_[size_++] = T{};
    return true;
  }

  T pop() { return items_[--size_]; }
  void removeFront(size_t count) {
    if (count == 0) return;
    size_ -= count;
    std::memmove(static_cast<void*>(items_), items_ + count, size_ * sizeof(T));
  }
  void clear() { size_ = 0; }
  void swap(TypedArray& other) {
    std::swap(items_, other.items_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  static constexpr size_t kMaxItems = (size_t{1} << 62) / sizeof(T);
  static constexpr size_t kFirstItems = sizeof(T) >= 16 ? 4 : 64 / sizeof(T);

  bool grow(size_t wanted) {
    if (wanted > kMaxItems) return false;
    size_t capacity = capacity_ < kFirstItems ? kFirstItems : capacity_ * 2;
    if (capacity < wanted) capacity = wanted;
    void* const memory = resize(builtinType(kWhich), items_, capacity * sizeof(T));
    if (memory == nullptr) return false;
    items_ = static_cast<T*>(memory);
    capacity_ = capacity;
    return true;
  }

  T* items_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace heddle::mem
