#pragma once

// Objects of one class in blocks of a built-in memtype.
//
//   using Outputs = mem::Typed<Output, mem::Builtin::kOutput>;
//   Output* output = Outputs::make();  // nullptr without memory
//   Outputs::destroy(output);
//   Outputs::Ptr owned = Outputs::makePtr();
//
// Of a fixed type this is where the size becomes known: naming Typed<T, type> registers it at load,
// so there is one T for each fixed type. Any thread may make and destroy.

#include <memory>
#include <new>
#include <utility>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::mem {

template <class T, Builtin kWhich>
class Typed {
 public:
  struct Destroy {
    void operator()(T* object) const { Typed::destroy(object); }
  };
  using Ptr = std::unique_ptr<T, Destroy>;

  template <class... Args>
  [[nodiscard]] static T* make(Args&&... args) {
    static_assert(alignof(T) <= alignOf(kWhich));
    void* const memory = take();
    return memory == nullptr ? nullptr : ::new (memory) T{std::forward<Args>(args)...};
  }
  template <class... Args>
  [[nodiscard]] static Ptr makePtr(Args&&... args) {
    return Ptr(make(std::forward<Args>(args)...));
  }

  // nullptr is fine.
  static void destroy(T* object) {
    if (object == nullptr) return;
    object->~T();
    release(builtinType(kWhich), object);
  }

 private:
  static void* take() {
    if constexpr (kindOf(kWhich) == Kind::kFixed) {
      return allocate(Definer::type);
    } else {
      return allocateBytes(builtinType(kWhich), sizeof(T));
    }
  }

  // A class of its own, so that the size is asked for where T is complete.
  struct Definer {
    inline static const Memtype type = defineBuiltin(kWhich, sizeof(T));
  };
};

}  // namespace heddle::mem
