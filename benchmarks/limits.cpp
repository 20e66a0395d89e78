// What this machine can do at most: int8 products in tile registers and in vectors, bfloat16 dot products, float32
// multiply-adds and reading memory. Prints one JSON object; operations count a multiplication and an addition as two.
//
//     g++ -O3 -std=c++20 -march=native -pthread limits.cpp -o limits && ./limits 2
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__AMX_INT8__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChains = 16;  // independent sums: more than latency times throughput of any such unit
constexpr double kSeconds = 0.12;
constexpr int kRepeats = 5;
constexpr std::size_t kBytes = std::size_t{1} << 29;  // far beyond every cache

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Runs `work(thread)` on every thread at once, gives the time until the last is done.
template <class Work>
double run_together(int threads, Work work) {
  std::atomic<int> waiting{threads};
  std::vector<std::thread> others;
  auto wait_then_work = [&](int thread) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) {}
    work(thread);
  };
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(wait_then_work, thread);
  waiting.fetch_sub(1);
  while (waiting.load() > 0) {}
  const auto begin = Clock::now();
  work(0);
  for (auto& other : others) other.join();
  return seconds_since(begin);
}

// Operations per second of `kernel(steps)`, which does `operations` in a step: the median of the repeats.
template <class Kernel>
double rate(int threads, double operations, Kernel kernel) {
  long steps = 1 << 16;
  for (;;) {
    const double took = run_together(threads, [&](int) { kernel(steps); });
    if (took > kSeconds / 2) {
      steps = std::max(1L, static_cast<long>(steps * kSeconds / took));
      break;
    }
    steps *= 2;
  }
  std::vector<double> rates;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double took = run_together(threads, [&](int) { kernel(steps); });
    rates.push_back(operations * static_cast<double>(steps) * threads / took);
  }
  std::sort(rates.begin(), rates.end());
  return rates[kRepeats / 2];
}

// One step is one instruction a chain. The assembly keeps the compiler from seeing that the sums repeat.
#define SAMESAY_KERNEL(Name, Sum, Factor, Zero, Instruction)                              \
  __attribute__((noinline)) void Name(long steps) {                                       \
    Factor left{}, right{};                                                               \
    asm volatile("" : "+x"(left), "+x"(right));                                           \
    SAMESAY_DECLARE_ALL(Sum, Zero)                                                        \
    for (long step = 0; step < steps; ++step) { SAMESAY_DO_ALL(Instruction) }             \
    SAMESAY_USE_ALL                                                                       \
  }
#define SAMESAY_DECLARE_ALL(Sum, Zero) \
  Sum s0 = Zero, s1 = Zero, s2 = Zero, s3 = Zero, s4 = Zero, s5 = Zero, s6 = Zero, s7 = Zero, s8 = Zero, \
      s9 = Zero, s10 = Zero, s11 = Zero, s12 = Zero, s13 = Zero, s14 = Zero, s15 = Zero;
#define SAMESAY_DO_ALL(I) I(s0) I(s1) I(s2) I(s3) I(s4) I(s5) I(s6) I(s7) I(s8) I(s9) I(s10) I(s11) I(s12) \
  I(s13) I(s14) I(s15)
#define SAMESAY_USE(s) asm volatile("" ::"x"(s));
#define SAMESAY_USE_ALL SAMESAY_DO_ALL(SAMESAY_USE)

#if defined(__AVX512F__)
constexpr double kLanes = 16;
#define SAMESAY_FMA(s) asm volatile("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(left), "v"(right));
SAMESAY_KERNEL(fp32, __m512, __m512, _mm512_setzero_ps(), SAMESAY_FMA)
#elif defined(__FMA__)
constexpr double kLanes = 8;
#define SAMESAY_FMA(s) asm volatile("vfmadd231ps %2, %1, %0" : "+x"(s) : "x"(left), "x"(right));
SAMESAY_KERNEL(fp32, __m256, __m256, _mm256_setzero_ps(), SAMESAY_FMA)
#endif

