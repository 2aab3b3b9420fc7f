// SPDX-License-Identifier: Apache-2.0
#include "proxy/process.hpp"

#include "protocols/mysql/common_greeting.hpp"
#include "proxy/worker.hpp"
#include "settings/lookup.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace penstock::proxy {

std::string text_of(const router::node& where)
{
    return where.host + ":" + std::to_string(where.port);
}

namespace {

std::uint32_t user_rate(const settings::tree& tree, const std::string& name)
{
    const auto* const user = settings::find_user(tree, name);
    return user != nullptr ? user->max_transactions_per_second : 0;
}

std::uint32_t database_rate(const settings::tree& tree, engine which, const std::string& name)
{
    const auto* const database = settings::find_database(tree, name, which);
    return database != nullptr ? database->max_transactions_per_second : 0;
}

std::uint32_t rule_rate(const settings::tree& tree, const std::string& name)
{
    const auto rule = std::find_if(
        tree.rules.begin(), tree.rules.end(), [&name](const settings::rule_settings& each) { return each.name == name; });
    return rule != tree.rules.end() ? rule->max_transactions_per_second : 0;
}

/// The one that is in use, or another one.
/// Makes room in front of a new entry, now and then: what nobody uses goes if it would be made anew as it is.
template <class Map, class Predicate>
void forget_unused(Map& known, Predicate is_as_new)
{
    constexpr std::size_t few = 1024;
    if (known.size() >= few && std::has_single_bit(known.size())) {
        std::erase_if(known, [&](const auto& each) { return each.second.use_count() == 1 && is_as_new(*each.second); });
    }
}

template <class Map>
std::shared_ptr<pool::rate_limit> shared(Map& known, const typename Map::key_type& key, std::uint32_t per_second)
{
    if (const auto found = known.find(key); found != known.end()) {
        return found->second;
    }
    forget_unused(known, [now = clock::now()](const pool::rate_limit& limit) { return limit.is_full(now); });
    auto made = std::make_shared<pool::rate_limit>();
    made->set(per_second);
    known.emplace(key, made);
    return made;
}

}  // namespace

server_account pool_record::account() const
{
    if (primary) {
        return primary->account();
    }
    const std::lock_guard lock{guard_};
    return account_;
}

std::string pool_record::init_query() const
{
    const std::lock_guard lock{guard_};
    return init_query_;
}

bool pool_record::follow(settings::pool_mode mode, const std::string& init_query)
{
    mode_.store(mode, std::memory_order_relaxed);
    const std::lock_guard lock{guard_};
    return std::exchange(init_query_, init_query) != init_query;
}

bool pool_record::learn(server_account newer)
{
    const std::lock_guard lock{guard_};
    const bool differs = account_.password != newer.password || (newer.keys && account_.keys != newer.keys) ||
                         (newer.hashes && account_.hashes != newer.hashes);
    const bool is_first = account_.user.empty();
    if (!is_first && !newer.keys && !newer.hashes && newer.password.empty()) {
        return false;  // this login proved nothing that a server would accept
    }
    account_ = std::move(newer);
    return differs;
}

process::process(configuration_ptr initial, control::credentials& users)
    : configuration_{std::move(initial)}, users_{users}, budget_{std::make_shared<pool::budget>()}
{
    const std::lock_guard lock{guard_};
    set_limits_locked();
}

process::~process() = default;

configuration_ptr process::current() const
{
    const std::lock_guard lock{guard_};
    return configuration_;
}

void process::configure(configuration_ptr next)
{
    {
        const std::lock_guard lock{guard_};
        const auto before = std::exchange(configuration_, next);
        set_limits_locked();
        set_rates_locked();
        for (const auto& [key, record] : pools_) {
            follow_settings_locked(*record, *before->settings, *next->settings);
        }
        follow_names_locked(*next->settings);
    }
    for (auto* each : workers_) {
        each->configure(next);
    }
}

