// SPDX-License-Identifier: Apache-2.0
//
// What an operator has stopped: paused databases and drained nodes, and what follows from that for each pool. Pure.
//
// A name that is paused stands for a place: a cluster and the database's name on its servers. With new settings the
// name may stand for another place: then both stay paused until the name is resumed, so that a database can be moved
// while it is paused.
#pragma once

#include "pool/intake.hpp"
#include "pool/limits.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace penstock::pool {

/// A database on the servers of one cluster.
struct database_place {
    std::string cluster;
    std::string database;
    friend auto operator<=>(const database_place&, const database_place&) = default;
};

class stops {
public:
    /// All databases. False where that changes nothing.
    bool pause_all();
    bool resume_all();
    /// One of them, by the name that clients use; once more adds places.
    void pause(const std::string& name, const std::vector<database_place>& where);
    /// False where it was not paused by itself.
    bool resume(const std::string& name);
    /// A node, as "host:port". False where that changes nothing.
    bool drain(const std::string& node) { return drained_.insert(node).second; }
    bool undrain(const std::string& node) { return drained_.erase(node) > 0; }

    [[nodiscard]] bool is_all_paused() const { return all_; }
    /// By itself, whether or not all are.
    [[nodiscard]] bool is_named(const std::string& name) const { return named_.contains(name); }
    /// By itself or with all.
    [[nodiscard]] bool is_paused(const database_place& where) const;
    [[nodiscard]] bool is_drained(const std::string& node) const { return drained_.contains(node); }
    /// The names that are paused by themselves, in their order.
    [[nodiscard]] std::vector<std::string> names() const;
    [[nodiscard]] const std::set<std::string>& drained() const { return drained_; }
    /// Whether what was said of that name holds for this pool.
    [[nodiscard]] bool name_covers(const std::string& name, const pool_key& key) const;

    /// `node`: where the pool's connections lead now.
    [[nodiscard]] intake intake_of(const pool_key& key, const std::string& node) const;

private:
    bool all_ = false;
    std::map<std::string, std::set<database_place>> named_;
    std::set<std::string> drained_;
};

}  // namespace penstock::pool
