#include "network.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <string>

#include "faults.hpp"
#include "linear.hpp"
#include "pulse.hpp"

namespace samesay {

namespace {

// What a longer sequence becomes between two layers leaves the cache of one core.
constexpr int64_t longest_apart = 384;
// Below that, pieces are of one size.
constexpr int64_t few_rounds = 3;

Settings apart(Settings settings) {
    settings.rows_together = settings.rows_apart;
    return settings;
}

}  // namespace

Network::Network(const Settings& settings, const Kernels& kernels, bool causal, const MakeFlow& make)
    : settings_(settings),
      kernels_(kernels),
      pool_(settings.threads),
      make_(make),
      // A mean needs the last states of the prefix too, which are not kept.
      keeps_prefixes_(causal && settings.pooling == Pooling::last && settings.prefix_cache_bytes > 0),
      prefixes_(settings.prefix_cache_bytes) {
    make_flows();
}

void Network::make_flows() {
    together_ = make_(settings_, pool_.size());
    const int alone = pool_.size() == 1 || settings_.rows_apart == 0 ? 0 : pool_.size();
    for (int i = 0; i < alone; ++i) apart_.push_back(make_(apart(settings_), 1));
}

double Network::milliseconds(Phase phase) const {
    double apart = 0;
    for (const std::unique_ptr<Flow>& flow : apart_) apart += flow->phases().milliseconds(phase);
    return together_->phases().milliseconds(phase) + apart / double(pool_.size());
}

void Network::check(const Batch& batch) const {
    if (batch.sequences < 0 || batch.offsets[0] != 0) throw TokenFault("offsets must begin with 0");
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t length = batch.length(i);
        if (length <= 0) throw TokenFault("sequence " + std::to_string(i) + " has no tokens");
        if (length > settings_.positions) {
            throw TokenFault("sequence " + std::to_string(i) + " has " + std::to_string(length) +
                                        " tokens; the model reads " + std::to_string(settings_.positions));
        }
        for (int64_t j = batch.offsets[i]; j < batch.offsets[i + 1]; ++j) {
            const int32_t token = batch.token_ids[j];
            if (token < 0 || token >= settings_.vocabulary_size) {
                throw TokenFault("sequence " + std::to_string(i) + " has token id " +
                                            std::to_string(token) + "; the vocabulary is 0 to " +
                                            std::to_string(settings_.vocabulary_size - 1));
            }
        }
    }
}

const Prefix* Network::find_prefix(Pass& pass, const std::vector<int32_t>& tokens) {
    const Batch& batch = pass.batch;
    const int64_t length = int64_t(tokens.size());
    if (!keeps_prefixes_ || length == 0) return nullptr;
    bool shared = false;
    for (int64_t i = 0; i < batch.sequences && !shared; ++i) shared = batch.begins_with(i, tokens);
    if (!shared) return nullptr;
    if (const Prefix* kept = prefixes_.find(tokens)) return kept;
    const int64_t width = settings_.key_value_width();
    Prefix prefix;
    prefix.tokens = tokens;
    prefix.bytes = settings_.layers * length * width * int64_t(sizeof(float));
    if (prefix.bytes > prefixes_.most_bytes()) return nullptr;
    for (int64_t i = 0; i < settings_.layers; ++i) prefix.layers.emplace_back(length * width);
    const int64_t offsets[] = {0, length};
    std::vector<float> unused(size_t(settings_.hidden_size));
    const std::function<bool(double)> ask = [&](double) { return pass.ask(0); };
    Pulse pulse(ask, pass.stopped);
    together_->lay_out({tokens.data(), offsets, 1}, nullptr, &prefix);
    pool_.run([&](Team& team) { together_->run(team, settings_.hidden_size, unused.data(), pulse); });
    return pass.stopped ? nullptr : prefixes_.keep(std::move(prefix));
}

bool Network::forward(const Batch& batch, const std::vector<int32_t>& prefix, int64_t dimensions, float* out,
                      const std::function<bool(double)>& ask) {
    if (dimensions < 1 || dimensions > settings_.hidden_size) {
        throw TokenFault("dimensions must be 1 to " + std::to_string(settings_.hidden_size));
    }
    check(batch);
    if (batch.sequences == 0) return true;
    forks_.check([this] { recover_from_fork(); });
    // `ask` runs on this thread while the lock is held: a second pass from within it would wait for itself.
    if (runner_ == std::this_thread::get_id()) {
        throw EngineFault("this model is at work in this very call: what is told its progress cannot ask it for vectors");
    }
    const std::lock_guard lock(mutex_);
    const auto leave = [](std::atomic<std::thread::id>* runner) { *runner = std::thread::id(); };
    runner_ = std::this_thread::get_id();
    const std::unique_ptr<std::atomic<std::thread::id>, decltype(leave)> running(&runner_, leave);
    Pass pass{batch, dimensions, out, ask};
    pass.prefix = find_prefix(pass, prefix);
    if (!pass.stopped) run_in_pieces(pass);
    return !pass.stopped;
}

void Network::run_in_pieces(Pass& pass) {
    together_->phases().forget();
    for (const std::unique_ptr<Flow>& flow : apart_) flow->phases().forget();
    const Batch& batch = pass.batch;
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const bool shares = pass.prefix && batch.begins_with(i, pass.prefix->tokens);
        pass.own_rows.push_back(batch.length(i) - (shares ? int64_t(pass.prefix->tokens.size()) : 0));
    }
    const auto is_short = [&](int64_t i) { return pass.own_rows[size_t(i)] <= longest_apart; };
    for (int64_t first = 0, last = 0; first < batch.sequences && !pass.stopped; first = last) {
        // A stretch of sequences that are all short, or all not.
        while (last < batch.sequences && is_short(last) == is_short(first)) ++last;
        const std::vector<Piece> pieces = is_short(first) ? cut_apart(pass, first, last) : std::vector<Piece>();
        run_apart(pass, pieces);
        run_together(pass, cut_together(pass, pieces.empty() ? first : pieces.back().last, last));
    }
}

