#pragma once

// A folder of a test's own, gone with all that lies directly in it when the test ends.

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "test/check.h"

namespace check {

class Folder {
 public:
  Folder() { CHECK(mkdtemp(folder_) != nullptr); }
  ~Folder() {
    for (const std::string& name : names(true)) unlink(path(name.c_str()).c_str());
    rmdir(folder_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const char* name) const { return std::string(folder_) + "/" + name; }
  // What lies in it, in no order; with those that begin with a dot if asked for.
  std::vector<std::string> names(bool hidden = false) const {
    std::vector<std::string> found;
    DIR* const entries = opendir(folder_);
    if (entries == nullptr) return found;
    while (const dirent* entry = readdir(entries)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && (hidden || name[0] != '.')) found.push_back(name);
    }
    closedir(entries);
    return found;
  }

 private:
  char folder_[32] = "/tmp/heddle-XXXXXX";
};

}  // namespace check
