#include "aco/procedures.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>

#include "base/immortal.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::aco {
namespace {

// The text lies behind it.
struct Name {
  Name* next;
  coro::Main procedure;
  NamedFunction function;

  char* text() { return reinterpret_cast<char*>(this + 1); }
};

// Process-wide by nature: a library is loaded once, whoever asks for it.
class Names {
 public:
  std::mutex lock;  // everything below

  Name* find(const char* text) {
    Name* name = first_;
    while (name != nullptr && std::strcmp(name->text(), text) != 0) name = name->next;
    return name;
  }

  // nullptr without memory.
  Name* add(const char* text) {
    const size_t bytes = std::strlen(text) + 1;
    void* const memory =
        mem::allocateBytes(mem::builtinType(mem::Builtin::kAcoName), sizeof(Name) + bytes);
    if (memory == nullptr) return nullptr;
    auto* const name = ::new (memory) Name{first_, nullptr, nullptr};
    std::memcpy(name->text(), text, bytes);
    first_ = name;
    return name;
  }

 private:
  Name* first_ = nullptr;
};

Names& names() {
  static base::Immortal<Names> instance;
  return *instance;
}

template <class Code>
int registerName(const char* text, Code code, Code Name::*member) {
  if (text == nullptr || text[0] == '\0' || code == nullptr) return -EINVAL;
  Names& all = names();
  const std::lock_guard<std::mutex> guard(all.lock);
  Name* name = all.find(text);
  if (name != nullptr && name->*member != nullptr) return name->*member == code ? 0 : -EEXIST;
  if (name == nullptr) name = all.add(text);
  if (name == nullptr) return -ENOMEM;
  name->*member = code;
  return 0;
}

}  // namespace

int registerProcedure(const char* name, coro::Main procedure) {
  return registerName(name, procedure, &Name::procedure);
}

int registerFunction(const char* name, NamedFunction function) {
  return registerName(name, function, &Name::function);
}

Procedure findProcedure(const char* name) {
  Names& all = names();
  const std::lock_guard<std::mutex> guard(all.lock);
  Name* const found = all.find(name);
  if (found == nullptr || found->procedure == nullptr) return {};
  return {found->text(), found->procedure};
}

NamedFunction findFunction(const char* name) {
  Names& all = names();
  const std::lock_guard<std::mutex> guard(all.lock);
  const Name* const found = all.find(name);
  return found == nullptr ? nullptr : found->function;
}

}  // namespace heddle::aco
