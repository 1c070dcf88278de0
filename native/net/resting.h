// Which listeners of a loop accept nothing for a while, because the process ran out of descriptors,
// watches or memory: taking the next client would fail as well, and the multiplexer would report
// him again and again. A listener bears the time of its next attempt, `retryNs`, 0 while it does
// not rest. Owned by whoever owns the listeners; thread rule: the loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace heddle::net {

class Resting {
 public:
  // Long enough not to spin, short enough that a client in the backlog does not give up.
  static constexpr int64_t kRestNs = 100'000'000;

  bool any() const { return count_ > 0; }
  // When the next of them tries again, or sooner; INT64_MAX when none rests.
  int64_t nextNs() const { return any() ? nextNs_ : INT64_MAX; }

  template <class Listener>
  void rest(Listener* listener, int64_t nowNs) {
    if (listener->retryNs == 0) count_++;
    listener->retryNs = nowNs + kRestNs;
    nextNs_ = count_ == 1 ? listener->retryNs : std::min(nextNs_, listener->retryNs);
  }
  // Something was given back: a listener that rests tries again in the next pass.
  template <class Listener>
  void hurry(Listener* listener) {
    listener->retryNs = 1;
    nextNs_ = 1;
  }
  // Before it ends, resting or not.
  template <class Listener>
  void forget(const Listener* listener) {
    if (listener->retryNs != 0) count_--;
  }
  // Calls accept(listener) for those whose time has come; they rest no more.
  template <class Listeners, class Accept>
  void restart(Listeners& listeners, int64_t nowNs, const Accept& accept) {
    if (nextNs() > nowNs) return;
    nextNs_ = INT64_MAX;
    listeners.each([&](auto& listener, uint32_t) {
      if (listener.retryNs == 0) return;
      if (listener.retryNs > nowNs) {
        nextNs_ = std::min(nextNs_, listener.retryNs);
        return;
      }
      listener.retryNs = 0;
      count_--;
      accept(&listener);
    });
  }

 private:
  uint32_t count_ = 0;
  int64_t nextNs_ = INT64_MAX;  // while some rest
};

}  // namespace heddle::net
