// SPDX-License-Identifier: Apache-2.0
#include "control/sampler.hpp"

#include "control/monitor.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace penstock::control {

namespace {

std::optional<std::uint64_t> number_of(const sql_value& text)
{
    std::uint64_t number = 0;
    if (!text) {
        return std::nullopt;
    }
    const auto* end = text->data() + text->size();
    const auto [stopped, fault] = std::from_chars(text->data(), end, number);
    return fault == std::errc{} && stopped == end ? std::optional{number} : std::nullopt;
}

/// Where nothing has been written since a page began, the primary tells the place behind the page's header, and a
/// replica that has replayed all there is the place before it.
std::uint64_t without_page_header(std::uint64_t offset)
{
    constexpr std::uint64_t page = 8192;
    constexpr std::uint64_t header = 24;
    return offset % page == header ? offset - header : offset;
}

std::optional<router::position> read_position(const sql_answer& answer)
{
    if (!answer.ok() || answer.rows.size() != 1 || answer.rows.front().size() != 2) {
        return std::nullopt;
    }
    const auto timeline = number_of(answer.rows.front()[0]);
    const auto offset = number_of(answer.rows.front()[1]);
    if (!timeline || !offset) {
        return std::nullopt;
    }
    return router::position{.timeline = *timeline, .offset = without_page_header(*offset)};
}

}  // namespace

/// The insert position, since a commit that did not wait for its write may be behind the others. The receiver's
/// timeline is told to members of pg_read_all_stats only; that of the last restartpoint is never newer than what is
/// replayed.
position_questions postgresql_positions()
{
    position_questions ask;
    ask.of_primary.text =
        "select ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(at), 1, 8))::pg_catalog.\"bit\"(32)"
        "::pg_catalog.int8, pg_catalog.pg_wal_lsn_diff(at, '0/0')"
        " from (select pg_catalog.pg_current_wal_insert_lsn()) as now(at)";
    ask.of_replica.text =
        "select coalesce((select received_tli from pg_catalog.pg_stat_wal_receiver),"
        " (select timeline_id from pg_catalog.pg_control_checkpoint())),"
        " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')";
    ask.read = read_position;
    return ask;
}

struct sampler::state : std::enable_shared_from_this<state> {
    state(loop& where, sampler_options chosen, sql_client_factory make, std::function<router::cluster_view_ptr()> look)
        : on{where}, options{std::move(chosen)}, make_client{std::move(make)}, view{std::move(look)}
    {
    }

    /// What is kept of one node.
    struct asked_node {
        std::unique_ptr<sql_client> client{};
        std::vector<net::endpoint> made_for{};
        bool is_asked = false;
        time_point next{};
    };

    void begin();
    void tick();
    bool is_done(const router::cluster_view& now, time_point wanted) const;
    void ask_primary(const router::node& primary, std::size_t place);
    void ask_replicas(const router::cluster_view& now, time_point wanted);
    void ask_replica(const router::node& replica, std::size_t place);
    asked_node& at(std::size_t place);
    sql_client& client_of(const router::node& node, std::size_t place);
    void follow(const router::cluster_view& now);

    loop& on;
    sampler_options options;
    sql_client_factory make_client;
    std::function<router::cluster_view_ptr()> view;
    std::shared_ptr<router::freshness_board> board{};
    router::replay_progress progress{};
    std::vector<std::unique_ptr<asked_node>> nodes{};
    time_point had_none{};  ///< when the primary was asked last that has no positions; the epoch: it has
    bool is_awake = false;
    bool stopped = false;
};

sampler::sampler(loop& on,
                 sampler_options options,
                 sql_client_factory make_client,
                 std::function<router::cluster_view_ptr()> view)
    : state_{std::make_shared<state>(on, std::move(options), std::move(make_client), std::move(view))}
{
    const std::weak_ptr<state> weak = state_;
    state_->board = std::make_shared<router::freshness_board>([weak, &on] {
        on.post([weak] {
            if (const auto self = weak.lock()) {
                self->begin();
            }
        });
    });
    state_->board->set_positions(true);
}

sampler::~sampler()
{
    state_->stopped = true;
    state_->nodes.clear();
}

const std::shared_ptr<router::freshness_board>& sampler::board() const
{
    return state_->board;
}

void sampler::look_again()
{
    if (const auto now = state_->view()) {
        state_->follow(*now);
    }
}

void sampler::state::begin()
{
    if (!is_awake && !stopped) {
        is_awake = true;
        tick();
    }
}

void sampler::state::follow(const router::cluster_view& now)
{
    if (progress.follow(now.primary_index)) {
        board->forget_all();
        had_none = {};
    }
}

