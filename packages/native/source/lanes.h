// Vectors of the machine's width: what assembly/lanes.ts is for WebAssembly, and the few words of AssemblyScript that the
// kernels use. Everything else of the kernels is made from their one source (scripts/transpile.mjs).
//
// LEVEL is one of AVX512, AVX2, NEON; a vector is bits without a type, as v128 is there.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ALWAYS_INLINE __attribute__((always_inline))

typedef int32_t i32;
typedef int64_t i64;
typedef uint32_t u32;
typedef uintptr_t usize;
typedef double f64;
typedef float f32;

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define TILE_ROWS_OF_LEVEL 8
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define TILE_ROWS_OF_LEVEL 4
#else
#define VECTOR_BYTES 16
#define TILE_ROWS_OF_LEVEL 8
#endif

typedef i64 v128 __attribute__((vector_size(VECTOR_BYTES)));
template <class T> struct Vector { typedef T type __attribute__((vector_size(VECTOR_BYTES))); };
template <class T> using vector_of = typename Vector<T>::type;
template <class T> struct Bits;
template <> struct Bits<f64> { typedef i64 type; };
template <> struct Bits<f32> { typedef i32 type; };
template <> struct Bits<i64> { typedef i64 type; };
template <> struct Bits<i32> { typedef i32 type; };

static constexpr f64 infinity = std::numeric_limits<f64>::infinity();
static constexpr f64 not_a_number = std::numeric_limits<f64>::quiet_NaN();

