#include "sys/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace heddle::sys {

namespace {

constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

uintptr_t addressOf(void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace

size_t pageBytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

void* reserveMemory(size_t bytes, size_t align) {
  const size_t whole = bytes + align;
  void* start = mmap(nullptr, whole, PROT_NONE, kPrivate | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  const size_t before = (align - (addressOf(start) & (align - 1))) & (align - 1);
  char* aligned = static_cast<char*>(start) + before;
  if (before > 0) munmap(start, before);
  if (align - before > 0) munmap(aligned + bytes, align - before);
  return aligned;
}

int commitMemory(void* start, size_t bytes) {
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : -errno;
}

void purgeMemory(void* start, size_t bytes) {
#ifdef __linux__
  madvise(start, bytes, MADV_DONTNEED);
#else
  // Elsewhere MADV_DONTNEED may keep the contents; fresh pages in their place read as zeros.
  mmap(start, bytes, PROT_READ | PROT_WRITE, kPrivate | MAP_FIXED, -1, 0);
#endif
}

void* mapMemory(size_t bytes) {
  void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kPrivate, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
}

void unmapMemory(void* start, size_t bytes) { munmap(start, bytes); }

bool growMemory([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes,
                [[maybe_unused]] size_t newBytes) {
#ifdef __linux__
  return mremap(start, bytes, newBytes, 0) != MAP_FAILED;
#else
  return false;
#endif
}

bool moveMemory([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes,
                [[maybe_unused]] void* to, [[maybe_unused]] size_t toBytes) {
#ifdef __linux__
  return mremap(start, bytes, toBytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
#else
  return false;
#endif
}

uint64_t physicalMemoryBytes() {
#ifdef _SC_PHYS_PAGES
  const long pages = sysconf(_SC_PHYS_PAGES);
  return pages > 0 ? static_cast<uint64_t>(pages) * pageBytes() : 0;
#else
  return 0;
#endif
}

uint64_t residentMemoryBytes() {
#ifdef __linux__
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[128];
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = '\0';
  unsigned long long total = 0;
  unsigned long long resident = 0;
  if (std::sscanf(text, "%llu %llu", &total, &resident) != 2) return 0;
  return resident * pageBytes();
#else
  return 0;
#endif
}

}  // namespace heddle::sys