void sampler::state::tick()
{
    if (stopped) {
        return;
    }
    const auto now = view();
    const auto wanted = board->wanted();
    follow(*now);
    if (is_done(*now, wanted) && board->rest(wanted)) {
        is_awake = false;
        return;
    }
    if (now->primary_index && progress.newest() <= wanted) {
        ask_primary(*now->primary(), *now->primary_index);
    } else {
        ask_replicas(*now, wanted);
    }
    constexpr int share = 50;  // of the time that a replica has not had enough to cover it
    const auto behind = (clock::now() - wanted) / share;
    const auto pause = std::clamp<duration>(behind, options.interval, std::max<duration>(options.interval, seconds{1}));
    on.call_after(pause, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->tick();
        }
    });
}

/// Nodes that are down are not waited for: they cover nothing until they are asked again.
bool sampler::state::is_done(const router::cluster_view& now, time_point wanted) const
{
    if (had_none > wanted) {
        return true;
    }
    for (std::size_t place = 0; place < now.nodes.size(); ++place) {
        const auto& each = now.nodes[place];
        const bool counts = each.role == router::node_role::replica && each.is_up();
        if (counts && board->covers(place) <= wanted) {
            return false;
        }
    }
    return true;
}

void sampler::state::ask_primary(const router::node& primary, std::size_t place)
{
    auto& one = at(place);
    const auto now = clock::now();
    if (one.is_asked || now < one.next || primary.endpoints.empty()) {
        return;
    }
    one.is_asked = true;
    one.next = now + options.interval;
    auto& client = client_of(primary, place);
    client.ask(
        options.ask.of_primary, options.patience, [weak = weak_from_this(), place, now](const sql_answer& answer) {
            const auto self = weak.lock();
            if (!self || self->stopped) {
                return;
            }
            auto& asked = self->at(place);
            asked.is_asked = false;
            const auto latest = self->view();
            self->follow(*latest);
            const auto& ask = self->options.ask;
            if (ask.has_none && latest->primary_index == place && answer.ok()) {
                const bool has = !ask.has_none(answer);
                self->board->set_positions(has);
                self->had_none = has ? time_point{} : now;
            }
            const auto found = ask.read(answer);
            if (!found || latest->primary_index != place) {
                asked.next = clock::now() + (found ? self->options.interval : self->options.after_failure);
                return;
            }
            self->progress.primary_at(now, *found);
            self->ask_replicas(*latest, self->board->wanted());
        });
}

void sampler::state::ask_replicas(const router::cluster_view& now, time_point wanted)
{
    for (std::size_t place = 0; place < now.nodes.size(); ++place) {
        const auto& each = now.nodes[place];
        const bool counts = each.role == router::node_role::replica && each.is_up() && !each.endpoints.empty();
        if (counts && board->covers(place) <= wanted) {
            ask_replica(each, place);
        }
    }
}

void sampler::state::ask_replica(const router::node& replica, std::size_t place)
{
    auto& one = at(place);
    const auto now = clock::now();
    if (one.is_asked || now < one.next) {
        return;
    }
    one.is_asked = true;
    one.next = now + options.interval;
    auto& client = client_of(replica, place);
    const auto take =
        [weak = weak_from_this(), place, host = replica.host, port = replica.port](const sql_answer& answer) {
            const auto self = weak.lock();
            if (!self || self->stopped) {
                return;
            }
            auto& asked = self->at(place);
            asked.is_asked = false;
            const auto latest = self->view();
            self->follow(*latest);
            const auto& now_there = latest->nodes[place];
            const bool is_of_it = now_there.is_up() && now_there.host == host && now_there.port == port;
            const auto found = self->options.ask.read(answer);
            if (found && is_of_it) {
                self->board->set(place, self->progress.replica_at(place, *found));
                return;
            }
            self->progress.lost(place);
            self->board->set(place, {});
            asked.next = clock::now() + self->options.after_failure;
        };
    client.ask(options.ask.of_replica, options.patience, take);
}

sampler::state::asked_node& sampler::state::at(std::size_t place)
{
    while (place >= nodes.size()) {
        nodes.push_back(std::make_unique<asked_node>());
    }
    return *nodes[place];
}

sql_client& sampler::state::client_of(const router::node& node, std::size_t place)
{
    auto& one = at(place);
    if (!one.client || one.made_for != node.endpoints) {
        one.client = make_client(aimed_at(node, options.account));
        one.made_for = node.endpoints;
    }
    return *one.client;
}

}  // namespace penstock::control
