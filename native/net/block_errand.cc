#include "net/block_errand.h"

#include <cstring>
#include <new>

#include "mem/memtype.h"

namespace heddle::net {
namespace {

// The bytes lie behind it. Once it has run it is the block's, until that is sent.
struct BlockErrand final : loop::Errand {
  BlockErrand(Net* netIn, const BlockTarget& targetIn, size_t sizeIn)
      : Errand(0, write, drop, kReply), net(netIn), target(targetIn), bytes(sizeIn) {}

  static void write(Errand* errand, loop::Loop&);
  static void drop(Errand* errand) { end(errand); }
  static void end(void* errand) {
    auto* const self = static_cast<BlockErrand*>(static_cast<Errand*>(errand));
    self->~BlockErrand();
    mem::release(mem::builtinType(mem::Builtin::kHandedOver), self);
  }
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }

  Net* const net;
  const BlockTarget target;
  const size_t bytes;
};

int writeTo(Net* net, const BlockTarget& target, const Block& block, bool* kept) {
  if (target.seq < 0) return net->writeBlock(target.connection, block, kept);
  return net->writeHttpBlock(target.connection, static_cast<uint8_t>(target.seq), block, kept);
}

void BlockErrand::write(Errand* errand, loop::Loop&) {
  auto* const self = static_cast<BlockErrand*>(errand);
  bool kept = false;
  // A failure ends the connection, which says so; or there is none any more.
  static_cast<void>(writeTo(self->net, self->target,
                            Block{self->data(), self->bytes, end, errand, nullptr}, &kept));
  if (!kept) end(errand);
}

BlockErrand* makeErrand(Net* net, const BlockTarget& target, const uint8_t* data, size_t size) {
  void* const memory =
      mem::allocateBytes(mem::builtinType(mem::Builtin::kHandedOver), sizeof(BlockErrand) + size);
  if (memory == nullptr) return nullptr;
  auto* const made = ::new (memory) BlockErrand(net, target, size);
  std::memcpy(made->data(), data, size);
  return made;
}

}  // namespace

int handBlockOver(loop::Dedicated& dedicated, Net* net, const BlockTarget& target,
                  const uint8_t* data, size_t size) {
  dedicated.handOver();
  BlockErrand* const errand = dedicated.isBehind() ? nullptr : makeErrand(net, target, data, size);
  if (errand != nullptr) {
    dedicated.submit(errand, size);
    return 0;
  }
  return dedicated.visit([&] {
    bool kept = false;  // of a block without a release nothing is
    return writeTo(net, target, Block{data, size}, &kept);
  });
}

}  // namespace heddle::net
