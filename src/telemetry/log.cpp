// SPDX-License-Identifier: Apache-2.0
//
// The only file that includes spdlog. Each change of options or receiver builds a new logger and swaps it in; writers
// keep the one they began with.
#include "telemetry/log.hpp"

#include "telemetry/log_line.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

namespace penstock::log {

namespace {

using receiver = std::function<void(std::string_view)>;

/// Hands lines to a function.
class receiving_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit receiving_sink(receiver to) : to_{std::move(to)} {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override
    {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        auto text = std::string_view{line.data(), line.size()};
        if (text.ends_with('\n')) {
            text.remove_suffix(1);
        }
        to_(text);
    }
    void flush_() override {}

private:
    receiver to_;
};

struct logger_state {
    std::mutex guard;
    options how{};
    receiver to{};
    std::shared_ptr<spdlog::logger> logger{};
    bool json = false;
};

/// Never destroyed: other threads may write while the process ends.
logger_state& state()
{
    static auto* the_only = new logger_state;
    return *the_only;
}

bool wants_json(const options& how)
{
    return how.form == format::json || (how.form == format::automatic && ::isatty(STDERR_FILENO) == 0);
}

spdlog::sink_ptr make_sink(const logger_state& from, bool json)
{
    if (from.to) {
        return std::make_shared<receiving_sink>(from.to);
    }
    if (!json && ::isatty(STDERR_FILENO) != 0) {
        return std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
    }
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
}

std::unique_ptr<spdlog::formatter> make_formatter(bool json)
{
    using spdlog::pattern_time_type;
    if (json) {
        constexpr auto pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";
        return std::make_unique<spdlog::pattern_formatter>(pattern, pattern_time_type::utc, "\n");
    }
    constexpr auto pattern = "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v";
    return std::make_unique<spdlog::pattern_formatter>(pattern, pattern_time_type::local, "\n");
}

void rebuild(logger_state& which)
{
    which.json = wants_json(which.how);
    auto made = std::make_shared<spdlog::logger>("penstock", make_sink(which, which.json));
    made->set_formatter(make_formatter(which.json));
    made->set_level(spdlog::level::trace);  // the filter is ours
    which.logger = std::move(made);
}

spdlog::level::level_enum spdlog_level(level severity)
{
    switch (severity) {
        case level::debug: return spdlog::level::debug;
        case level::info: return spdlog::level::info;
        case level::warning: return spdlog::level::warn;
        case level::error: return spdlog::level::err;
        case level::off: return spdlog::level::off;
    }
    return spdlog::level::off;
}

}  // namespace

namespace detail {

std::atomic<level> minimum{level::info};

void write(level severity, std::string_view event, fields details)
{
    std::shared_ptr<spdlog::logger> logger;
    bool json = false;
    {
        auto& current = state();
        const std::scoped_lock lock{current.guard};
        if (!current.logger) {
            rebuild(current);
        }
        logger = current.logger;
        json = current.json;
    }
    const auto line = json ? json_members(event, details) : text_line(event, details);
    logger->log(spdlog_level(severity), spdlog::string_view_t{line.data(), line.size()});
}

}  // namespace detail

void configure(const options& how)
{
    auto& current = state();
    const std::scoped_lock lock{current.guard};
    current.how = how;
    rebuild(current);
    detail::minimum.store(how.minimum, std::memory_order_relaxed);
}

void capture(std::function<void(std::string_view line)> to)
{
    auto& current = state();
    const std::scoped_lock lock{current.guard};
    current.to = std::move(to);
    rebuild(current);
}

}  // namespace penstock::log
