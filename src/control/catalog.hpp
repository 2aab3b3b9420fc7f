// SPDX-License-Identifier: Apache-2.0
//
// Keeps the functions of the databases that are in use as function_catalogue snapshots: what tells a plain read from a
// statement that only looks like one.
//
// A database is read when somebody first wants it, then from time to time, and soon after a change of definitions was
// seen. As long as there is no snapshot nothing is known, and whatever calls a function goes to the primary. A snapshot
// that says the same as the one before is not published. Each reading uses a connection of its own, which then ends.
#pragma once

#include "control/loop.hpp"
#include "control/sql_client.hpp"
#include "core/clock.hpp"
#include "protocols/wire/function_catalogue.hpp"

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace penstock::control {

/// Of which functions a catalogue speaks.
struct catalog_key {
    std::string cluster{};
    std::string database{};  ///< MySQL: empty will do, one server tells of all its schemas
    friend auto operator<=>(const catalog_key&, const catalog_key&) = default;
};

struct catalog_options {
    duration refresh_interval = seconds{300};
    duration retry_interval = seconds{10};  ///< after a reading that failed
    duration shortest_pause = seconds{1};   ///< between two readings, however many changes are seen
    duration patience = seconds{10};        ///< for connecting and reading
    std::size_t most_databases = 256;       ///< further ones stay unknown
};

struct catalog_surroundings {
    sql_client_factory make_client{};
    /// Where and as whom to ask about this database now, or nothing where no node is known. On the control thread.
    std::function<std::optional<sql_target>(const catalog_key&)> where_to_ask{};
    /// Gets each new snapshot, on the control thread; null where the one before holds no longer. May be empty:
    /// current() tells as well.
    std::function<void(const catalog_key&, function_catalogue_ptr)> publish{};
};

class catalog {
public:
    catalog(loop& on, catalog_options options, catalog_surroundings surroundings);
    ~catalog();  ///< nothing is published afterwards. On the control thread, or once it has ended
    catalog(const catalog&) = delete;
    catalog& operator=(const catalog&) = delete;

    /// Reads this database from now on. Once more does nothing. From any thread.
    void watch(catalog_key key);
    /// Somebody changed definitions there: forgotten, and read soon, if it is watched. From any thread.
    void changed(catalog_key key);
    /// The newest snapshot; null where there is none yet. From any thread.
    [[nodiscard]] function_catalogue_ptr current(const catalog_key& key) const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
