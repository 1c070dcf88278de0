#include "shared/names.h"

#include <cstring>

namespace heddle::shared {

std::mutex& NameList::lock() {
  static constinit std::mutex instance;
  return instance;
}

Named* NameList::find(const Name& name) const {
  Named* each = first_;
  while (each != nullptr && (each->name.kind != name.kind || each->name.bytes != name.bytes ||
                             std::memcmp(each->name.data, name.data, name.bytes) != 0)) {
    each = each->nextNamed;
  }
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