std::vector<Network::Piece> Network::cut(const Pass& pass, int64_t first, int64_t last,
                                         const std::function<int64_t(int64_t)>& aim) {
    std::vector<Piece> pieces;
    int64_t left = std::accumulate(pass.own_rows.begin() + first, pass.own_rows.begin() + last, int64_t(0));
    while (first < last) {
        const int64_t wanted = aim(left);
        Piece piece{first, first, 0};
        do {
            piece.rows += pass.own_rows[size_t(piece.last++)];
        } while (piece.last < last && piece.rows + pass.own_rows[size_t(piece.last)] / 2 <= wanted);
        left -= piece.rows;
        first = piece.last;
        pieces.push_back(piece);
    }
    return pieces;
}

std::vector<Network::Piece> Network::cut_together(const Pass& pass, int64_t first, int64_t last) const {
    return cut(pass, first, last, [&](int64_t left) { return rows_of_next_piece(left, settings_.rows_together); });
}

std::vector<Network::Piece> Network::cut_apart(const Pass& pass, int64_t first, int64_t last) const {
    const int64_t rows = std::accumulate(pass.own_rows.begin() + first, pass.own_rows.begin() + last, int64_t(0));
    const int64_t threads = int64_t(apart_.size());
    if (threads == 0 || rows < threads * fewest_own_rows) return {};
    const int64_t of_all = threads * settings_.rows_apart;
    const int64_t rounds = std::max<int64_t>((rows + of_all / 2) / of_all, 1);
    // In half pieces. The last of many pieces are halves: a thread that was held up is waited for less long.
    const int64_t halves = rounds < few_rounds ? 0 : 2 * threads;
    int64_t to_come = 2 * rounds * threads;
    std::vector<Piece> pieces = cut(pass, first, last, [&](int64_t left) {
        const int64_t size = to_come <= halves ? 1 : 2, all = std::max(to_come, size);
        to_come -= size;
        return (left * size + all - 1) / all;
    });
    // What is over is done together: one thread would be at it while the others wait.
    pieces.resize(pieces.size() / size_t(threads) * size_t(threads));
    std::vector<int64_t> loads(static_cast<size_t>(threads), 0);
    int64_t whole = 0;
    for (const Piece& piece : pieces) {
        *std::min_element(loads.begin(), loads.end()) += piece.rows;
        whole += piece.rows;
    }
    // Uneven ones would have the others wait longer than they wait for each other when they work together.
    const bool even = 8 * threads * *std::max_element(loads.begin(), loads.end()) <= 9 * whole;
    return even ? pieces : std::vector<Piece>();
}

void Network::run_piece(Pass& pass, const Piece& piece, Flow& flow, const std::function<void(Pulse&)>& run) {
    std::vector<int64_t> offsets;
    const int64_t before = pass.batch.offsets[piece.first];
    for (int64_t i = piece.first; i <= piece.last; ++i) offsets.push_back(pass.batch.offsets[i] - before);
    const int64_t tokens = offsets.back();
    const std::function<bool(double)> ask_of_all = [&](double done) {
        return pass.ask((double(pass.tokens_done.load(std::memory_order_relaxed)) + done * double(tokens)) /
                        double(pass.batch.rows()));
    };
    Pulse pulse(ask_of_all, pass.stopped);
    prefix_hits_ += flow.lay_out({pass.batch.token_ids + before, offsets.data(), piece.last - piece.first}, pass.prefix);
    run(pulse);
    pass.tokens_done += tokens;
}

void Network::run_together(Pass& pass, const std::vector<Piece>& pieces) {
    for (const Piece& piece : pieces) {
        if (pass.stopped) return;
        run_piece(pass, piece, *together_, [&](Pulse& pulse) {
            pool_.run([&](Team& team) {
                together_->run(team, pass.dimensions, pass.out + piece.first * pass.dimensions, pulse);
            });
        });
    }
}

void Network::run_apart(Pass& pass, const std::vector<Piece>& pieces) {
    if (pieces.empty()) return;
    std::atomic<size_t> next{0};
    std::vector<std::exception_ptr> faults(apart_.size());
    pool_.run_apart([&](Team& team, int thread) {
        Flow& flow = *apart_[size_t(thread)];
        try {
            for (size_t i = next++; i < pieces.size() && !pass.stopped; i = next++) {
                run_piece(pass, pieces[i], flow, [&](Pulse& pulse) {
                    flow.run(team, pass.dimensions, pass.out + pieces[i].first * pass.dimensions, pulse);
                });
            }
        } catch (...) {  // no memory
            faults[size_t(thread)] = std::current_exception();
            pass.stopped = true;
        }
    });
    for (const std::exception_ptr& fault : faults) {
        if (fault) std::rethrow_exception(fault);
    }
}

void Network::recover_from_fork() {
    // A fork copies locks as they are, held by threads that the child does not have, and memory that such a
    // thread may have left half changed. Both are made anew; what they held is given up, not destroyed.
    std::construct_at(&mutex_);
    runner_ = std::thread::id();
    std::construct_at(&prefixes_, settings_.prefix_cache_bytes);
    (void)together_.release();
    for (std::unique_ptr<Flow>& flow : apart_) (void)flow.release();
    apart_.clear();
    make_flows();
    pool_.recover_from_fork();
}

}  // namespace samesay
