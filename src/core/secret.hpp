// SPDX-License-Identifier: Apache-2.0
//
// A string that wipes its storage when it goes and cannot be printed by accident.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace penstock {

/// Owns a password, key or proof. Copying is allowed and wipes as well; reveal() is the one way to the text.
class secret {
public:
    secret() = default;
    explicit secret(std::string_view text) : text_{text} {}
    secret(const secret&) = default;
    secret(secret&& other) noexcept : text_{std::move(other.text_)} { other.wipe(); }
    secret& operator=(const secret& other)
    {
        if (this != &other) {
            wipe();
            text_ = other.text_;
        }
        return *this;
    }
    secret& operator=(secret&& other) noexcept
    {
        if (this != &other) {
            wipe();
            text_ = std::move(other.text_);
            other.wipe();
        }
        return *this;
    }
    ~secret() { wipe(); }

    /// The text itself; valid until this object changes or goes.
    [[nodiscard]] std::string_view reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }

    friend bool operator==(const secret& left, const secret& right)
    {
        return equal_in_constant_time(left.text_, right.text_);
    }

    /// Compares without telling by its duration where the difference is. Different lengths are unequal at once.
    [[nodiscard]] static bool equal_in_constant_time(std::string_view left, std::string_view right);

private:
    void wipe() noexcept;

    std::string text_;
};

}  // namespace penstock