#if defined(__AVX512VNNI__)
constexpr const char* kInt8 = "vpdpbusd, 512 bits";
#define SAMESAY_INT8(s) asm volatile("vpdpbusd %2, %1, %0" : "+v"(s) : "v"(left), "v"(right));
SAMESAY_KERNEL(int8, __m512i, __m512i, _mm512_setzero_si512(), SAMESAY_INT8)
#elif defined(__AVXVNNI__)
constexpr const char* kInt8 = "vpdpbusd, 256 bits";
#define SAMESAY_INT8(s) asm volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(s) : "x"(left), "x"(right));
SAMESAY_KERNEL(int8, __m256i, __m256i, _mm256_setzero_si256(), SAMESAY_INT8)
#elif defined(__AVX2__)
constexpr const char* kInt8 = "vpmaddubsw + vpmaddwd + vpaddd, 256 bits";
#define SAMESAY_INT8(s)                                                                          \
  {                                                                                              \
    __m256i product;                                                                             \
    asm volatile("vpmaddubsw %3, %2, %0\n\tvpmaddwd %3, %0, %0\n\tvpaddd %0, %1, %1"             \
                 : "=&x"(product), "+x"(s) : "x"(left), "x"(right));                             \
  }
SAMESAY_KERNEL(int8, __m256i, __m256i, _mm256_setzero_si256(), SAMESAY_INT8)
#endif

#if defined(__AMX_INT8__) && defined(__linux__)
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr double kTileOperations = 4.0 * 2 * 16 * 16 * 64;  // of a step

bool may_use_tiles() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

// One step is four products of whole tiles, enough to hide the latency of one.
__attribute__((noinline)) void tiles(long steps) {
  static const TileShapes shapes;
  asm volatile("ldtilecfg %0" ::"m"(shapes));
  for (long step = 0; step < steps; ++step) {
    asm volatile(
        "tdpbsud %tmm6, %tmm4, %tmm0\n\ttdpbsud %tmm7, %tmm4, %tmm1\n\t"
        "tdpbsud %tmm6, %tmm5, %tmm2\n\ttdpbsud %tmm7, %tmm5, %tmm3");
  }
  asm volatile("tilerelease");
}
#endif

#if defined(__AVX512BF16__)
#define SAMESAY_BF16(s) asm volatile("vdpbf16ps %2, %1, %0" : "+v"(s) : "v"(left), "v"(right));
SAMESAY_KERNEL(bf16, __m512, __m512i, _mm512_setzero_ps(), SAMESAY_BF16)
#endif

// Every thread reads its own half, in eight places at once: memory gives more to several pages than to one.
double read_bytes_per_second(int threads) {
  const std::size_t words = kBytes / sizeof(std::uint64_t);
  const std::unique_ptr<std::uint64_t[]> memory(new std::uint64_t[words]);
  const std::size_t share = words / threads / 64 * 64;
  run_together(threads, [&](int thread) {
    std::fill_n(memory.get() + thread * share, share, std::uint64_t{1});
  });
  std::vector<double> rates;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double took = run_together(threads, [&](int thread) {
      const std::uint64_t* at = memory.get() + thread * share;
      std::uint64_t sums[32] = {};
      const std::size_t place = share / 8;
      for (std::size_t i = 0; i + 32 <= place; i += 32)
        for (std::size_t p = 0; p < 8; ++p)
          for (std::size_t j = 0; j < 32; ++j) sums[j] += at[p * place + i + j];
      for (const std::uint64_t& sum : sums) asm volatile("" ::"r"(sum));
    });
    rates.push_back(static_cast<double>(share) * threads * sizeof(std::uint64_t) / took);
  }
  std::sort(rates.begin(), rates.end());
  return rates[kRepeats / 2];
}

}  // namespace

int main(int count, char** values) {
  const int threads = count > 1 ? std::max(1, std::atoi(values[1])) : 1;
  std::printf("{\"threads\": %d", threads);
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__AVX2__)
#if defined(__AVX512VNNI__)
  constexpr double bytes = 64;
#else
  constexpr double bytes = 32;
#endif
  std::printf(", \"int8_gops\": %.1f", rate(threads, kChains * bytes * 2, int8) / 1e9);
  std::printf(", \"int8_instruction\": \"%s\"", kInt8);
#endif
#if defined(__AMX_INT8__) && defined(__linux__)
  if (may_use_tiles()) {
    std::printf(", \"tiles_int8_gops\": %.1f", rate(threads, kTileOperations, tiles) / 1e9);
  }
#endif
#if defined(__AVX512BF16__)
  std::printf(", \"bf16_gflops\": %.1f", rate(threads, kChains * 64, bf16) / 1e9);
#endif
#if defined(__FMA__)
  std::printf(", \"fp32_gflops\": %.1f", rate(threads, kChains * kLanes * 2, fp32) / 1e9);
#endif
  std::printf(", \"read_gb_per_second\": %.1f}\n", read_bytes_per_second(threads) / 1e9);
}
