// SPDX-License-Identifier: Apache-2.0
//
// A refusal that only a living server can give counts as life; one that announces a start or an end does not.
#include "control/probes.hpp"

#include "control/mysql_probe.hpp"

#include <charconv>

namespace penstock::control {
namespace {

/// "57P01" to "57P03": shutting down, crashed, starting up.
bool is_sign_of_life(const std::string& sqlstate)
{
    return !sqlstate.empty() && !sqlstate.starts_with("57P");
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
        return answered_ ? std::nullopt : std::optional{role_query()};
    }
    void take(const sql_answer& answer) override
    {
        answered_ = true;
        seen_ = read_probe(node_, answer);
    }
    [[nodiscard]] const probe_observation& seen() const override { return seen_; }

private:
    router::node_id node_;
    bool answered_ = false;
    probe_observation seen_{};
};

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

probe_observation read_probe(router::node_id node, const sql_answer& answer)
{
    probe_observation seen;
    seen.node = node;
    seen.server_version = answer.server_version;
    if (!answer.ok()) {
        seen.how =
            is_sign_of_life(answer.sqlstate) ? probe_observation::kind::refused : probe_observation::kind::failed;
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
