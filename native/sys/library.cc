#include "sys/library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace heddle::sys {

int keepLoaded(const void* code) {
  Dl_info info;
  if (dladdr(code, &info) == 0 || info.dli_fname == nullptr) return -ENOENT;
  // The handle is kept on purpose.
  return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == nullptr ? -ENOTSUP : 0;
}

int loadLibrary(const char* path, void** library, char* text, size_t textBytes) {
  text[0] = '\0';
  if (access(path, R_OK) != 0) return -errno;
  *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (*library != nullptr) return 0;
  // The text is this thread's own on the systems we run on, and there is one after a failure.
  const char* const reason = dlerror();  // NOLINT(concurrency-mt-unsafe)
  std::snprintf(text, textBytes, "%s", reason);
  return -ENOEXEC;
}

void* symbolIn(void* library, const char* name) { return dlsym(library, name); }

void* symbolOfProgram(const char* name) { return dlsym(RTLD_DEFAULT, name); }

}  // namespace heddle::sys
