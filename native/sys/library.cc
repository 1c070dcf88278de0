#include "sys/library.h"

#include <dlfcn.h>

#include <cerrno>

namespace heddle::sys {

int keepLoaded(const void* code) {
  Dl_info info;
  if (dladdr(code, &info) == 0 || info.dli_fname == nullptr) return -ENOENT;
  // The handle is kept on purpose.
  return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == nullptr ? -ENOTSUP : 0;
}

}  // namespace heddle::sys
