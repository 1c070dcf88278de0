// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and many storage formats (RFC 3720, B.4).
//
// With the processor's own instructions where it has them: three streams at a time, since one
// instruction's result comes three cycles after its start, and then put together. Elsewhere by
// tables, eight bytes at a time. Any thread; needs no memory and cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::job {

// `crc` is 0, or what came out for the bytes before these.
[[nodiscard]] uint32_t crc32c(uint32_t crc, const void* bytes, size_t size);

// The same by tables, whatever the processor has: for tests.
[[nodiscard]] uint32_t crc32cByTables(uint32_t crc, const void* bytes, size_t size);

}  // namespace heddle::job
