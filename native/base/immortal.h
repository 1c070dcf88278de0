#pragma once

// An object of static storage whose destructor never runs: threads may still use it while the
// process ends. It allocates nothing.
//
//   Registry& registry() {
//     static base::Immortal<Registry> instance;
//     return *instance;
//   }

#include <new>
#include <utility>

namespace heddle::base {

template <class T>
class Immortal {
 public:
  template <class... Args>
  explicit Immortal(Args&&... args) {
    ::new (static_cast<void*>(storage_)) T(std::forward<Args>(args)...);
  }
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;

  T& operator*() { return *std::launder(reinterpret_cast<T*>(storage_)); }

 private:
  alignas(T) unsigned char storage_[sizeof(T)];
};

}  // namespace heddle::base
