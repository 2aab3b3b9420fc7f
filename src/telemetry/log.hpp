// SPDX-License-Identifier: Apache-2.0
//
// The log: one event per line with key-value fields, to standard error. Thread-safe; spdlog stays behind log.cpp.
//
// log::info("client logged in", {{"client", address}, {"user", name}, {"wait_us", 120}});
//
// An event is a constant sentence; what varies goes into fields. A secret is no field: that does not compile. Literals
// and parameters of statements go into debug events only. Text and JSON lines hold no control characters and only valid
// UTF-8.
#pragma once

#include "core/secret.hpp"
#include "telemetry/log_options.hpp"

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace penstock::log {

/// A key and its value; views its text, so it lives no longer than the call it is an argument of.
class field {
public:
    using any_value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

    field(std::string_view key, std::string_view text) : key_{key}, value_{text} {}
    field(std::string_view key, const std::string& text) : key_{key}, value_{std::string_view{text}} {}
    field(std::string_view key, const char* text) : key_{key}, value_{std::string_view{text}} {}
    field(std::string_view key, bool value) : key_{key}, value_{value} {}
    field(std::string_view key, std::floating_point auto value) : key_{key}, value_{static_cast<double>(value)} {}
    field(std::string_view key, std::signed_integral auto value) : key_{key}, value_{static_cast<std::int64_t>(value)}
    {
    }
    field(std::string_view key, std::unsigned_integral auto value)
        : key_{key}, value_{static_cast<std::uint64_t>(value)}
    {
    }
    field(std::string_view key, const secret&) = delete;

    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] const any_value& value() const { return value_; }

private:
    std::string_view key_;
    any_value value_;
};

using fields = std::initializer_list<field>;

/// Takes effect at once, for all threads. Without a call, info and above are written in the automatic format.
void configure(const options& how);

namespace detail {
extern std::atomic<level> minimum;
void write(level severity, std::string_view event, fields details);
}  // namespace detail

/// Whether an event of this level is written; for work that only a log line needs.
[[nodiscard]] inline bool enabled(level severity)
{
    return severity >= detail::minimum.load(std::memory_order_relaxed);
}

inline void write(level severity, std::string_view event, fields details = {})
{
    if (enabled(severity)) {
        detail::write(severity, event, details);
    }
}
inline void debug(std::string_view event, fields details = {})
{
    write(level::debug, event, details);
}
inline void info(std::string_view event, fields details = {})
{
    write(level::info, event, details);
}
inline void warning(std::string_view event, fields details = {})
{
    write(level::warning, event, details);
}
inline void error(std::string_view event, fields details = {})
{
    write(level::error, event, details);
}

/// Sends the lines (without line ends) to a function instead of standard error, until called with an empty one. For
/// tests.
void capture(std::function<void(std::string_view line)> receiver);

}  // namespace penstock::log
