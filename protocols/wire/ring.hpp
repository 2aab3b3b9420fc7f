// SPDX-License-Identifier: Apache-2.0
//
// A first-in-first-out queue in one block of memory that grows by doubling and is kept.
#pragma once

#include "core/assert.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace penstock {

template <class T>
class ring {
public:
    ring() = default;
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring()
    {
        clear();
        free_slots();
    }

    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::size_t size() const { return count_; }

    T& front() { return slots_[head_]; }
    const T& front() const { return slots_[head_]; }
    /// The element `place` steps behind the front.
    T& operator[](std::size_t place) { return slots_[(head_ + place) & (size_ - 1)]; }
    const T& operator[](std::size_t place) const { return slots_[(head_ + place) & (size_ - 1)]; }
    T& back() { return (*this)[count_ - 1]; }

    T& push(T&& element)
    {
        if (count_ == size_) {
            grow();
        }
        auto* const slot = std::construct_at(&(*this)[count_], std::move(element));
        ++count_;
        return *slot;
    }

    T pop()
    {
        PENSTOCK_ASSERT(count_ > 0);
        T element = take(front());
        head_ = (head_ + 1) & (size_ - 1);
        --count_;
        return element;
    }

    void pop_back()
    {
        PENSTOCK_ASSERT(count_ > 0);
        std::destroy_at(&back());
        --count_;
    }

    void clear()
    {
        while (!empty()) {
            pop();
        }
    }

private:
    static T take(T& from)
    {
        T element = std::move(from);
        std::destroy_at(&from);
        return element;
    }

    void grow()
    {
        const std::size_t size = size_ == 0 ? 16 : size_ * 2;
        auto* const larger = std::allocator<T>{}.allocate(size);
        for (std::size_t place = 0; place < count_; ++place) {
            std::construct_at(larger + place, take((*this)[place]));
        }
        free_slots();
        slots_ = larger;
        size_ = size;
        head_ = 0;
    }

    void free_slots()
    {
        if (slots_ != nullptr) {
            std::allocator<T>{}.deallocate(slots_, size_);
        }
    }

    T* slots_ = nullptr;    ///< count_ of them hold an element, from head_ on
    std::size_t size_ = 0;  ///< of the block: a power of two, or 0 where there is none
    std::size_t head_ = 0;
    std::size_t count_ = 0;
};

}  // namespace penstock
