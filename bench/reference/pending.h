/*
 * Bytes a connection keeps between two events: input without an end yet, output the kernel did not
 * take. Nearly always empty, so that an idle connection costs the reference servers nothing but its
 * slot.
 */
#ifndef HEDDLE_BENCH_PENDING_H
#define HEDDLE_BENCH_PENDING_H

#include <stdlib.h>
#include <string.h>

typedef struct {
  char* bytes;
  size_t length;
} Pending;

/* Replaces the content by `length` bytes at `from`, which may lie inside the present content. */
static inline void pendingSet(Pending* pending, const char* from, size_t length) {
  char* copy = NULL;
  if (length > 0) {
    copy = malloc(length);
    if (!copy) abort();
    memcpy(copy, from, length);
  }
  free(pending->bytes);
  pending->bytes = copy;
  pending->length = length;
}

static inline void pendingClear(Pending* pending) {
  if (!pending->bytes) return;
  free(pending->bytes);
  *pending = (Pending){0};
}

#endif
