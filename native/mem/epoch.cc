#include "mem/epoch.h"

namespace heddle::mem {

constinit thread_local bool epochReclaiming [[gnu::tls_model("initial-exec")]] = false;
constinit thread_local Epochs::Thread* epochSelf [[gnu::tls_model("initial-exec")]] = nullptr;

Epochs& epochs() {
  // Never destroyed: threads of others may still run while the process ends.
  static Epochs* const instance = [] {
    Epochs* made = epochRawNew<Epochs>();
    if (made == nullptr) epochDie("no memory for the domain");
    return made;
  }();
  return *instance;
}

int epochAttachThread() {
  if (epochSelf != nullptr) return -EALREADY;
  epochSelf = epochs().attach();
  return epochSelf == nullptr ? -ENOMEM : 0;
}

int epochDetachThread() {
  if (epochSelf == nullptr) return -EPERM;
  const uint32_t levels = epochs().detach(epochSelf);
  epochSelf = nullptr;
  return static_cast<int>(levels);
}

int64_t epochMaintain(MaintainMode mode) {
  switch (mode) {
    case MaintainMode::kNone:
      return 0;
    case MaintainMode::kTry:
      return epochs().maintainTry();
    case MaintainMode::kBarrier:
      return epochs().maintainBarrier(epochSelf);
    case MaintainMode::kBarrierAsync:
      (void)epochs().maintainAsync();
      return 0;
  }
  return 0;
}

namespace {

// Runs while somebody holds it and it is not paused.
struct SharedCollector {
  std::mutex lock;
  unsigned holders = 0;
  bool paused = false;
  bool running = false;
  EpochCollector* collector = nullptr;

  int settle() {
    const bool wanted = holders > 0 && !paused;
    if (wanted == running) return 0;
    if (wanted) {
      const int started = collector->start();
      running = started == 0;
      return started;
    }
    collector->stop();
    running = false;
    return 0;
  }
};

SharedCollector& sharedCollector() {
  static SharedCollector* const instance = epochRawNew<SharedCollector>();
  if (instance == nullptr) epochDie("no memory for the collector");
  return *instance;
}

}  // namespace

int epochStartCollector(const CollectorOptions& options) {
  SharedCollector& shared = sharedCollector();
  std::lock_guard held(shared.lock);
  if (shared.collector == nullptr) {
    // Never destroyed, only stopped: any thread may wake it at any time.
    CollectorOptions full = options;
    // Reclaim functions may enter sections and retire.
    full.threadBegins = [] { (void)epochAttachThread(); };
    full.threadEnds = [] { (void)epochDetachThread(); };
    EpochCollector* made = epochRawNew<EpochCollector>(epochs(), full);
    if (made == nullptr) return -ENOMEM;
    shared.collector = made;
  }
  shared.holders++;
  const int settled = shared.settle();
  if (settled < 0) shared.holders--;
  return settled;
}

void epochStopCollector() {
  SharedCollector& shared = sharedCollector();
  std::lock_guard held(shared.lock);
  if (shared.holders == 0 || --shared.holders > 0) return;
  (void)shared.settle();
  // Twice: what a reclaim function retires comes with the second.
  (void)epochs().maintainTry();
  (void)epochs().maintainTry();
}

int epochPauseCollector(bool paused) {
  SharedCollector& shared = sharedCollector();
  std::lock_guard held(shared.lock);
  shared.paused = paused;
  return shared.settle();
}

}  // namespace heddle::mem
