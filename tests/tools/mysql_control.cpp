// SPDX-License-Identifier: Apache-2.0
//
// The control plane's MySQL client, its probe and its judgement of auth_query against a real server, for tests in
// Python: mysql_control ask|probe|judge name=value... prints one JSON object. No secret is printed but by `ask`.
//
// Names: host, address (may be repeated), port, user, password, database, tls, ca, patience (ms), text, parameter (may
// be repeated), times (ask so often on one connection).
#include "control/loop.hpp"
#include "control/mysql_client.hpp"
#include "control/mysql_look_up.hpp"
#include "control/probes.hpp"
#include "protocols/mysql/auth_secret.hpp"

#include <boost/json.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace penstock;
namespace json = boost::json;

struct request {
    control::sql_target target{};
    control::sql_query query{};
    duration patience = seconds{10};
    int times = 1;
};

server_account::tls_mode mode_named(std::string_view name)
{
    using mode = server_account::tls_mode;
    static const std::map<std::string_view, mode> modes{{"disable", mode::disable},
                                                        {"allow", mode::allow},
                                                        {"prefer", mode::prefer},
                                                        {"require", mode::require},
                                                        {"verify-ca", mode::verify_ca},
                                                        {"verify-full", mode::verify_full}};
    return modes.at(name);
}

void set(request& into, std::string_view name, const std::string& value)
{
    auto& target = into.target;
    if (name == "host") {
        target.host = value;
    } else if (name == "address") {
        target.addresses.push_back(value);
    } else if (name == "port") {
        target.port = static_cast<std::uint16_t>(std::stoul(value));
    } else if (name == "user") {
        target.user = value;
    } else if (name == "password") {
        target.password = secret{value};
    } else if (name == "database") {
        target.database = value;
    } else if (name == "tls") {
        target.tls = mode_named(value);
    } else if (name == "ca") {
        target.ca_file = value;
    } else if (name == "patience") {
        into.patience = milliseconds{std::stoi(value)};
    } else if (name == "text") {
        into.query.text = value;
    } else if (name == "parameter") {
        into.query.parameters.push_back(value);
    } else if (name == "times") {
        into.times = std::stoi(value);
    }
}

control::sql_answer ask(control::loop& on, control::sql_client& client, const request& what)
{
    std::optional<control::sql_answer> got;
    client.ask(what.query, what.patience, [&got](control::sql_answer answer) { got = std::move(answer); });
    on.run_until([&got] { return got.has_value(); }, what.patience + seconds{5});
    return got.value_or(control::sql_answer{.fault = "no answer was given"});
}

json::value value_of(const control::sql_value& value)
{
    return value ? json::value(*value) : json::value(nullptr);
}

json::object told(const control::sql_answer& answer)
{
    json::array columns;
    for (const auto& column : answer.columns) {
        columns.emplace_back(column);
    }
    json::array rows;
    for (const auto& row : answer.rows) {
        json::array values;
        for (const auto& value : row) {
            values.push_back(value_of(value));
        }
        rows.push_back(std::move(values));
    }
    return {{"fault", answer.fault},
            {"number", answer.error_number},
            {"sqlstate", answer.sqlstate},
            {"columns", columns},
            {"rows", rows},
            {"version", answer.server_version},
            {"text", answer.version_text}};
}

json::object ask_often(control::loop& on, control::sql_client& client, const request& what)
{
    auto answer = ask(on, client, what);
    for (int more = 1; more < what.times; ++more) {
        answer = ask(on, client, what);
    }
    return told(answer);
}

json::object probe(control::loop& on, control::sql_client& client, request what)
{
    const auto probing = control::begin_probe(penstock::engine::mysql, {});
    while (auto question = probing->question()) {
        what.query = std::move(*question);
        probing->take(ask(on, client, what));
    }
    const auto& seen = probing->seen();
    using kind = control::probe_observation::kind;
    const auto* how = seen.how == kind::answered ? "answered" : seen.how == kind::refused ? "refused" : "failed";
    return {{"how", how},
            {"replica", seen.in_recovery},
            {"max_connections", seen.max_connections},
            {"version", seen.server_version},
            {"text", seen.version_text},
            {"fault", seen.fault},
            {"says", seen.says},
            {"writes_with", seen.writes_with}};
}

const char* form_of(const secret& stored)
{
    using form = mysql::stored_secret::form;
    switch (mysql::parse_secret(stored.reveal()).kind) {
        case form::clear: return "clear";
        case form::native: return "native";
        case form::sha2: return "sha2";
        case form::ed25519: return "ed25519";
        case form::none: break;
    }
    return "none";
}

/// What the answer says of the user who is the first parameter.
json::object judge(control::loop& on, control::sql_client& client, const request& what)
{
    const auto answer = ask(on, client, what);
    const auto verdict = control::judge_mysql(answer, what.query.parameters.at(0), auth_method::scram_sha_256);
    using kind = control::look_up_verdict::kind;
    const auto* how = verdict.how == kind::found ? "found" : verdict.how == kind::absent ? "absent" : "unavailable";
    return {{"how", how}, {"form", form_of(verdict.user.record.stored)}, {"reason", verdict.reason}};
}

}  // namespace

int main(int count, char** arguments)
{
    request what;
    for (int place = 2; place < count; ++place) {
        const std::string_view pair{arguments[place]};
        const auto mark = pair.find('=');
        set(what, pair.substr(0, mark), std::string{pair.substr(mark + 1)});
    }
    control::loop on;
    control::mysql_client client{on, what.target};
    const std::string_view verb{count > 1 ? arguments[1] : ""};
    std::cout << json::serialize(verb == "probe"   ? probe(on, client, what)
                                 : verb == "judge" ? judge(on, client, what)
                                                   : ask_often(on, client, what))
              << '\n';
    return 0;
}