/** Words of AssemblyScript. */
namespace as {

template <class T> static ALWAYS_INLINE inline T load(usize pointer, usize offset = 0) {
  T value;
  std::memcpy(&value, (const void *)(pointer + offset), sizeof(T));
  return value;
}

template <class T> static ALWAYS_INLINE inline void store(usize pointer, T value, usize offset = 0) {
  std::memcpy((void *)(pointer + offset), &value, sizeof(T));
}

template <class T> static ALWAYS_INLINE inline T abs(T x) { return x < 0 ? -x : x; }
template <class T> static ALWAYS_INLINE inline T min(T x, T y) { return y < x ? y : x; }
template <class T> static ALWAYS_INLINE inline T max(T x, T y) { return x < y ? y : x; }
template <class T> static ALWAYS_INLINE inline T floor(T x) { return std::floor(x); }
static ALWAYS_INLINE inline bool isFinite(f64 x) { return std::isfinite(x); }
static ALWAYS_INLINE inline i32 clz(i32 x) { return x == 0 ? 32 : __builtin_clz((u32)x); }
[[noreturn]] static inline void unreachable() { std::abort(); }

static inline f64 math_sqrt(f64 x) { return std::sqrt(x); }
static inline f64 math_log(f64 x) { return std::log(x); }
static inline f64 math_pow(f64 x, f64 y) { return std::pow(x, y); }
static inline f64 math_sin(f64 x) { return std::sin(x); }
static inline f64 math_cos(f64 x) { return std::cos(x); }

static inline void memory_fill(usize to, i32 value, usize bytes) { std::memset((void *)to, value, bytes); }
static inline void memory_copy(usize to, usize from, usize bytes) { std::memmove((void *)to, (const void *)from, bytes); }

template <class T> static inline T atomic_sub(usize pointer, T x) {
  return __atomic_fetch_sub((T *)pointer, x, __ATOMIC_SEQ_CST);
}
/** Nobody sleeps on a word of the heap here: the pool waits by looking. */
static inline void atomic_notify(usize, i32) {}

static ALWAYS_INLINE inline v128 v128_load(usize pointer, usize offset = 0) { return load<v128>(pointer, offset); }
static ALWAYS_INLINE inline void v128_store(usize pointer, v128 v, usize offset = 0) { store<v128>(pointer, v, offset); }

template <class T, class X> static ALWAYS_INLINE inline v128 v128_splat(X x) {
  return (v128)(vector_of<T>{} + (T)x);
}
/** A splat keeps the sign of zero, which 0 + x does not. */
template <> ALWAYS_INLINE inline v128 v128_splat<f64, f64>(f64 x) {
  return v128_splat<i64>(load<i64>((usize)&x));
}
template <> ALWAYS_INLINE inline v128 v128_splat<f32, f32>(f32 x) {
  return v128_splat<i32>(load<i32>((usize)&x));
}

template <class T> static ALWAYS_INLINE inline v128 v128_add(v128 a, v128 b) { return (v128)((vector_of<T>)a + (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_sub(v128 a, v128 b) { return (v128)((vector_of<T>)a - (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_mul(v128 a, v128 b) { return (v128)((vector_of<T>)a * (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_div(v128 a, v128 b) { return (v128)((vector_of<T>)a / (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_lt(v128 a, v128 b) { return (v128)((vector_of<T>)a < (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_gt(v128 a, v128 b) { return (v128)((vector_of<T>)a > (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_eq(v128 a, v128 b) { return (v128)((vector_of<T>)a == (vector_of<T>)b); }
template <class T> static ALWAYS_INLINE inline v128 v128_ne(v128 a, v128 b) { return (v128)((vector_of<T>)a != (vector_of<T>)b); }
static ALWAYS_INLINE inline v128 v128_and(v128 a, v128 b) { return a & b; }
static ALWAYS_INLINE inline v128 v128_or(v128 a, v128 b) { return a | b; }
static ALWAYS_INLINE inline v128 v128_andnot(v128 a, v128 b) { return a & ~b; }
/** Bits of a where the mask has ones, of b where it has zeros. */
static ALWAYS_INLINE inline v128 v128_bitselect(v128 a, v128 b, v128 mask) { return (a & mask) | (b & ~mask); }
template <class T> static ALWAYS_INLINE inline v128 v128_shl(v128 a, i32 n) { return (v128)((vector_of<T>)a << n); }
template <class T> static ALWAYS_INLINE inline v128 v128_shr_s(v128 a, i32 n) { return (v128)((vector_of<T>)a >> n); }
template <class T> static ALWAYS_INLINE inline v128 v128_shr_u(v128 a, i32 n) {
  typedef std::make_unsigned_t<T> U;
  return (v128)((vector_of<U>)a >> n);
}
template <class T> static ALWAYS_INLINE inline v128 v128_convert_i32x4_s(v128 a) {
  return (v128)__builtin_convertvector((vector_of<i32>)a, vector_of<f32>);
}
template <class T> static ALWAYS_INLINE inline v128 signBits() {
  typedef typename Bits<T>::type B;
  return v128_splat<B>((B)((B)1 << (8 * sizeof(T) - 1)));
}
template <class T> static ALWAYS_INLINE inline v128 v128_neg(v128 a) { return a ^ signBits<T>(); }
template <class T> static ALWAYS_INLINE inline v128 v128_abs(v128 a) { return a & ~signBits<T>(); }

template <class T> static ALWAYS_INLINE inline v128 fused(v128 a, v128 b, v128 c, bool negative);
template <class T> static ALWAYS_INLINE inline v128 v128_sqrt(v128 a);
/** b < a ? b : a. */
template <class T> static ALWAYS_INLINE inline v128 v128_pmin(v128 a, v128 b);
/** a < b ? b : a. */
template <class T> static ALWAYS_INLINE inline v128 v128_pmax(v128 a, v128 b);

#if defined(__AVX2__)
// One text for both widths of x86: they differ in the names of types and in a prefix.
#if defined(__AVX512F__)
#define WIDE(name) _mm512_##name
typedef __m512d Doubles;
typedef __m512 Singles;
static ALWAYS_INLINE inline bool v128_any_true(v128 a) { return _mm512_test_epi64_mask((__m512i)a, (__m512i)a) != 0; }
#else
#define WIDE(name) _mm256_##name
typedef __m256d Doubles;
typedef __m256 Singles;
static ALWAYS_INLINE inline bool v128_any_true(v128 a) { return !_mm256_testz_si256((__m256i)a, (__m256i)a); }
#endif
template <> ALWAYS_INLINE inline v128 fused<f64>(v128 a, v128 b, v128 c, bool negative) {
  return negative ? (v128)WIDE(fnmadd_pd)((Doubles)a, (Doubles)b, (Doubles)c) : (v128)WIDE(fmadd_pd)((Doubles)a, (Doubles)b, (Doubles)c);
}
template <> ALWAYS_INLINE inline v128 fused<f32>(v128 a, v128 b, v128 c, bool negative) {
  return negative ? (v128)WIDE(fnmadd_ps)((Singles)a, (Singles)b, (Singles)c) : (v128)WIDE(fmadd_ps)((Singles)a, (Singles)b, (Singles)c);
}
template <> ALWAYS_INLINE inline v128 v128_sqrt<f64>(v128 a) { return (v128)WIDE(sqrt_pd)((Doubles)a); }
template <> ALWAYS_INLINE inline v128 v128_sqrt<f32>(v128 a) { return (v128)WIDE(sqrt_ps)((Singles)a); }
template <> ALWAYS_INLINE inline v128 v128_pmin<f64>(v128 a, v128 b) { return (v128)WIDE(min_pd)((Doubles)b, (Doubles)a); }
template <> ALWAYS_INLINE inline v128 v128_pmin<f32>(v128 a, v128 b) { return (v128)WIDE(min_ps)((Singles)b, (Singles)a); }
template <> ALWAYS_INLINE inline v128 v128_pmax<f64>(v128 a, v128 b) { return (v128)WIDE(max_pd)((Doubles)b, (Doubles)a); }
template <> ALWAYS_INLINE inline v128 v128_pmax<f32>(v128 a, v128 b) { return (v128)WIDE(max_ps)((Singles)b, (Singles)a); }
#else
template <> ALWAYS_INLINE inline v128 fused<f64>(v128 a, v128 b, v128 c, bool negative) {
  return negative ? (v128)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b) : (v128)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
template <> ALWAYS_INLINE inline v128 fused<f32>(v128 a, v128 b, v128 c, bool negative) {
  return negative ? (v128)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b) : (v128)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
template <> ALWAYS_INLINE inline v128 v128_sqrt<f64>(v128 a) { return (v128)vsqrtq_f64((float64x2_t)a); }
template <> ALWAYS_INLINE inline v128 v128_sqrt<f32>(v128 a) { return (v128)vsqrtq_f32((float32x4_t)a); }
template <class T> static ALWAYS_INLINE inline v128 v128_pmin(v128 a, v128 b) { return v128_bitselect(b, a, v128_lt<T>(b, a)); }
template <class T> static ALWAYS_INLINE inline v128 v128_pmax(v128 a, v128 b) { return v128_bitselect(b, a, v128_lt<T>(a, b)); }
static ALWAYS_INLINE inline bool v128_any_true(v128 a) { return (a[0] | a[1]) != 0; }
#endif

}  // namespace as

static constexpr usize VECTOR = VECTOR_BYTES;
static constexpr i32 TILE_ROWS = TILE_ROWS_OF_LEVEL;

template <class T> static constexpr i32 lanes() { return (i32)(VECTOR / sizeof(T)); }
template <class T> static constexpr i32 vectors(i32 columns) { return (columns + lanes<T>() - 1) / lanes<T>(); }
template <class T> static ALWAYS_INLINE inline v128 splat(f64 x) { return as::v128_splat<T>((T)x); }
template <class T> static ALWAYS_INLINE inline v128 loadSplat(usize pointer) { return as::v128_splat<T>(as::load<T>(pointer)); }
template <class T> static ALWAYS_INLINE inline v128 coefficient(usize table, i32 i) { return loadSplat<T>(table + 16 * (usize)i); }
template <class T> static ALWAYS_INLINE inline v128 madd(v128 a, v128 b, v128 c) { return as::fused<T>(a, b, c, false); }
template <class T> static ALWAYS_INLINE inline v128 nmadd(v128 a, v128 b, v128 c) { return as::fused<T>(a, b, c, true); }
template <class T> static ALWAYS_INLINE inline v128 larger(v128 a, v128 b) { return as::v128_pmax<T>(a, b); }

typedef f32 HalfOfSingles __attribute__((vector_size(VECTOR_BYTES / 2)));
static ALWAYS_INLINE inline v128 doublesAt(const void *singles) {
  HalfOfSingles half;
  std::memcpy(&half, singles, sizeof half);
  return (v128)__builtin_convertvector(half, vector_of<f64>);
}
static ALWAYS_INLINE inline v128 lowDoubles(v128 v) { return doublesAt(&v); }
static ALWAYS_INLINE inline v128 highDoubles(v128 v) { return doublesAt((const char *)&v + VECTOR_BYTES / 2); }
static ALWAYS_INLINE inline v128 singles(v128 low, v128 high) {
  const HalfOfSingles halves[] = {__builtin_convertvector((vector_of<f64>)low, HalfOfSingles), __builtin_convertvector((vector_of<f64>)high, HalfOfSingles)};
  v128 v;
  std::memcpy(&v, halves, sizeof v);
  return v;
}

/** 0, 1, … as integers of T's size. */
template <class T> static ALWAYS_INLINE inline vector_of<typename Bits<T>::type> laneIndices() {
  vector_of<typename Bits<T>::type> indices = {};
  for (i32 i = 0; i < lanes<T>(); i++) indices[i] = i;
  return indices;
}
template <class T> static ALWAYS_INLINE inline v128 laneNumbers() {
  return (v128)__builtin_convertvector(laneIndices<T>(), vector_of<T>);
}
template <class T> static ALWAYS_INLINE inline v128 firstLanes(i32 count) {
  return (v128)((typename Bits<T>::type)count > laneIndices<T>());
}
template <class T> static ALWAYS_INLINE inline v128 keepFirst(v128 v, i32 count) { return v & firstLanes<T>(count); }

#if defined(__AVX512F__)
template <class T> static ALWAYS_INLINE inline u32 firstBits(i32 count) {
  return count >= lanes<T>() ? ~0u : count <= 0 ? 0u : (1u << count) - 1u;
}
template <class T> static ALWAYS_INLINE inline v128 loadFirst(usize pointer, i32 count);
template <> ALWAYS_INLINE inline v128 loadFirst<f64>(usize pointer, i32 count) { return (v128)_mm512_maskz_loadu_pd((__mmask8)firstBits<f64>(count), (const void *)pointer); }
template <> ALWAYS_INLINE inline v128 loadFirst<f32>(usize pointer, i32 count) { return (v128)_mm512_maskz_loadu_ps((__mmask16)firstBits<f32>(count), (const void *)pointer); }
template <class T> static ALWAYS_INLINE inline void putFirst(usize pointer, v128 v, i32 count);
template <> ALWAYS_INLINE inline void putFirst<f64>(usize pointer, v128 v, i32 count) { _mm512_mask_storeu_pd((void *)pointer, (__mmask8)firstBits<f64>(count), (__m512d)v); }
template <> ALWAYS_INLINE inline void putFirst<f32>(usize pointer, v128 v, i32 count) { _mm512_mask_storeu_ps((void *)pointer, (__mmask16)firstBits<f32>(count), (__m512)v); }
#elif defined(__AVX2__)
template <class T> static ALWAYS_INLINE inline v128 loadFirst(usize pointer, i32 count) { return keepFirst<T>(as::v128_load(pointer), count); }
template <class T> static ALWAYS_INLINE inline void putFirst(usize pointer, v128 v, i32 count);
template <> ALWAYS_INLINE inline void putFirst<f64>(usize pointer, v128 v, i32 count) { _mm256_maskstore_pd((double *)pointer, (__m256i)firstLanes<f64>(count), (__m256d)v); }
template <> ALWAYS_INLINE inline void putFirst<f32>(usize pointer, v128 v, i32 count) { _mm256_maskstore_ps((float *)pointer, (__m256i)firstLanes<f32>(count), (__m256)v); }
#else
template <class T> static ALWAYS_INLINE inline v128 loadFirst(usize pointer, i32 count) { return keepFirst<T>(as::v128_load(pointer), count); }
template <class T> static ALWAYS_INLINE inline void putFirst(usize pointer, v128 v, i32 count) {
  std::memcpy((void *)pointer, &v, sizeof(T) * (usize)(count < 0 ? 0 : count < lanes<T>() ? count : lanes<T>()));
}
#endif

template <class T> static ALWAYS_INLINE inline void put(usize pointer, v128 v, i32 left, bool whole) {
  if (whole || left >= lanes<T>()) as::v128_store(pointer, v);
  else putFirst<T>(pointer, v, left);
}

template <class T> static ALWAYS_INLINE inline T sumLanes(v128 v) {
  const vector_of<T> x = (vector_of<T>)v;
  T sums[lanes<T>()];
  for (i32 i = 0; i < lanes<T>(); i++) sums[i] = x[i];
  for (i32 step = lanes<T>() / 2; step > 0; step /= 2)
    for (i32 i = 0; i < step; i++) sums[i] += sums[i + step];
  return sums[0];
}
template <class T> static ALWAYS_INLINE inline T maxLanes(v128 v) {
  const vector_of<T> x = (vector_of<T>)v;
  T most = x[0];
  for (i32 i = 1; i < lanes<T>(); i++) most = most < x[i] ? x[i] : most;
  return most;
}

/** The sums over lanes of u, v, w, x, in the first four lanes. */
template <class T> static ALWAYS_INLINE inline v128 laneSums(v128 u, v128 v, v128 w, v128 x);
#if defined(__AVX512F__)
template <> ALWAYS_INLINE inline v128 laneSums<f64>(v128 u, v128 v, v128 w, v128 x) {
  const __m512d uv = _mm512_add_pd(_mm512_unpacklo_pd((__m512d)u, (__m512d)v), _mm512_unpackhi_pd((__m512d)u, (__m512d)v));
  const __m512d wx = _mm512_add_pd(_mm512_unpacklo_pd((__m512d)w, (__m512d)x), _mm512_unpackhi_pd((__m512d)w, (__m512d)x));
  const __m256d half = _mm256_add_pd(_mm512_castpd512_pd256(uv), _mm512_extractf64x4_pd(uv, 1));
  const __m256d other = _mm256_add_pd(_mm512_castpd512_pd256(wx), _mm512_extractf64x4_pd(wx, 1));
  return (v128)_mm512_castpd256_pd512(_mm256_add_pd(_mm256_permute2f128_pd(half, other, 0x20), _mm256_permute2f128_pd(half, other, 0x31)));
}
template <> ALWAYS_INLINE inline v128 laneSums<f32>(v128 u, v128 v, v128 w, v128 x) {
  const auto halves = [](v128 a) { return _mm256_add_ps(_mm512_castps512_ps256((__m512)a), _mm512_extractf32x8_ps((__m512)a, 1)); };
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(halves(u), halves(v)), _mm256_hadd_ps(halves(w), halves(x)));
  return (v128)_mm512_castps128_ps512(_mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}
#elif defined(__AVX2__)
template <> ALWAYS_INLINE inline v128 laneSums<f64>(v128 u, v128 v, v128 w, v128 x) {
  const __m256d uv = _mm256_hadd_pd((__m256d)u, (__m256d)v);
  const __m256d wx = _mm256_hadd_pd((__m256d)w, (__m256d)x);
  return (v128)_mm256_add_pd(_mm256_permute2f128_pd(uv, wx, 0x20), _mm256_permute2f128_pd(uv, wx, 0x31));
}
template <> ALWAYS_INLINE inline v128 laneSums<f32>(v128 u, v128 v, v128 w, v128 x) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps((__m256)u, (__m256)v), _mm256_hadd_ps((__m256)w, (__m256)x));
  return (v128)_mm256_castps128_ps256(_mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}
#else
template <> ALWAYS_INLINE inline v128 laneSums<f64>(v128 u, v128 v, v128, v128) { return (v128)vpaddq_f64((float64x2_t)u, (float64x2_t)v); }
template <> ALWAYS_INLINE inline v128 laneSums<f32>(v128 u, v128 v, v128 w, v128 x) {
  return (v128)vpaddq_f32(vpaddq_f32((float32x4_t)u, (float32x4_t)v), vpaddq_f32((float32x4_t)w, (float32x4_t)x));
}
#endif

/** 2^(j/256)·2ᵏ in every lane of f64, where the lane's last 8 bits are j, and k those above; `table` holds the 256 powers. */
static ALWAYS_INLINE inline v128 powerFromTable(usize table, v128 shifted) {
#if defined(__AVX512F__)
  const __m512i places = _mm512_and_epi64((__m512i)shifted, _mm512_set1_epi64(255));
  const v128 power = (v128)_mm512_i64gather_pd(places, (const void *)table, 8);
#elif defined(__AVX2__)
  const __m256i places = _mm256_and_si256((__m256i)shifted, _mm256_set1_epi64x(255));
  const v128 power = (v128)_mm256_i64gather_pd((const double *)table, places, 8);
#else
  const v128 power = {as::load<i64>(table + 8 * (usize)(shifted[0] & 255)), as::load<i64>(table + 8 * (usize)(shifted[1] & 255))};
#endif
  return as::v128_add<i64>(power, as::v128_shl<i64>(as::v128_shr_u<i64>(shifted, 8), 52));
}

/** Where the heap of the job that this thread works for begins. */
static thread_local usize heapBase = 0;

static ALWAYS_INLINE inline usize heap(u32 place) { return heapBase + place; }
