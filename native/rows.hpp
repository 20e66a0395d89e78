// Products of rows with others, and the rows of a collection that are nearest to a query.
#pragma once

#include <cstdint>
#include <vector>

#include "fork_guard.hpp"
#include "kernels.hpp"
#include "threads.hpp"

namespace samesay {

enum class RowKind { f32, f16, int8 };

struct HeldRows {
    RowKind kind;
    const void* values;
    const float* scales;  // of each row, which its product is multiplied by; null for none
    int64_t number;
    int64_t width;
};

struct Near {
    int64_t row;
    float score;
};

// Safe to use from several threads, which take turns, and after a fork.
class RowProducts {
   public:
    RowProducts(const Kernels& kernels, int threads);

    // out[r] = sum over k of query[k] * rows[r][k], the same whatever rows stand beside it and on any thread.
    void compute(const HeldRows& rows, const float* query, float* out);

    // out[i] = the product of left[i] and right[i], shape (number, width) each: the sum that `compute` gives.
    void compute_pairs(const float* left, const float* right, int64_t number, int64_t width, float* out);

    // out[l][r] = the product of left[l] and right[r]: the sum that `compute` gives.
    void compute_table(const float* left, int64_t lefts, const float* right, int64_t rights, int64_t width, float* out);

    // The `count` rows with the highest scores among those allowed, best first, equal ones in their order. A score is
    // the product; without scales, rows and query are of length 1, and it is held between -1 and 1.
    std::vector<Near> nearest(const HeldRows& rows, const float* query, const bool* allowed, int64_t count);

   private:
    // Calls `task(begin, end)` for all of `number` items, on several threads where `bytes` are worth it; a call is for
    // `step` items, or fewer.
    template <class Task>
    void share(int64_t number, int64_t step, int64_t bytes, Task&& task);
    void compute_some(const HeldRows& rows, const float* query, int64_t begin, int64_t end, float* out) const;

    const Kernels& kernels_;
    ThreadPool pool_;
    ForkGuard forks_;
};

}  // namespace samesay
