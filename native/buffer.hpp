// Memory aligned for the widest vectors, on huge pages where the system gives them; and arrays that either own
// such memory or look into a mapped file.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace samesay {

template <class Value>
class Buffer {
   public:
    Buffer() = default;
    explicit Buffer(int64_t count) { reserve(count); }
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { std::free(data_); }

    // Makes room for `count` values. Old content is lost when the room grows.
    void reserve(int64_t count) {
        if (count <= capacity_) return;
        // Empty before it is given back: a child forked in between must not take it for memory of its own.
        capacity_ = 0;
        std::free(std::exchange(data_, nullptr));
        const size_t alignment = size_t(count) * sizeof(Value) >= large ? large : 64;
        const size_t bytes = (size_t(count) * sizeof(Value) + alignment - 1) / alignment * alignment;
        data_ = static_cast<Value*>(std::aligned_alloc(alignment, bytes ? bytes : alignment));
        if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        if (alignment == large) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
        capacity_ = count;
    }

    Value* data() { return data_; }
    const Value* data() const { return data_; }

   private:
    static constexpr size_t large = size_t(2) << 20;
    Value* data_ = nullptr;
    int64_t capacity_ = 0;
};

template <class Value>
class Array {
   public:
    Array() = default;
    // Owns zeroed memory.
    explicit Array(int64_t count) : own_(count), data_(own_.data()), count_(count) {
        for (int64_t i = 0; i < count; ++i) own_.data()[i] = Value{};
    }
    // Looks at memory that outlives it.
    Array(const Value* data, int64_t count) : data_(data), count_(count) {}

    const Value* data() const { return data_; }
    Value* mutable_data() { return own_.data(); }
    int64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }

   private:
    Buffer<Value> own_;
    const Value* data_ = nullptr;
    int64_t count_ = 0;
};

}  // namespace samesay
