// What sections and reclaiming cost, beside Concurrency Kit's epochs and liburcu's sections
// (Debian: libck-dev, liburcu-dev): nanoseconds of processor time for each section or object. The
// objects come from an array and are not freed: only the reclamation is measured.
#include <sched.h>

#include <thread>
#include <vector>

#include "contestants.h"
#include "epoch_contestants.h"

namespace {

using bench::cpuNs;

constexpr int kSections = 20'000'000;
constexpr int kObjects = 1 << 20;

void pin(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// Nothing, for so many turns.
void spend(int turns) {
  for (int i = 0; i < turns; i++) asm volatile("" ::: "memory");
}

template <class T>
double sections(unsigned core) {
  pin(core);
  T::attach();
  const double start = cpuNs();
  for (int i = 0; i < kSections; i++) {
    const auto section = T::enter();
    asm volatile("" ::: "memory");
    T::leave(section);
  }
  const double each = (cpuNs() - start) / kSections;
  T::detach();
  return each;
}

template <class T>
double sectionsOfTwo() {
  double other = 0;
  std::thread thread([&] { other = sections<T>(1); });
  const double own = sections<T>(0);
  thread.join();
  return (own + other) / 2;
}

// A thread that enters and leaves short sections without pause while this object lives.
template <class T>
class Reader {
 public:
  explicit Reader(bool wanted) {
    if (!wanted) return;
    thread_ = std::thread([this] { run(); });
    while (!ready_) sched_yield();
  }
  ~Reader() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    pin(1);
    T::attach();
    ready_ = true;
    while (!stop_.load(std::memory_order_relaxed)) {
      const auto section = T::enter();
      spend(20);
      T::leave(section);
    }
    T::detach();
  }
  std::atomic<bool> ready_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Retires objects and reclaims them in batches of `batch`.
template <class T>
double reclaiming(int batch, bool reading) {
  static std::vector<typename T::Object> objects(static_cast<size_t>(kObjects));
  const Reader<T> reader(reading);
  pin(0);
  T::attach();
  const double start = cpuNs();
  for (int i = 0; i < kObjects; i++) {
    T::retire(&objects[static_cast<size_t>(i)]);
    if ((i + 1) % batch == 0) T::flush();
  }
  T::flush();
  const double each = (cpuNs() - start) / kObjects;
  if (bench::reclaimed.load() != kObjects) std::abort();
  T::detach();
  return each;
}

// A loop tick or a job: a section around work, while another thread retires and reclaims without
// pause in batches as large as the collector's. Nanoseconds of the section with its work.
template <class T>
double ticks(int turns) {
  static std::vector<typename T::Object> objects(static_cast<size_t>(kObjects));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    pin(1);
    T::attach();
    for (size_t i = 0; !stop.load(std::memory_order_relaxed);) {
      T::retire(&objects[i % kObjects]);
      if (++i % 65'536 == 0) T::flush();
    }
    T::flush();
    T::detach();
  });
  pin(0);
  T::attach();
  const int count = 80'000'000 / turns;
  const double start = cpuNs();
  for (int i = 0; i < count; i++) {
    const auto section = T::enter();
    spend(turns);
    T::leave(section);
  }
  const double each = (cpuNs() - start) / count;
  T::detach();
  stop = true;
  writer.join();
  return each;
}

const char* const kCases[] = {
    "sections-one",         "sections-two",         "reclaim-alone-1024",    "reclaim-alone-65536",
    "reclaim-reading-1024", "reclaim-reading-4096", "reclaim-reading-65536", "ticks-100",
    "ticks-10000"};

template <class T>
double measure(int task) {
  switch (task) {
    case 0:
      return sections<T>(0);
    case 1:
      return sectionsOfTwo<T>();
    case 2:
      return reclaiming<T>(1024, false);
    case 3:
      return reclaiming<T>(65'536, false);
    case 4:
      return reclaiming<T>(1024, true);
    case 5:
      return reclaiming<T>(4096, true);
    case 6:
      return reclaiming<T>(65'536, true);
    case 7:
      return ticks<T>(100);
    default:
      return ticks<T>(10'000);
  }
}

using Asymmetric = bench::Heddle<heddle::mem::EpochForm::kAsymmetric>;
using Exchange = bench::Heddle<heddle::mem::EpochForm::kExchange>;

// Negative: no such contestant, or one that takes no part in the case.
double measureOf(const char* contestant, int task) {
  if (std::strcmp(contestant, "heddle") == 0) return measure<Asymmetric>(task);
  if (std::strcmp(contestant, "heddle-exchange") == 0) return measure<Exchange>(task);
#ifdef HEDDLE_HAS_CK
  if (std::strcmp(contestant, "ck") == 0) return measure<bench::Ck>(task);
#endif
#ifdef HEDDLE_HAS_URCU
  if (std::strcmp(contestant, "urcu") == 0 && task == 0) return sections<bench::Urcu>(0);
  if (std::strcmp(contestant, "urcu") == 0 && task == 1) return sectionsOfTwo<bench::Urcu>();
#endif
  return -1;
}

constexpr bool kHasCk =
#ifdef HEDDLE_HAS_CK
    true;
#else
    false;
#endif
constexpr bool kHasUrcu =
#ifdef HEDDLE_HAS_URCU
    true;
#else
    false;
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    const bench::Contestant contestants[] = {
        {"heddle", true}, {"heddle-exchange", true}, {"ck", kHasCk}, {"urcu", kHasUrcu}};
    bench::printNames(kCases, contestants);
    return 0;
  }
  const int task = bench::indexOf(kCases, argv[1]);
  const double ns = task < 0 ? -1 : measureOf(argv[2], task);
  if (ns < 0) return 2;
  bench::printFigures({{"ns", ns}});
  return 0;
}
