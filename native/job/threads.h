// The plain threads of native queues: each takes jobs, runs their functions and hands them back.
// Named `<short name>/<number>`. In mode CS each job is a section of the epochs, in mode GC the
// thread reclaims between jobs (JQ-08).
#pragma once

#include <cstddef>

#include "job/worker.h"

namespace heddle::job {

// 0 or a negative errno.
[[nodiscard]] int startThread(Worker* worker, size_t stackBytes);

}  // namespace heddle::job
