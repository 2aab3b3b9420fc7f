// SPDX-License-Identifier: Apache-2.0
//
// What all workers of the process share: the configuration in force, the clusters' views, the pools' accounts and
// limits.
//
// Everything here is thread-safe. Workers keep their own pointers to the immutable parts and are told of new ones by
// messages; the mutex is for logins, new pools and reports.
#pragma once

#include "control/credentials.hpp"
#include "core/engine.hpp"
#include "net/tls_context.hpp"
#include "pool/budget.hpp"
#include "pool/rate_limit.hpp"
#include "pool/shared_pool.hpp"
#include "pool/stops.hpp"
#include "protocols/wire/function_catalogue.hpp"
#include "protocols/wire/login_types.hpp"
#include "proxy/routing.hpp"
#include "router/cluster_view.hpp"
#include "router/doubt.hpp"
#include "settings/settings.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace penstock::proxy {

class worker;

/// The settings in force and what was made from them; immutable.
struct configuration {
    std::shared_ptr<const settings::tree> settings{};
    std::shared_ptr<const net::tls_context> client_tls{};  ///< null: clients cannot use TLS
    std::map<std::string, std::shared_ptr<const net::tls_context>, std::less<>> server_tls{};  ///< by cluster
    std::map<std::string, std::string, std::less<>> public_keys{};  ///< by cluster: PEM, for logins without TLS
};
using configuration_ptr = std::shared_ptr<const configuration>;

/// A pool as the process knows it: one for each account, database and kind.
struct pool_record {
    pool::pool_key key{};
    std::shared_ptr<pool::shared_pool> shared{};
    std::string database_entry{};                  ///< of the settings, "*" included
    std::string user_entry{};                      ///< of the settings; empty where they name no such user
    std::shared_ptr<const pool_record> primary{};  ///< of a replica's: the pool whose account it has; else null

    [[nodiscard]] server_account account() const;
    [[nodiscard]] settings::pool_mode mode() const { return mode_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::string init_query() const;
    /// A client's login brought newer credentials. True where they differ from what was known.
    bool learn(server_account newer);
    /// What the settings say. True where another query ran on the connections opened so far.
    bool follow(settings::pool_mode mode, const std::string& init_query);

private:
    mutable std::mutex guard_;
    server_account account_{};
    std::string init_query_{};
    std::atomic<settings::pool_mode> mode_{settings::pool_mode::transaction};
};

/// How far it is that what an operator stopped holds no connection any more.
enum class stop_progress : std::uint8_t { under_way, done, taken_back };

/// "host:port", as nodes are named in pools and logs.
[[nodiscard]] std::string text_of(const router::node& where);

class process {
public:
    process(configuration_ptr initial, control::credentials& users);
    ~process();
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    [[nodiscard]] configuration_ptr current() const;
    /// New settings: limits change live, workers are told, server connections made with older TLS settings are retired.
    void configure(configuration_ptr next);

    [[nodiscard]] router::cluster_view_ptr view_of(const std::string& cluster) const;
    void publish(router::cluster_view_ptr view);

    /// The pool for these names, made at the first call. Another kind of a known pool has the same entries of the
    /// settings.
    std::shared_ptr<pool_record> pool_for(const pool::pool_key& key,
                                          const settings::database_settings& database,
                                          const settings::user_settings* user,
                                          server_account account);
    /// The pool beside it whose connections lead to that replica ("host:port"), made at the first call.
    std::shared_ptr<pool_record> pool_on_replica(const std::shared_ptr<pool_record>& primary, const std::string& node);
    [[nodiscard]] std::vector<std::shared_ptr<pool_record>> pools() const;

    /// Where the control plane tells how much of its writes a cluster's nodes have. Set before workers run.
    void set_board(const std::string& cluster, std::shared_ptr<router::freshness_board> board);
    [[nodiscard]] std::shared_ptr<router::freshness_board> board_of(const std::string& cluster) const;
    /// Who knows the functions of that cluster's database, and tells of newer ones by publish_functions() from then on.
    /// May give null. Set before workers run; called from any of them.
    using find_functions =
        std::function<function_catalogue_ptr(const std::string& cluster, const std::string& database)>;
    void set_find_functions(find_functions find) { find_functions_ = std::move(find); }
    [[nodiscard]] function_catalogue_ptr functions_of(const std::string& cluster, const std::string& database) const
    {
        return find_functions_ ? find_functions_(cluster, database) : nullptr;
    }
    /// And is told of changes. Likewise.
    using note_change = std::function<void(const std::string& cluster, const std::string& database)>;
    void set_note_definitions(note_change note) { note_definitions_ = std::move(note); }
    void distrust_functions(const std::string& cluster, const std::string& database) const
    {
        if (note_definitions_) {
            note_definitions_(cluster, database);
        }
    }
    /// Who is told of a node ("host:port") that a connection was lost to, or could not be had from. Likewise.
    using note_fault = std::function<void(const std::string& cluster, const std::string& node)>;
    void set_note_fault(note_fault note) { note_fault_ = std::move(note); }
    void suspect(const std::string& cluster, const std::string& node) const
    {
        if (note_fault_) {
            note_fault_(cluster, node);
        }
    }
    /// Who looks at such a node at once, and tells what it is: once the view says so, too. Likewise.
    using tell_finding = std::function<void(router::node_finding)>;
    using examine_node = std::function<void(const std::string& cluster, const std::string& node, tell_finding tell)>;
    void set_examine(examine_node examine) { examine_ = std::move(examine); }
    void examine(const std::string& cluster, const std::string& node, tell_finding tell) const
    {
        if (examine_) {
            examine_(cluster, node, std::move(tell));
        } else {
            tell(router::node_finding::unknown);
        }
    }
    /// Null: nothing is known for the time being.
    void publish_functions(const std::string& cluster,
                           const std::string& database,
                           const function_catalogue_ptr& newest);
    // What an operator stops: process_stops.cpp. From any thread. They give why not, where nothing was done.

