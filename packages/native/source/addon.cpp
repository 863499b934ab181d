// The addon: which levels the processor has, heaps, and machines that run the job that stands in a heap, on one thread or
// on a pool of its own. What a job is: packages/mesoscope/src/kernels/heap/job.ts.
#include <node_api.h>
#include <sys/mman.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "memory-map.h"

using m_memory_map::REMAINING;
using m_memory_map::TICKETS;

namespace {

struct Level {
  const char *name;
  void (*work)(unsigned char *, int, int);
  void (*workAlone)(unsigned char *, int);
  void (*merge)(unsigned char *, int, uint32_t, uint32_t, uintptr_t, int, int);
  int (*vectorBytes)();
  bool (*isThere)();
};

#if defined(__x86_64__)
/** Bits of extended control register 0: what the system saves when it switches threads. */
uint64_t savedRegisters() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((uint64_t)high << 32) | low;
}

bool hasAvx2() {
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d)) return false;
  const bool fma = c & (1u << 12), osxsave = c & (1u << 27), avx = c & (1u << 28);
  if (!fma || !osxsave || !avx || (savedRegisters() & 6) != 6) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 5));
}

bool hasAvx512() {
  uint32_t a, b, c, d;
  if (!hasAvx2() || (savedRegisters() & 0xe6) != 0xe6) return false;
  const uint32_t needed = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & needed) == needed;
}
#endif
bool always() { return true; }

#define DECLARE(level)                                                    \
  extern "C" void work_##level(unsigned char *, int, int);                \
  extern "C" void workAlone_##level(unsigned char *, int);                \
  extern "C" void merge_##level(unsigned char *, int, uint32_t, uint32_t, uintptr_t, int, int); \
  extern "C" int vectorBytes_##level(void);
#define LEVEL_OF(level, isThere) {#level, work_##level, workAlone_##level, merge_##level, vectorBytes_##level, isThere}

}  // namespace

#ifdef HAS_avx512
DECLARE(avx512)
#endif
#ifdef HAS_avx2
DECLARE(avx2)
#endif
#ifdef HAS_neon
DECLARE(neon)
#endif

namespace {

/** Widest first. */
const Level levels[] = {
#ifdef HAS_avx512
    LEVEL_OF(avx512, hasAvx512),
#endif
#ifdef HAS_avx2
    LEVEL_OF(avx2, hasAvx2),
#endif
#ifdef HAS_neon
    LEVEL_OF(neon, always),
#endif
};

void pauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/** Looks this often, some tens of microseconds, before it sleeps: the next job is usually near. */
const int patience = 20000;

/** Threads that take part in the jobs of one heap. */
class Machine {
 public:
  Machine(unsigned char *heap, size_t bytes, const Level &level, bool isDouble, int threads)
      : heap(heap), bytes(bytes), level(level), isDouble(isDouble) {
    for (int thread = 1; thread < threads; thread++) workers.emplace_back([this, thread] { serve(thread); });
  }

  ~Machine() { stop(); }

  /** Ends the threads; what runs after it runs on one. */
  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
      generation++;
    }
    posted.notify_all();
    for (auto &worker : workers) worker.join();
    workers.clear();
  }

  /** Gives the heap's pages back; the numbers in it become 0, the buffer itself lives until it is collected. */
  void forget() { madvise(heap, bytes, MADV_DONTNEED); }

  void run(int units) {
    if (workers.empty() || units == 1) {
      level.workAlone(heap, isDouble);
      return;
    }
    word(REMAINING).store(units);
    word(TICKETS).store(units);
    generation++;
    if (sleepers.load() > 0) {
      std::lock_guard<std::mutex> lock(mutex);
      posted.notify_all();
    }
    level.work(heap, isDouble, 0);
    for (int looks = 0; word(REMAINING).load() > 0; looks++) {
      if (looks < patience) pauseBriefly();
      else std::this_thread::yield();
    }
  }

  void merge(uint32_t target, uint32_t partials, uint32_t bytes, int units, int count) {
    level.merge(heap, isDouble, target, partials, bytes, units, count);
  }

 private:
  std::atomic<int32_t> &word(uint32_t place) { return *reinterpret_cast<std::atomic<int32_t> *>(heap + place); }

  void serve(int thread) {
    uint64_t seen = generation.load();
    // A job may have been posted before this thread looked for the first time.
    level.work(heap, isDouble, thread);
    while (!stopping.load()) {
      for (int looks = 0; looks < patience && generation.load() == seen; looks++) pauseBriefly();
      if (generation.load() == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        sleepers++;
        posted.wait(lock, [&] { return generation.load() != seen; });
        sleepers--;
      }
      seen = generation.load();
      if (stopping.load()) return;
      level.work(heap, isDouble, thread);
    }
  }

  unsigned char *heap;
  size_t bytes;
  const Level &level;
  int isDouble;
  std::vector<std::thread> workers;
  std::atomic<uint64_t> generation{0};
  std::atomic<int> sleepers{0};
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable posted;
};

napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

template <size_t n> bool read(napi_env env, napi_callback_info info, napi_value (&values)[n]) {
  size_t count = n;
  return napi_get_cb_info(env, info, &count, values, nullptr, nullptr) == napi_ok && count == n;
}

double numberOf(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

/** levels(): [{ name, vector, isThere }]. */
napi_value levelsOf(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t i = 0;
  for (const Level &level : levels) {
    napi_value entry, name, vector, isThere;
    napi_create_object(env, &entry);
    napi_create_string_utf8(env, level.name, NAPI_AUTO_LENGTH, &name);
    // A vector's size is asked only where its code may run.
    napi_create_int32(env, level.isThere() ? level.vectorBytes() : 0, &vector);
    napi_get_boolean(env, level.isThere(), &isThere);
    napi_set_named_property(env, entry, "name", name);
    napi_set_named_property(env, entry, "vector", vector);
    napi_set_named_property(env, entry, "isThere", isThere);
    napi_set_element(env, list, i++, entry);
  }
  return list;
}

/** createHeap(bytes): an ArrayBuffer whose pages the system gives as they are used. */
napi_value createHeap(napi_env env, napi_callback_info info) {
  napi_value values[1];
  if (!read(env, info, values)) return fail(env, "createHeap takes a number of bytes");
  const size_t bytes = (size_t)numberOf(env, values[0]);
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return fail(env, "out of memory");
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  napi_value buffer;
  const auto release = [](napi_env, void *data, void *hint) { munmap(data, (size_t)hint); };
  if (napi_create_external_arraybuffer(env, memory, bytes, release, (void *)bytes, &buffer) != napi_ok) {
    munmap(memory, bytes);
    return fail(env, "this engine takes no memory from outside");
  }
  return buffer;
}

/** createMachine(heap, name of a level, isDouble, threads). */
napi_value createMachine(napi_env env, napi_callback_info info) {
  napi_value values[4];
  if (!read(env, info, values)) return fail(env, "createMachine takes a heap, a level, whether numbers are f64, and threads");
  void *heap;
  size_t bytes;
  if (napi_get_arraybuffer_info(env, values[0], &heap, &bytes) != napi_ok) return fail(env, "not a heap");
  char name[16] = "";
  napi_get_value_string_utf8(env, values[1], name, sizeof name, nullptr);
  bool isDouble = false;
  napi_get_value_bool(env, values[2], &isDouble);
  for (const Level &level : levels) {
    if (std::string_view(level.name) != name) continue;
    if (!level.isThere()) return fail(env, "this processor does not have that level");
    napi_value machine;
    const auto release = [](napi_env, void *data, void *) { delete (Machine *)data; };
    napi_create_external(env, new Machine((unsigned char *)heap, bytes, level, isDouble, (int)numberOf(env, values[3])), release, nullptr, &machine);
    return machine;
  }
  return fail(env, "unknown level");
}

Machine *machineOf(napi_env env, napi_value value) {
  void *machine = nullptr;
  napi_get_value_external(env, value, &machine);
  return (Machine *)machine;
}

/** run(machine, units). */
napi_value run(napi_env env, napi_callback_info info) {
  napi_value values[2];
  if (!read(env, info, values)) return fail(env, "run takes a machine and a number of units");
  machineOf(env, values[0])->run((int)numberOf(env, values[1]));
  return nullptr;
}

/** dispose(machine). */
napi_value dispose(napi_env env, napi_callback_info info) {
  napi_value values[1];
  if (!read(env, info, values)) return fail(env, "dispose takes a machine");
  machineOf(env, values[0])->stop();
  machineOf(env, values[0])->forget();
  return nullptr;
}

/** merge(machine, target, partials, bytes, units, count). */
napi_value merge(napi_env env, napi_callback_info info) {
  napi_value values[6];
  if (!read(env, info, values)) return fail(env, "merge takes a machine and five numbers");
  const auto number = [&](int i) { return (uint32_t)numberOf(env, values[i]); };
  machineOf(env, values[0])->merge(number(1), number(2), number(3), (int)number(4), (int)number(5));
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"levels", nullptr, levelsOf, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createHeap", nullptr, createHeap, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createMachine", nullptr, createMachine, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"run", nullptr, run, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"dispose", nullptr, dispose, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"merge", nullptr, merge, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