/// Connections opened with other TLS settings, start-up parameters or another init_query are not used any more.
void process::follow_settings_locked(pool_record& pool, const settings::tree& before, const settings::tree& now)
{
    const auto* database =
        settings::find_database(now, pool.database_entry, settings::engine_of(now, pool.key.cluster));
    if (database == nullptr) {
        return;
    }
    const auto* user = settings::find_user(now, pool.user_entry);
    pool.shared->set_limits(settings::effective_limits(now, *database, user));
    bool obsolete = pool.follow(settings::effective_pool_mode(now, *database, user),
                                settings::effective_init_query(now, *database));
    const auto* old_cluster = settings::find_cluster(before, pool.key.cluster);
    const auto* cluster = settings::find_cluster(now, pool.key.cluster);
    if (old_cluster != nullptr && cluster != nullptr) {
        obsolete = obsolete || old_cluster->sslmode != cluster->sslmode || !(old_cluster->tls == cluster->tls) ||
                   old_cluster->options != cluster->options || old_cluster->compression != cluster->compression ||
                   old_cluster->application_name != cluster->application_name;
    }
    if (obsolete) {
        pool.shared->retire();
    }
}

router::cluster_view_ptr process::view_of(const std::string& cluster) const
{
    const std::lock_guard lock{guard_};
    const auto found = views_.find(cluster);
    return found == views_.end() ? nullptr : found->second;
}

void process::publish(router::cluster_view_ptr view)
{
    const std::lock_guard lock{guard_};
    const auto before = std::exchange(observed_[view->cluster], view);
    forget_lost_locked(before.get(), *view);
    view = marked_locked(view);
    for (auto* each : workers_) {
        each->see(view);
    }
    const auto* primary = view->primary();
    views_[view->cluster] = view;
    set_limits_locked();
    if (primary == nullptr) {
        hold_locked(*view);
        apply_stops_locked();
        return;
    }
    for (const auto& [key, record] : pools_) {
        if (key.cluster == view->cluster && key.node.empty() && record->shared->node() != text_of(*primary)) {
            record->shared->set_node(text_of(*primary));
        }
    }
    apply_stops_locked();
    fence_locked(*view);
}

/// How far a node was that was left, or another one in its place, tells nothing of who comes there next.
void process::forget_lost_locked(const router::cluster_view* before, const router::cluster_view& now)
{
    const auto board = boards_.find(now.cluster);
    const auto known = before == nullptr ? 0 : std::min(before->nodes.size(), now.nodes.size());
    for (std::size_t place = 0; place < known; ++place) {
        const auto& former = before->nodes[place];
        const bool is_lost = now.nodes[place].state == router::node_state::left;
        if (!is_lost && text_of(former) == text_of(now.nodes[place])) {
            continue;
        }
        std::erase_if(greetings_, [&](const auto& each) { return each.first.second == text_of(former); });
        if (board != boards_.end()) {
            board->second->set(place, {});
        }
    }
}

/// What the last primary has under way is lost, unless it knows that it is none any more: then it refuses writes
/// itself, and may end what it has begun. Of one that was left nothing is known until it has answered again.
void process::fence_locked(const router::cluster_view& view)
{
    const auto [last, first] = written_to_.try_emplace(view.cluster, *view.primary_index);
    const auto replaced = std::exchange(last->second, *view.primary_index);
    if (first || replaced == *view.primary_index) {
        return;
    }
    retire_readers_locked(view);
    if (replaced >= view.nodes.size() || view.nodes[replaced].role == router::node_role::replica) {
        return;
    }
    for (auto* each : workers_) {
        each->fence(view.cluster, text_of(view.nodes[replaced]));
    }
}

/// What pools have for reads at a replica that has become the primary only takes room there: the others serve those.
void process::retire_readers_locked(const router::cluster_view& view)
{
    const auto node = text_of(view.nodes[*view.primary_index]);
    for (const auto& [key, record] : pools_) {
        if (key.cluster == view.cluster && key.node == node) {
            record->shared->retire();
        }
    }
}

/// Nobody is the primary. If the one that was it last is there and must not be written to, its connections are given
/// up, so that requests wait. One that does not answer may only be slow to: what it still serves it serves.
void process::hold_locked(const router::cluster_view& view)
{
    const auto last = written_to_.find(view.cluster);
    if (last == written_to_.end() || last->second >= view.nodes.size() ||
        view.nodes[last->second].state == router::node_state::down) {
        return;
    }
    for (const auto& [key, record] : pools_) {
        if (key.cluster == view.cluster && key.node.empty() && !record->shared->node().empty()) {
            record->shared->set_node({});
        }
    }
}

