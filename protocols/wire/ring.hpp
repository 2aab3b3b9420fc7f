// SPDX-License-Identifier: Apache-2.0
//
// A first-in-first-out queue in one block of memory that grows by doubling and is kept.
#pragma once

#include "core/assert.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace penstock {

template <class T>
class ring {
public:
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::size_t size() const { return count_; }

    T& front() { return slots_[head_]; }
    const T& front() const { return slots_[head_]; }
    /// The element `place` steps behind the front.
    T& operator[](std::size_t place) { return slots_[(head_ + place) & (slots_.size() - 1)]; }
    const T& operator[](std::size_t place) const { return slots_[(head_ + place) & (slots_.size() - 1)]; }
    T& back() { return (*this)[count_ - 1]; }

    T& push(T&& element)
    {
        if (count_ == slots_.size()) {
            grow();
        }
        ++count_;
        return back() = std::move(element);
    }

    T pop()
    {
        PENSTOCK_ASSERT(count_ > 0);
        T element = std::move(slots_[head_]);
        head_ = (head_ + 1) & (slots_.size() - 1);
        --count_;
        return element;
    }

    void pop_back()
    {
        PENSTOCK_ASSERT(count_ > 0);
        back() = T{};
        --count_;
    }

    void clear()
    {
        while (!empty()) {
            pop();
        }
    }

private:
    void grow()
    {
        std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
        for (std::size_t place = 0; place < count_; ++place) {
            larger[place] = std::move((*this)[place]);
        }
        slots_ = std::move(larger);
        head_ = 0;
    }

    std::vector<T> slots_;
    std::size_t head_ = 0;
    std::size_t count_ = 0;
};

}  // namespace penstock
