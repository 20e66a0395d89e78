#include "rows.hpp"

#include <algorithm>
#include <memory>

namespace samesay {

namespace {

// What other threads are not worth waking for.
constexpr int64_t bytes_alone = 1 << 20;
// Items of a thread's share, of which it takes a few at a time.
constexpr int64_t bytes_together = 32 << 10;

int64_t row_bytes(const HeldRows& rows) {
    return rows.width * (rows.kind == RowKind::f32 ? 4 : rows.kind == RowKind::f16 ? 2 : 1);
}

int64_t rows_together(int64_t bytes) { return std::max<int64_t>(bytes_together / std::max<int64_t>(bytes, 1), 1); }

bool better(const Near& a, const Near& b) { return a.score > b.score || (a.score == b.score && a.row < b.row); }

}  // namespace

RowProducts::RowProducts(const Kernels& kernels, int threads)
    : kernels_(kernels), pool_(threads) {}

void RowProducts::compute_some(const HeldRows& rows, const float* query, int64_t begin, int64_t end,
                               float* out) const {
    const char* first = static_cast<const char*>(rows.values) + begin * row_bytes(rows);
    const int64_t width = rows.width, count = end - begin;
    out += begin;
    switch (rows.kind) {
        case RowKind::f32: kernels_.dots(query, reinterpret_cast<const float*>(first), width, count, out); break;
        case RowKind::f16: kernels_.dots_f16(query, reinterpret_cast<const uint16_t*>(first), width, count, out); break;
        case RowKind::int8: kernels_.dots_int8(query, reinterpret_cast<const int8_t*>(first), width, count, out); break;
    }
    if (!rows.scales) return;
    for (int64_t i = 0; i < count; ++i) out[i] *= rows.scales[begin + i];
}

template <class Task>
void RowProducts::share(int64_t number, int64_t step, int64_t bytes, Task&& task) {
    if (pool_.size() == 1 || bytes <= bytes_alone) return task(0, number);
    forks_.check([this] { pool_.recover_from_fork(); });
    pool_.run([&](Team& team) {
        team.divide_items((number + step - 1) / step, [&](int64_t begin, int64_t end) {
            task(begin * step, std::min(end * step, number));
        });
    });
}

void RowProducts::compute(const HeldRows& rows, const float* query, float* out) {
    const int64_t bytes = row_bytes(rows);
    // A thread begins with the rows that it had for the last query, which its own cache may still hold.
    share(rows.number, rows_together(bytes), rows.number * bytes,
          [&](int64_t begin, int64_t end) { compute_some(rows, query, begin, end, out); });
}

void RowProducts::compute_pairs(const float* left, const float* right, int64_t number, int64_t width, float* out) {
    const int64_t bytes = 2 * width * int64_t(sizeof(float));
    share(number, rows_together(bytes), number * bytes, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) kernels_.dots(left + i * width, right + i * width, width, 1, out + i);
    });
}

void RowProducts::compute_table(const float* left, int64_t lefts, const float* right, int64_t rights, int64_t width,
                                float* out) {
    const int64_t bytes = width * int64_t(sizeof(float));
    const int64_t step = rows_together(bytes);  // they stay in the cache next to the core while the left ones pass by
    share(rights, step, rights * bytes * lefts, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r += step) {
            const int64_t count = std::min(step, end - r);
            kernels_.dot_table(left, lefts, right + r * width, count, width, out + r, rights);
        }
    });
}

std::vector<Near> RowProducts::nearest(const HeldRows& rows, const float* query, const bool* allowed,
                                       int64_t count) {
    std::vector<Near> best;
    if (count < 1 || rows.number < 1) return best;
    const std::unique_ptr<float[]> scores(new float[size_t(rows.number)]);
    compute(rows, query, scores.get());
    best.reserve(size_t(std::min(count, rows.number)));
    // A heap with the least of them on top: rows come in their order, so that an equal one later is no better.
    for (int64_t row = 0; row < rows.number; ++row) {
        // Rounding may leave a cosine beyond 1; equal ones must be told apart by their rows alone.
        const float score = rows.scales ? scores[size_t(row)] : std::clamp(scores[size_t(row)], -1.0f, 1.0f);
        if (int64_t(best.size()) == count) {
            if (!(score > best.front().score) || !allowed[row]) continue;
            std::pop_heap(best.begin(), best.end(), better);
            best.back() = {row, score};
        } else {
            if (!allowed[row]) continue;
            best.push_back({row, score});
        }
        std::push_heap(best.begin(), best.end(), better);
    }
    std::sort_heap(best.begin(), best.end(), better);
    return best;
}

}  // namespace samesay