std::shared_ptr<pool_record> process::pool_for(const pool::pool_key& key,
                                               const settings::database_settings& database,
                                               const settings::user_settings* user,
                                               server_account account)
{
    const std::lock_guard lock{guard_};
    auto& record = pools_[key];
    if (!record) {
        const auto& tree = *configuration_->settings;
        std::string node;
        if (const auto view = views_.find(key.cluster); view != views_.end() && view->second->primary() != nullptr) {
            node = text_of(*view->second->primary());
        }
        const auto kin = std::find_if(pools_.begin(), pools_.end(), [&](const auto& each) {
            return each.second && each.first.of_all_kinds() == key.of_all_kinds();
        });
        record = std::make_shared<pool_record>();
        record->key = key;
        if (kin != pools_.end()) {  // one pool, so the same entries of the settings
            record->database_entry = kin->second->database_entry;
            record->user_entry = kin->second->user_entry;
            record->follow(kin->second->mode(), kin->second->init_query());
        } else {
            record->database_entry = database.name;
            record->user_entry = user == nullptr ? std::string{} : user->name;
            record->follow(settings::effective_pool_mode(tree, database, user),
                           settings::effective_init_query(tree, database));
        }
        record->shared = std::make_shared<pool::shared_pool>(
            budget_, key, settings::effective_limits(tree, database, user), std::move(node));
        record->shared->take_in(intake_locked(*record));
    }
    record->learn(std::move(account));
    return record;
}

std::shared_ptr<pool_record> process::pool_on_replica(const std::shared_ptr<pool_record>& primary,
                                                      const std::string& node)
{
    const std::lock_guard lock{guard_};
    auto key = primary->key;
    key.node = node;
    auto& record = pools_[key];
    if (!record) {
        record = std::make_shared<pool_record>();
        record->key = key;
        record->database_entry = primary->database_entry;
        record->user_entry = primary->user_entry;
        record->primary = primary;
        record->follow(primary->mode(), primary->init_query());
        record->shared = std::make_shared<pool::shared_pool>(budget_, key, primary->shared->limits(), node);
        record->shared->take_in(intake_locked(*record));
    }
    return record;
}

void process::set_board(const std::string& cluster, std::shared_ptr<router::freshness_board> board)
{
    const std::lock_guard lock{guard_};
    boards_[cluster] = std::move(board);
}

std::shared_ptr<router::freshness_board> process::board_of(const std::string& cluster) const
{
    const std::lock_guard lock{guard_};
    const auto found = boards_.find(cluster);
    return found == boards_.end() ? std::make_shared<router::freshness_board>() : found->second;
}

void process::publish_functions(const std::string& cluster,
                                const std::string& database,
                                const function_catalogue_ptr& newest)
{
    for (auto* each : workers_) {
        each->believe(cluster, database, newest);
    }
}

std::shared_ptr<write_mark> process::mark_of(const std::string& cluster, const std::string& user)
{
    const std::lock_guard lock{guard_};
    auto& mark = marks_[{cluster, user}];
    if (!mark) {
        mark = std::make_shared<write_mark>(0);
    }
    return mark;
}

std::vector<std::shared_ptr<pool_record>> process::pools() const
{
    const std::lock_guard lock{guard_};
    std::vector<std::shared_ptr<pool_record>> all;
    for (const auto& [key, record] : pools_) {
        all.push_back(record);
    }
    return all;
}

server_greeting process::greeting_of(engine which) const
{
    const std::lock_guard lock{guard_};
    std::vector<server_greeting> known;
    for (const auto& [key, greeting] : greetings_) {
        if (key.first == which) {
            known.push_back(greeting);
        }
    }
    for (const auto& [name, view] : views_) {
        if (settings::engine_of(*configuration_->settings, name) != which) {
            continue;
        }
        for (const auto& node : view->nodes) {
            const bool is_used = node.state == router::node_state::up || node.state == router::node_state::down;
            if (is_used && !node.version_text.empty() && !greetings_.contains({which, text_of(node)})) {
                known.push_back({.version = node.version_text});
            }
        }
    }
    return mysql::common_greeting(known);
}

