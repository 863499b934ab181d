// The kernels at one level, LEVEL: this file is compiled once for each, with that level's flags.
#include "lanes.h"
#include "kernels.inc"

#define JOIN_NAMES(a, b) a##_##b
#define JOIN(a, b) JOIN_NAMES(a, b)
#define EXPORTED(name) JOIN(name, LEVEL)

extern "C" {

void EXPORTED(work)(unsigned char *heap, int isDouble, int thread) {
  heapBase = (usize)heap;
  if (isDouble) m_index::workF64(thread);
  else m_index::workF32(thread);
}

void EXPORTED(workAlone)(unsigned char *heap, int isDouble) {
  heapBase = (usize)heap;
  if (isDouble) m_index::workAloneF64();
  else m_index::workAloneF32();
}

void EXPORTED(merge)(unsigned char *heap, int isDouble, u32 target, u32 partials, usize bytes, int units, int count) {
  heapBase = (usize)heap;
  if (isDouble) m_index::mergeF64(target, partials, bytes, units, count);
  else m_index::mergeF32(target, partials, bytes, units, count);
}

int EXPORTED(vectorBytes)(void) { return VECTOR_BYTES; }
}
