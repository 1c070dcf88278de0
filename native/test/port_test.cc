// The port by itself: batches, deferred records, the receive slab.
#include <string>
#include <vector>

#include "loop/port.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

using loop::Port;

PortSizes small() {
  PortSizes sizes;
  sizes.inboxWords = Port::kLongestRecord + 9;
  sizes.recvBytes = 64;
  return sizes;
}

std::vector<int32_t> numbersIn(const PortBlock& block, uint32_t words) {
  std::vector<int32_t> numbers;
  const int32_t* const inbox = block.memory().inbox;
  for (uint32_t at = 0; at < words; at += static_cast<uint32_t>(inbox[at]) >> 8) {
    numbers.push_back(inbox[at + 1]);
  }
  return numbers;
}

CASE("port: a record is kind, words and arguments") {
  const PortBlock block(small());
  Port port(block.memory());
  port.begin();
  port.emit(In::FD, 7, -1);
  const uint32_t words = port.seal();
  CHECK_EQ(words, 3u);
  CHECK_EQ(block.memory().inbox[0], In::FD | 3 << 8);
  CHECK_EQ(block.memory().inbox[1], 7);
  CHECK_EQ(block.memory().inbox[2], -1);
}

CASE("port: what arises outside a batch opens the next one, in order") {
  const PortBlock block(small());
  Port port(block.memory());
  port.emit(In::TIMER, 1);
  port.emit(In::TIMER, 2);
  CHECK(port.hasDeferred());
  port.begin();
  CHECK(!port.hasDeferred());
  port.emit(In::TIMER, 3);
  const uint32_t words = port.seal();
  CHECK(numbersIn(block, words) == (std::vector<int32_t>{1, 2, 3}));
  port.emit(In::TIMER, 4);
  port.begin();
  CHECK(numbersIn(block, port.seal()) == (std::vector<int32_t>{4}));
}

CASE("port: a full inbox defers, loses nothing and keeps the order") {
  const PortBlock block(small());
  Port port(block.memory());
  std::vector<int32_t> seen;
  int32_t given = 0;
  for (int batch = 0; batch < 10'000; batch++) {
    port.begin();
    // More than fits at first, then the rest drains.
    for (int i = 0; i < (batch < 10 ? 300 : 0); i++) port.emit(In::TIMER, given++);
    const uint32_t words = port.seal();
    CHECK(words <= block.memory().inboxWords);
    for (const int32_t number : numbersIn(block, words)) seen.push_back(number);
    if (batch >= 10 && !port.hasDeferred()) break;
  }
  REQUIRE(seen.size() == static_cast<size_t>(given));
  for (int32_t i = 0; i < given; i++) CHECK_EQ(seen[static_cast<size_t>(i)], i);
}

CASE("port: room means room for the longest record") {
  const PortBlock block(small());
  Port port(block.memory());
  port.begin();
  CHECK(port.hasRoom());
  for (int i = 0; i < 4; i++) port.emit(In::TIMER, i);  // 8 of the 9 spare words
  CHECK(port.hasRoom());
  port.emit(In::TIMER, 4);
  CHECK(!port.hasRoom());
}

CASE("port: the receive slab is handed out in steps of 8 and never beyond its end") {
  PortSizes sizes = small();
  sizes.recvBytes = 61;
  const PortBlock block(sizes);
  Port port(block.memory());
  port.begin();
  CHECK_EQ(port.recvRoom(), 61u);
  port.commitRecv(1);
  CHECK_EQ(port.recvOffset(), 8u);
  port.commitRecv(16);
  CHECK_EQ(port.recvOffset(), 24u);
  port.commitRecv(port.recvRoom());
  CHECK_EQ(port.recvRoom(), 0u);
  CHECK(port.ownsRecv(block.memory().recv));
  CHECK(port.ownsRecv(block.memory().recv + 60));
  CHECK(!port.ownsRecv(block.memory().recv + 61));
  CHECK(!port.ownsRecv(block.memory().send));
  port.seal();
  port.begin();
  CHECK_EQ(port.recvRoom(), 61u);
}

}  // namespace
}  // namespace heddle::test