    /// No database's name: all of them. New work waits from now on.
    std::optional<client_error> pause(const std::string& database);
    std::optional<client_error> resume(const std::string& database);
    /// Connections are closed as they come back, and new ones opened in their place.
    std::optional<client_error> reconnect(const std::string& database);
    [[nodiscard]] stop_progress progress_of_pause(const std::string& database) const;
    /// No new work goes to that node, by its address or host. The primary's work waits.
    std::optional<client_error> drain_node(const std::string& name);
    std::optional<client_error> undrain_node(const std::string& name);
    [[nodiscard]] stop_progress progress_of_drain(const std::string& name) const;
    [[nodiscard]] pool::stops stops() const;

    /// When that user of that cluster has written last; shared by its sessions, and kept for those to come.
    [[nodiscard]] std::shared_ptr<write_mark> mark_of(const std::string& cluster, const std::string& user);

    /// What all servers of that engine have in common of what they say to whoever connects; empty where none has been
    /// seen.
    [[nodiscard]] server_greeting greeting_of(engine which) const;
    void note_greeting(engine which, const std::string& node, const server_greeting& seen);

    control::credentials& users() { return users_; }
    const std::shared_ptr<pool::budget>& budget() { return budget_; }

    /// Workers are added before any of them runs and outlive all use of the list.
    void add_worker(worker& one) { workers_.push_back(&one); }
    [[nodiscard]] const std::vector<worker*>& workers() const { return workers_; }
    [[nodiscard]] worker& least_busy() const;

    /// Logged-in clients and those on their way, over all workers.
    std::atomic<std::uint32_t> clients{0};
    std::atomic<bool> draining{false};

    /// One more client of this user, or of this database, if its limit (0: none) allows.
    bool admit_user(const std::string& user, std::uint32_t limit);
    void dismiss_user(const std::string& user);
    bool admit_to_database(const std::string& database, std::uint32_t limit);
    void dismiss_from_database(const std::string& database);

    /// What sessions share that bounds their transactions per second; they follow the settings.
    struct rates {
        std::shared_ptr<pool::rate_limit> of_user{};
        std::shared_ptr<pool::rate_limit> of_database{};  ///< by the name that clients ask for
    };
    /// By the places of the rules that have a limit.
    [[nodiscard]] std::vector<std::shared_ptr<pool::rate_limit>> limits_of(const route_rules& rules);
    [[nodiscard]] rates rates_of(engine which, const std::string& user, const std::string& database);

private:
    void set_limits_locked();
    void set_rates_locked();
    void hold_locked(const router::cluster_view& view);
    void forget_lost_locked(const router::cluster_view* before, const router::cluster_view& now);
    [[nodiscard]] pool::intake intake_locked(const pool_record& pool) const;
    void fence_locked(const router::cluster_view& view);
    void retire_readers_locked(const router::cluster_view& view);
    [[nodiscard]] std::vector<std::string> nodes_called_locked(const std::string& name) const;
    void show_drained_locked();
    [[nodiscard]] router::cluster_view_ptr marked_locked(const router::cluster_view_ptr& view) const;
    void apply_stops_locked();
    void follow_names_locked(const settings::tree& now);
    void follow_settings_locked(pool_record& pool, const settings::tree& before, const settings::tree& now);

    mutable std::mutex guard_;
    configuration_ptr configuration_;
    control::credentials& users_;
    std::shared_ptr<pool::budget> budget_;
    std::map<std::string, router::cluster_view_ptr, std::less<>> observed_;  ///< by cluster
    std::map<std::string, router::cluster_view_ptr, std::less<>> views_;     ///< those, with what is drained
    pool::stops stops_;
    std::uint64_t node_changes_ = 0;                              ///< of what is drained
    std::map<std::string, std::size_t, std::less<>> written_to_;  ///< each cluster's last primary, by its place
    std::map<pool::pool_key, std::shared_ptr<pool_record>> pools_;
    std::map<std::string, std::shared_ptr<router::freshness_board>, std::less<>> boards_;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<write_mark>> marks_;
    find_functions find_functions_;
    note_change note_definitions_;
    note_fault note_fault_;
    examine_node examine_;
    std::map<std::pair<engine, std::string>, server_greeting> greetings_;  ///< by node
    using head_count = std::map<std::string, std::uint32_t, std::less<>>;
    bool admit(head_count& among, const std::string& name, std::uint32_t limit);
    void dismiss(head_count& from, const std::string& name);
    // These outlive the sessions that share them: clients that connect anew for each request are bounded as well.
    std::map<std::string, std::shared_ptr<pool::rate_limit>> user_rates_;
    std::map<std::string, std::shared_ptr<pool::rate_limit>> rule_rates_;
    std::map<std::pair<engine, std::string>, std::shared_ptr<pool::rate_limit>> database_rates_;
    head_count user_clients_;
    head_count database_clients_;  ///< by the name that clients ask for
    std::vector<worker*> workers_;
};

}  // namespace penstock::proxy
