#include "rows.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace samesay {

namespace {

// What other threads are not worth waking for.
constexpr int64_t bytes_alone = 1 << 20;
// What a thread takes at a time: small enough that the last one is not waited for long.
constexpr int64_t bytes_together = 128 << 10;

int64_t row_bytes(const HeldRows& rows) {
    return rows.width * (rows.kind == RowKind::f32 ? 4 : rows.kind == RowKind::f16 ? 2 : 1);
}

bool better(const Near& a, const Near& b) { return a.score > b.score || (a.score == b.score && a.row < b.row); }

// How far the tasks of one thread's share have been taken.
struct alignas(64) Taken {
    std::atomic<int64_t> tasks{0};
};

}  // namespace

RowProducts::RowProducts(const Kernels& kernels, int threads)
    : kernels_(kernels), pool_(threads), owner_(getpid()) {}

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

void RowProducts::compute(const HeldRows& rows, const float* query, float* out) {
    const int64_t bytes = row_bytes(rows), number = rows.number;
    if (pool_.size() == 1 || number * bytes <= bytes_alone) return compute_some(rows, query, 0, number, out);
    if (owner_ != getpid()) {
        owner_ = getpid();
        pool_.recover_from_fork();
    }
    const int64_t step = std::max<int64_t>(bytes_together / bytes, 1);
    const int64_t tasks = (number + step - 1) / step;
    const int size = pool_.size();
    std::vector<Taken> taken(static_cast<size_t>(size));
    pool_.run([&](Team& team) {
        // A thread begins with the share that it had for the last query, which its own cache may still hold, and
        // then helps the others: one of them may have been held up.
        for (int i = 0; i < size; ++i) {
            const int of = (team.id() + i) % size;
            const int64_t begin = tasks * of / size, end = tasks * (of + 1) / size;
            for (;;) {
                const int64_t task = begin + taken[size_t(of)].tasks.fetch_add(1, std::memory_order_relaxed);
                if (task >= end) break;
                compute_some(rows, query, task * step, std::min((task + 1) * step, number), out);
            }
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
        const float score = scores[size_t(row)];
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
