#pragma once

// Where tests put their files: a folder of a test's own, gone with all that lies directly in it
// when the test ends, and names for single files.

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "test/check.h"

namespace check {

// Below TMPDIR, where the gate looks for what was left behind.
inline std::string temporaryPath(const std::string& name) {
  const char* const folder = std::getenv("TMPDIR");
  return std::string(folder != nullptr ? folder : "/tmp") + "/heddle-" + name;
}

class Folder {
 public:
  Folder() { CHECK(mkdtemp(folder_.data()) != nullptr); }
  ~Folder() {
    for (const std::string& name : names(true)) unlink(path(name.c_str()).c_str());
    rmdir(folder_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const char* name) const { return folder_ + "/" + name; }
  // What lies in it, in no order; with those that begin with a dot if asked for.
  std::vector<std::string> names(bool hidden = false) const {
    std::vector<std::string> found;
    DIR* const entries = opendir(folder_.c_str());
    if (entries == nullptr) return found;
    while (const dirent* entry = readdir(entries)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && (hidden || name[0] != '.')) found.push_back(name);
    }
    closedir(entries);
    return found;
  }

 private:
  std::string folder_ = temporaryPath("XXXXXX");
};

}  // namespace check
