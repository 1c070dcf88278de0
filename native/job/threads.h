// The plain threads of native queues: each takes jobs, runs their functions and hands them back.
// In mode CS each job is a section of the epochs, in mode GC the thread reclaims between jobs
// (JQ-08).
#pragma once

#include <cstddef>

#include "job/worker.h"

namespace heddle::job {

// 0 or a negative errno.
[[nodiscard]] int startThread(Worker* worker, size_t stackBytes);

// The calling thread is this worker of the queue: `<short name>/<number>`, without the stroke where
// the number needs its place, and what fits of that (JQ-11).
void nameThread(const Queue& queue, uint32_t worker);

}  // namespace heddle::job
