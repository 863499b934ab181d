// Runs one job, or one merge, of a heap that is a file: for a processor that is emulated, where no addon is loaded.
//   run-heap <file> <whether numbers are f64>
//   run-heap <file> <whether numbers are f64> <target> <partials> <bytes> <units> <count>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>

#define JOIN_NAMES(a, b) a##_##b
#define JOIN(a, b) JOIN_NAMES(a, b)

extern "C" void JOIN(workAlone, LEVEL)(unsigned char *, int);
extern "C" void JOIN(merge, LEVEL)(unsigned char *, int, uint32_t, uint32_t, uintptr_t, int, int);

int main(int count, char **words) {
  if (count != 3 && count != 8) return 2;
  const int file = open(words[1], O_RDWR);
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0) return 3;
  void *memory = mmap(nullptr, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return 4;
  unsigned char *heap = (unsigned char *)memory;
  const auto number = [&](int i) { return (uint32_t)std::strtoul(words[i], nullptr, 10); };
  if (count == 3) JOIN(workAlone, LEVEL)(heap, (int)number(2));
  else JOIN(merge, LEVEL)(heap, (int)number(2), number(3), number(4), number(5), (int)number(6), (int)number(7));
  return 0;
}
