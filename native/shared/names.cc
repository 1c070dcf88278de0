#include "shared/names.h"

#include <cstring>

namespace heddle::shared {

namespace {

bool isSame(const Name& a, const Name& b) {
  if (a.kind != b.kind || a.bytes != b.bytes) return false;
  return a.bytes == 0 || std::memcmp(a.data, b.data, a.bytes) == 0;
}

}  // namespace

std::mutex& NameList::lock() {
  static constinit std::mutex instance;
  return instance;
}

Named* NameList::find(const Name& name) const {
  Named* each = first_;
  while (each != nullptr && !isSame(each->name, name)) each = each->nextNamed;
  return each;
}

void NameList::add(Named* made, const Name& name, void* space) {
  if (name.bytes > 0) std::memcpy(space, name.data, name.bytes);
  made->name = {name.kind, space, name.bytes};
  made->holders = 1;
  made->nextNamed = first_;
  first_ = made;
}

bool NameList::leave(Named* held) {
  if (--held->holders > 0) return false;
  Named** link = &first_;
  while (*link != held) link = &(*link)->nextNamed;
  *link = held->nextNamed;
  return true;
}

}  // namespace heddle::shared
