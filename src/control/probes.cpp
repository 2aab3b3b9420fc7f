// SPDX-License-Identifier: Apache-2.0
//
// A refusal that only a living server can give counts as life; one that announces a start or an end does not.
#include "control/probes.hpp"

#include "control/mysql_probe.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace penstock::control {
namespace {

/// MySQL and MariaDB: who says one of these will not serve anybody now.
bool is_about_to_end(std::uint16_t number)
{
    constexpr std::array<std::uint16_t, 6> numbers{
        1047,  // a Galera node that is not prepared
        1053,  // shutdown in progress
        1077,  // normal shutdown
        1317,  // the query was interrupted, as MySQL does when it is shut down: nobody else kills a probe
        1927,  // the connection was killed (MariaDB), likewise
        3032,  // offline mode
    };
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool read_number(const sql_value& text, std::uint32_t& number)
{
    if (!text) {
        return false;
    }
    const auto* end = text->data() + text->size();
    const auto [stopped, fault] = std::from_chars(text->data(), end, number);
    return fault == std::errc{} && stopped == end;
}

bool read_row(const sql_row& row, probe_observation& seen)
{
    if (row.size() != 3 || (row[0] != "t" && row[0] != "f")) {
        return false;
    }
    seen.in_recovery = row[0] == "t";
    return read_number(row[1], seen.max_connections) && read_number(row[2], seen.reserved_connections);
}

class postgresql_probe final : public probe {
public:
    explicit postgresql_probe(router::node_id node) : node_{node} {}

    [[nodiscard]] std::optional<sql_query> question() const override
    {
        switch (answers_) {
            case 0: return role_query();
            case 1:
                return seen_.how == probe_observation::kind::answered ? std::optional{history_query()} : std::nullopt;
            default: return std::nullopt;
        }
    }
    void take(const sql_answer& answer) override
    {
        if (answers_++ == 0) {
            seen_ = read_probe(node_, answer);
        } else {
            read_history(answer, seen_);
        }
    }
    [[nodiscard]] const probe_observation& seen() const override { return seen_; }

private:
    router::node_id node_;
    int answers_ = 0;
    probe_observation seen_{};
};

bool is_decimal(std::string_view text)
{
    return !text.empty() && text.size() <= 20 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::unique_ptr<probe> begin_probe(engine of, router::node_id node)
{
    if (of == engine::mysql) {
        return std::make_unique<mysql_probe>(node);
    }
    return std::make_unique<postgresql_probe>(node);
}

sql_query role_query()
{
    sql_query query;
    query.text =
        "select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('max_connections')::pg_catalog.int4,"
        " pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4"
        " + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4";
    return query;
}

sql_query history_query()
{
    sql_query query;
    query.text =
        "select (select system_identifier from pg_catalog.pg_control_system()),"
        " case when pg_catalog.pg_is_in_recovery()"
        " then coalesce((select received_tli from pg_catalog.pg_stat_wal_receiver),"
        " (select timeline_id from pg_catalog.pg_control_checkpoint()))"
        " else ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))"
        "::pg_catalog.\"bit\"(32)::pg_catalog.int8 end,"
        " extract(epoch from pg_catalog.pg_postmaster_start_time())::pg_catalog.text";
    return query;
}

void read_history(const sql_answer& answer, probe_observation& seen)
{
    if (!answer.ok() || answer.rows.size() != 1 || answer.rows.front().size() != 3) {
        return;
    }
    const auto& row = answer.rows.front();
    std::uint32_t timeline = 0;
    if (!row[0] || !is_decimal(*row[0]) || !read_number(row[1], timeline)) {
        return;
    }
    seen.past = history{.database = *row[0], .timeline = timeline};
    constexpr std::size_t longest_time = 32;
    if (row[2] && !row[2]->empty() && row[2]->size() <= longest_time) {
        seen.writes_with = "server " + *row[0] + " started at " + *row[2];
    }
}

bool is_sign_of_life(const sql_answer& answer)
{
    if (answer.ok()) {
        return true;
    }
    const bool is_about_to_start_or_end = answer.sqlstate.starts_with("57P");  // shutting down, crashed, starting up
    return answer.error_number != 0 ? !is_about_to_end(answer.error_number)
                                    : !answer.sqlstate.empty() && !is_about_to_start_or_end;
}

probe_observation read_probe(router::node_id node, const sql_answer& answer)
{
    probe_observation seen;
    seen.node = node;
    seen.server_version = answer.server_version;
    if (!answer.ok()) {
        seen.how =
            is_sign_of_life(answer) ? probe_observation::kind::refused : probe_observation::kind::failed;
        seen.fault = answer.fault;
    } else if (answer.rows.size() != 1 || !read_row(answer.rows.front(), seen)) {
        seen.how = probe_observation::kind::failed;
        seen.fault = "the probe's answer is not understood";
    } else {
        seen.how = probe_observation::kind::answered;
    }
    return seen;
}

}  // namespace penstock::control