void process::note_greeting(engine which, const std::string& node, const server_greeting& seen)
{
    if (seen.version.empty()) {
        return;
    }
    const std::lock_guard lock{guard_};
    greetings_[{which, node}] = seen;
}

worker& process::least_busy() const
{
    return **std::min_element(workers_.begin(), workers_.end(), [](const worker* left, const worker* right) {
        return left->sessions() < right->sessions();
    });
}

bool process::admit_user(const std::string& user, std::uint32_t limit)
{
    return admit(user_clients_, user, limit);
}

void process::dismiss_user(const std::string& user)
{
    dismiss(user_clients_, user);
}

bool process::admit_to_database(const std::string& database, std::uint32_t limit)
{
    return admit(database_clients_, database, limit);
}

void process::dismiss_from_database(const std::string& database)
{
    dismiss(database_clients_, database);
}

process::rates process::rates_of(engine which, const std::string& user, const std::string& database)
{
    const std::lock_guard lock{guard_};
    const auto& tree = *configuration_->settings;
    return {.of_user = shared(user_rates_, user, user_rate(tree, user)),
            .of_database = shared(database_rates_, {which, database}, database_rate(tree, which, database))};
}

std::vector<std::shared_ptr<pool::rate_limit>> process::limits_of(const route_rules& rules)
{
    std::vector<std::shared_ptr<pool::rate_limit>> limits(rules.size());
    const std::lock_guard lock{guard_};
    for (std::size_t place = 0; place < limits.size(); ++place) {
        if (const auto& name = rules.at(place).limit; !name.empty()) {
            limits[place] = shared(rule_rates_, name, rule_rate(*configuration_->settings, name));
        }
    }
    return limits;
}

void process::set_rates_locked()
{
    const auto& tree = *configuration_->settings;
    for (const auto& [name, limit] : rule_rates_) {
        limit->set(rule_rate(tree, name));
    }
    for (const auto& [name, limit] : user_rates_) {
        limit->set(user_rate(tree, name));
    }
    for (const auto& [of, limit] : database_rates_) {
        limit->set(database_rate(tree, of.first, of.second));
    }
}

bool process::admit(head_count& among, const std::string& name, std::uint32_t limit)
{
    const std::lock_guard lock{guard_};
    const auto found = among.find(name);
    if (limit > 0 && found != among.end() && found->second >= limit) {
        return false;
    }
    ++(found == among.end() ? among[name] : found->second);
    return true;
}

void process::dismiss(head_count& from, const std::string& name)
{
    const std::lock_guard lock{guard_};
    const auto found = from.find(name);
    if (found != from.end() && --found->second == 0) {
        from.erase(found);
    }
}

/// The per-node limit is the configured number, or max_connections_percent of what the smallest known node allows.
void process::set_limits_locked()
{
    const auto& tree = *configuration_->settings;
    auto limits = settings::shared_limits(tree);
    for (const auto& cluster : tree.clusters) {
        auto allowed = cluster.max_connections_per_node;
        const auto view = views_.find(cluster.name);
        if (view != views_.end()) {
            for (const auto& node : view->second->nodes) {
                if (node.max_connections == 0 || node.state == router::node_state::quarantined) {
                    continue;  // nothing goes there: it may be anybody's
                }
                const std::uint32_t probes = cluster.split.enabled ? 2 : 1;  // the monitor's own, and the sampler's
                const auto kept = node.reserved_connections + probes;
                const auto usable = node.max_connections - std::min(node.max_connections - 1, kept);
                const auto part = std::uint64_t{usable} * cluster.max_connections_percent / 100;
                const auto share = std::max(1U, static_cast<std::uint32_t>(part));
                allowed = allowed == 0 ? share : std::min(allowed, share);
            }
        }
        if (allowed > 0) {
            limits.per_node = limits.per_node == 0 ? allowed : std::min(limits.per_node, allowed);
        }
    }
    budget_->set_limits(limits);
}

}  // namespace penstock::proxy
