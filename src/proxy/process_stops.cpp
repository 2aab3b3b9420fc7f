// SPDX-License-Identifier: Apache-2.0
//
// What an operator stops and lets go on: databases, nodes. Which names mean what is told here; what follows from it is
// pool::stops' to say and each pool's to do.
#include "proxy/process.hpp"

#include "proxy/worker.hpp"
#include "settings/lookup.hpp"

#include <algorithm>
#include <utility>

namespace penstock::proxy {

namespace {

/// The code says that the command is a right one at another time (object_not_in_prerequisite_state).
client_error not_now(std::string text)
{
    return {error_kind::console_syntax, std::move(text), "55000"};
}

client_error unknown(const std::string& what, const std::string& name)
{
    return {error_kind::unknown_database, "no such " + what + ": " + name, {}};
}

/// Where clients are led that ask for this name: by its own entries, else by those for any name. Who asks for no
/// database of MySQL's may be led by an entry's name, too.
std::vector<pool::database_place> places_of(const settings::tree& all, const std::string& name)
{
    std::vector<pool::database_place> own;
    std::vector<pool::database_place> any;
    for (const auto which : all_engines) {
        const auto* entry = settings::find_database(all, name, which);
        if (entry == nullptr) {
            continue;
        }
        auto& into = entry->name == name ? own : any;
        into.push_back({entry->cluster, settings::server_database(*entry, name)});
        if (which == engine::mysql && entry->name == name && settings::find_database(all, {}, which) == entry) {
            into.push_back({entry->cluster, settings::server_database(*entry, {})});
        }
    }
    return own.empty() ? any : own;
}

bool is_called(const router::node& node, const std::string& name)
{
    const settings::address where{node.host, node.port};
    return name == node.host || name == where.text() || name == text_of(node);
}

}  // namespace

std::optional<client_error> process::pause(const std::string& database)
{
    const std::lock_guard lock{guard_};
    if (database.empty()) {
        if (!stops_.pause_all()) {
            return not_now("already suspended/paused");
        }
    } else {
        const auto where = places_of(*configuration_->settings, database);
        if (where.empty()) {
            return unknown("database", database);
        }
        stops_.pause(database, where);
    }
    apply_stops_locked();
    return std::nullopt;
}

std::optional<client_error> process::resume(const std::string& database)
{
    const std::lock_guard lock{guard_};
    if (database.empty()) {
        if (!stops_.resume_all()) {
            return not_now("pooler is not paused/suspended");
        }
    } else if (!stops_.resume(database)) {
        return places_of(*configuration_->settings, database).empty()
                   ? unknown("database", database)
                   : not_now("database " + database + " is not paused");
    }
    apply_stops_locked();
    return std::nullopt;
}

std::optional<client_error> process::reconnect(const std::string& database)
{
    const std::lock_guard lock{guard_};
    const auto where = places_of(*configuration_->settings, database);
    if (!database.empty() && where.empty()) {
        return unknown("database", database);
    }
    for (const auto& [key, record] : pools_) {
        const pool::database_place place{key.cluster, key.database};
        if (database.empty() || std::find(where.begin(), where.end(), place) != where.end()) {
            record->shared->retire();
        }
    }
    return std::nullopt;
}

stop_progress process::progress_of_pause(const std::string& database) const
{
    const std::lock_guard lock{guard_};
    if (database.empty() ? !stops_.is_all_paused() : !stops_.is_named(database)) {
        return stop_progress::taken_back;
    }
    const bool is_at_rest = std::all_of(pools_.begin(), pools_.end(), [&](const auto& each) {
        const bool is_meant = database.empty() || stops_.name_covers(database, each.first);
        return !is_meant || each.second->shared->usage().held == 0;
    });
    return is_at_rest ? stop_progress::done : stop_progress::under_way;
}

std::optional<client_error> process::drain_node(const std::string& name)
{
    const std::lock_guard lock{guard_};
    const auto nodes = nodes_called_locked(name);
    if (nodes.empty()) {
        return unknown("node", name);
    }
    for (const auto& each : nodes) {
        stops_.drain(each);
    }
    show_drained_locked();
    return std::nullopt;
}

std::optional<client_error> process::undrain_node(const std::string& name)
{
    const std::lock_guard lock{guard_};
    const auto nodes = nodes_called_locked(name);
    if (nodes.empty()) {
        return unknown("node", name);
    }
    const auto ended =
        std::count_if(nodes.begin(), nodes.end(), [this](const auto& each) { return stops_.undrain(each); });
    if (ended == 0) {
        return not_now("node " + name + " is not drained");
    }
    show_drained_locked();
    return std::nullopt;
}

stop_progress process::progress_of_drain(const std::string& name) const
{
    const std::lock_guard lock{guard_};
    auto progress = stop_progress::done;
    for (const auto& each : nodes_called_locked(name)) {
        if (!stops_.is_drained(each)) {
            return stop_progress::taken_back;
        }
        if (budget_->usage_of_node(each).held > 0) {
            progress = stop_progress::under_way;
        }
    }
    return progress;
}

pool::stops process::stops() const
{
    const std::lock_guard lock{guard_};
    return stops_;
}

/// A name may mean nodes of several clusters.
std::vector<std::string> process::nodes_called_locked(const std::string& name) const
{
    std::vector<std::string> found;
    for (const auto& [cluster, view] : observed_) {
        for (const auto& node : view->nodes) {
            if (is_called(node, name)) {
                found.push_back(text_of(node));
            }
        }
    }
    return found;
}

/// Workers learn of it before the node's pools do, so that who is sent elsewhere does not come back.
void process::show_drained_locked()
{
    ++node_changes_;
    for (const auto& [cluster, view] : observed_) {
        views_[cluster] = marked_locked(view);
        for (auto* each : workers_) {
            each->see(views_[cluster]);
        }
    }
    apply_stops_locked();
}

/// The view with what was said of its nodes, and as its version the number of changes to either.
router::cluster_view_ptr process::marked_locked(const router::cluster_view_ptr& view) const
{
    if (node_changes_ == 0) {
        return view;
    }
    auto marked = std::make_shared<router::cluster_view>(*view);
    marked->version += node_changes_;
    for (auto& node : marked->nodes) {
        node.drained = stops_.is_drained(text_of(node));
    }
    return marked;
}

void process::apply_stops_locked()
{
    for (const auto& [key, record] : pools_) {
        record->shared->take_in(intake_locked(*record));
    }
}

/// A replica that its cluster has no more is left as one that an operator drains.
pool::intake process::intake_locked(const pool_record& pool) const
{
    const auto wanted = stops_.intake_of(pool.key, pool.shared->node());
    const auto view = observed_.find(pool.key.cluster);
    if (wanted != pool::intake::open || pool.key.node.empty() || view == observed_.end()) {
        return wanted;
    }
    const auto& nodes = view->second->nodes;
    const bool is_there = std::any_of(nodes.begin(), nodes.end(), [&pool](const router::node& each) {
        return each.state != router::node_state::left && text_of(each) == pool.key.node;
    });
    return is_there ? wanted : pool::intake::elsewhere;
}

/// Names may lead elsewhere now.
void process::follow_names_locked(const settings::tree& now)
{
    for (const auto& name : stops_.names()) {
        stops_.pause(name, places_of(now, name));
    }
    apply_stops_locked();
}

}  // namespace penstock::proxy
