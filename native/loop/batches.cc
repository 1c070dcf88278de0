#include "loop/batches.h"

#include <cerrno>

namespace heddle::loop {

int Batches::open(uint32_t inboxWords, uint32_t recvBytes) {
  if (!words_.reserve(size_t{inboxWords} * 2) || !bytes_.reserve(size_t{recvBytes} * 2)) {
    return -ENOMEM;
  }
  first_.inbox = words_.data();
  second_.inbox = words_.data() + inboxWords;
  first_.recv = bytes_.data();
  second_.recv = bytes_.data() + recvBytes;
  return 0;
}

}  // namespace heddle::loop
