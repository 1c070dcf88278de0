#pragma once

// Runs what ends a process in a child.

#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace heddle::test {

// Runs the body in a child; its standard error comes back, and how it ended.
template <class Body>
std::string childSays(int& status, Body&& body) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  waitpid(child, &status, 0);
  return said;
}

}  // namespace heddle::test
