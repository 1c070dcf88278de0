// Tells isolates that the process has become low on memory, or is so no longer: rings their bells
// and counts the changes. Process-wide; any thread.
#pragma once

#include <cstdint>

namespace heddle::binding {

class Bell;

// Low exactly when the number is odd.
[[nodiscard]] uint64_t pressureChanges();
// The callback of mem::setPressureMarks.
void pressureChanged(void* context, bool low, uint64_t heldBytes);

// Bells that ring at each change. False when there are thousands already.
[[nodiscard]] bool addPressureBell(Bell* bell);
void removePressureBell(Bell* bell);

}  // namespace heddle::binding
