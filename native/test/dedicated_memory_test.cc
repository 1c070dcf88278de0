// A loop on a thread of its own that memory fails at any allocation, of its own or its isolate's.
#include <cerrno>
#include <string>

#include "test/dedicated_fixture.h"
#include "test/failing.h"

namespace heddle::test {
namespace {

// What the process makes once, and does not do without.
void makeEpochs() { const DedicatedWorld world; }

CASE("MT-16 a dedicated loop: each allocation of its making may fail") {
  makeEpochs();
  eachAllocationFails(4, [](Failing& failing) {
    const PortBlock block({});
    loop::DedicatedCells cells;
    struct Ends {
      static void end(void*) {}
    };
    failing.arm();
    auto loop = loop::Loops::makePtr(cells.portMemory(block.memory()), Loopback::originNow());
    if (loop == nullptr || loop->open() < 0) return;
    auto dedicated =
        loop::Dedicateds::makePtr(loop.get(), &cells, block.memory(), Ends::end, nullptr);
    const int opened = dedicated == nullptr ? -ENOMEM : dedicated->open("test/0");
    CHECK(opened == 0 || opened == -ENOMEM);
    if (opened == 0) dedicated->close();
  });
}

CASE("MT-18 a dedicated loop: without memory its isolate applies the output itself") {
  DedicatedWorld world;
  auto adopted = world.adopt();
  const uint32_t connection = adopted.first;
  Client& far = adopted.second;
  world.turn(1);
  for (int i = 0; i < 50; i++) {
    world.write(connection, "with");
    Failing failing(0);
    failing.arm();
    world.write(connection, "out ");
    world.dedicated().handOver();
    CHECK(failing.disarm());
  }
  CHECK(world.until([&] {
    far.read();
    return far.in.size() == 400;
  }));
  for (size_t i = 0; i < far.in.size(); i += 8) CHECK_EQ(far.in.compare(i, 8, "without "), 0);
}

std::string lettersOf(char first, size_t size) {
  std::string letters(size, first);
  for (size_t i = 0; i < size; i++)
    letters[i] = static_cast<char>(first + static_cast<char>(i % 13));
  return letters;
}

// Output and blocks while memory fails: all of it arrives, or a part from its beginning, and the
// connection ends for want of memory.
struct BlockRun {
  DedicatedWorld world;
  bool isWhole = false;

  void run(Failing& failing) {
    auto adopted = world.adopt();
    const uint32_t connection = adopted.first;
    Client& far = adopted.second;
    // More than a pair of sockets holds.
    const std::string parts[] = {"head", lettersOf('a', 600'000), "neck", lettersOf('n', 600'000),
                                 "tail"};
    std::string wanted;
    failing.arm();
    for (const std::string& part : parts) {
      wanted += part;
      if (part.size() < 100) {
        world.write(connection, part);
      } else {
        const int result = world.writeBlock(connection, part);
        CHECK(result == 0 || result == -ENOMEM || result == -EPIPE || result == -EBADF);
      }
    }
    const auto closed = [&] { return !world.log.empty() && world.log.back().kind == In::CLOSE; };
    CHECK(world.until([&] {
      far.read();
      return closed() || far.in.size() >= wanted.size();
    }));
    far.read();
    CHECK(wanted.compare(0, far.in.size(), far.in) == 0);
    isWhole = far.in.size() == wanted.size();
    if (isWhole || !closed()) return;
    CHECK_EQ(world.log.back().at(2), ENOMEM);
    CHECK_EQ(world.log.back().at(3), CloseReason::ERROR);
  }
};

CASE("MT-18 a dedicated loop: without memory for a block its stream has no hole") {
  makeEpochs();
  int broken = 0;
  for (const int64_t inARow : {1, 2, 3, 4}) {
    eachAllocationFails(
        4,
        [&](Failing& failing) {
          BlockRun run;
          run.run(failing);
          broken += run.isWhole ? 0 : 1;
        },
        inARow);
  }
  CHECK(broken > 0);
}

}  // namespace
}  // namespace heddle::test
