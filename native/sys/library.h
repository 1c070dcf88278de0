#pragma once

#include <cstddef>

namespace heddle::sys {

// Keeps the shared library that `code` lies in loaded until the process ends, so that threads of
// ours may run in it without anybody waiting for them. 0, or a negative errno where the system
// cannot promise it.
[[nodiscard]] int keepLoaded(const void* code);

// Loads a shared library, all of whose symbols can be resolved, until the process ends. The same
// file gives the same library again. `path` names a file, so it has a slash in it. 0, or why not:
// what the system says about opening the file (-ENOENT, -EACCES), or -ENOEXEC, and then `text`
// is the linker's own reason, cut to `textBytes`. Any thread.
[[nodiscard]] int loadLibrary(const char* path, void** library, char* text, size_t textBytes);

// nullptr: the library does not export the name.
[[nodiscard]] void* symbolIn(void* library, const char* name);
// What the running executable and the libraries that it was linked with export under the name.
[[nodiscard]] void* symbolOfProgram(const char* name);

}  // namespace heddle::sys
