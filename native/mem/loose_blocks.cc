#include "mem/loose_blocks.h"

#include <mutex>

#include "mem/typed_object.h"

namespace heddle::mem {

namespace {

struct Left {
  LooseBlock block;
  uint64_t token = 0;
  Left* next = nullptr;
};

using Lefts = Typed<Left, Builtin::kLooseBlock>;

constexpr size_t kBuckets = 4096;

struct Table {
  std::mutex lock;
  uint64_t lastToken = 0;
  uint64_t count = 0;
  Left* buckets[kBuckets] = {};
};
constinit Table table;

}  // namespace

uint64_t leaveBlock(const LooseBlock& block) {
  Left* const left = Lefts::make(block);
  if (left == nullptr) return 0;
  std::lock_guard<std::mutex> held(table.lock);
  // Consecutive numbers fill the buckets evenly.
  left->token = ++table.lastToken;
  Left*& bucket = table.buckets[left->token % kBuckets];
  left->next = bucket;
  bucket = left;
  table.count++;
  return left->token;
}

bool claimBlock(uint64_t token, LooseBlock* block) {
  Left* found = nullptr;
  {
    std::lock_guard<std::mutex> held(table.lock);
    Left** place = &table.buckets[token % kBuckets];
    while (*place != nullptr && (*place)->token != token) place = &(*place)->next;
    found = *place;
    if (found == nullptr) return false;
    *place = found->next;
    table.count--;
  }
  *block = found->block;
  Lefts::destroy(found);
  return true;
}

uint64_t unclaimedBlocks() {
  std::lock_guard<std::mutex> held(table.lock);
  return table.count;
}

}  // namespace heddle::mem
