// SPDX-License-Identifier: Apache-2.0
#include "app/explain.hpp"

#include "protocols/mysql/classifier.hpp"
#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/read_dialect.hpp"
#include "protocols/mysql/shape.hpp"
#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/effects.hpp"
#include "protocols/postgresql/read_dialect.hpp"
#include "protocols/postgresql/shape.hpp"
#include "protocols/wire/shape_digest.hpp"
#include "proxy/routing.hpp"
#include "router/decide.hpp"
#include "settings/lookup.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace penstock::app {

namespace {

struct findings {
    shape_result made{};
    std::string shape{};
    statement_class what{};
    pin_set pins{};
    function_catalogue_ptr functions{};
    request_facts unruled{};  ///< without regard to what rules wish
    request_facts facts{};
};

/// What a rule asks of a session, and what is known of that.
struct condition {
    std::string_view name;
    std::string_view pattern;
    std::string_view known;
    [[nodiscard]] bool is_open() const
    {
        return known.empty() && pattern.find_first_not_of('*') != std::string_view::npos;
    }
    [[nodiscard]] bool holds() const { return pattern.empty() || matches(pattern, known); }
};

std::array<condition, 3> conditions_of(const route_rule& rule, const explain_context& in)
{
    return {condition{"user", rule.user, in.user},
            condition{"database", rule.database, in.database},
            condition{"application_name", rule.application_name, in.application_name}};
}

/// Those of the rules with a route for its shape that hold for the session; or those that hold as far as is known, but not wholly.
std::uint64_t rules_for(const request_facts& facts, const explain_context& in, bool open)
{
    std::uint64_t found = 0;
    for (auto left = in.rules ? facts.rules & in.rules->with_route() : 0; left != 0; left &= left - 1) {
        const auto place = static_cast<std::size_t>(std::countr_zero(left));
        const auto conditions = conditions_of(in.rules->at(place), in);
        const auto may_hold = [](const condition& each) { return each.is_open() || each.holds(); };
        const auto is_unknown = [](const condition& each) { return each.is_open(); };
        const bool is_open = std::any_of(conditions.begin(), conditions.end(), is_unknown);
        const bool counts = is_open == open && std::all_of(conditions.begin(), conditions.end(), may_hold);
        found |= std::uint64_t{counts} << place;
    }
    return found;
}

template <class Judge, class Mode>
void judge_it(std::string_view text, const Mode& mode, const explain_context& in, findings& found)
{
    Judge judge{found.functions};
    if (in.rules) {
        judge.follow(in.rules);
    }
    found.unruled = judge.judge(text, mode);
    const auto certain = rules_for(found.unruled, in, false);
    found.facts = with_wishes(found.unruled, route_hint::none, judge.rules(), certain);
}

findings examine(std::string_view text, const explain_context& in)
{
    findings found;
    if (in.of == engine::mysql) {
        const mysql::sql_reading reading{.utf8 = true};
        found.made = mysql::make_shape(text, reading, found.shape);
        found.what = mysql::classify(text, reading);
        found.pins = mysql::inspect(text, reading).pins;
        found.functions = in.functions ? in.functions : mysql::well_known_functions();
        judge_it<mysql::read_judge>(text, reading, in, found);
    } else {
        const lexical_mode mode{};
        found.made = postgresql::make_shape(text, mode, found.shape);
        found.what = postgresql::classify(text, mode);
        found.pins = postgresql::inspect(text, mode).pins;
        found.functions = in.functions ? in.functions : postgresql::well_known_functions();
        judge_it<postgresql::read_judge>(text, mode, in, found);
    }
    return found;
}

std::string name_of(const function_name& function)
{
    return function.schema + (function.schema.empty() ? "" : ".") + function.name;
}

/// Of the functions, all or those that are not known to be harmless.
std::string names_of(const findings& found, bool all)
{
    std::string names;
    for (const auto& each : found.what.functions) {
        if (all || !found.functions->harmless(each, {})) {
            names.append(names.empty() ? "" : ", ").append(name_of(each));
        }
    }
    return names;
}

void add_condition(std::string& to, std::string_view name, std::string_view pattern)
{
    if (!pattern.empty()) {
        to.append(to.empty() ? "" : ", ").append(name).append(" = \"").append(pattern).append("\"");
    }
}

/// The rule that has decided.
std::string rule_of(const findings& found, const explain_context& in)
{
    const auto certain = rules_for(found.unruled, in, false);
    if (certain == 0) {
        return {};
    }
    const auto& rule = in.rules->at(static_cast<std::size_t>(std::countr_zero(certain)));
    std::string text;
    for (const auto& each : conditions_of(rule, in)) {
        add_condition(text, each.name, each.pattern);
    }
    add_condition(text, "statement", rule.statement);
    add_condition(text, "digest", rule.digest);
    return "rule \"" + rule.name + "\": " + (text.empty() ? "for everything" : text);
}

/// The rules that would decide, were the session what they ask for and nobody has told us, which that is.
std::string open_rules(router::route_reason why, const findings& found, const explain_context& in)
{
    std::string text;
    const auto certain = rules_for(found.unruled, in, false);
    const auto before_it = (certain & -certain) - 1;  // all, where none is certain
    for (auto left = rules_for(found.unruled, in, true) & before_it; left != 0; left &= left - 1) {
        const auto& rule = in.rules->at(static_cast<std::size_t>(std::countr_zero(left)));
        const auto with_it = with_wishes(found.unruled, route_hint::none, *in.rules, left & -left);
        if (router::decide(with_it, {}) == why) {
            continue;
        }
        std::string conditions;
        for (const auto& each : conditions_of(rule, in)) {
            add_condition(conditions, each.name, each.is_open() ? each.pattern : std::string_view{});
        }
        text.append("; not judged: rule \"" + rule.name + "\", which counts where " + conditions);
    }
    return text;
}

/// In one sentence.
std::string because(router::route_reason why, const findings& found, const explain_context& in)
{
    using enum router::route_reason;
    switch (why) {
        case read: return "nothing in it changes anything: a replica that has what the session has written";
        case writes: return "it changes something, or may";
        case locks: return "it locks the rows that it reads";
        case into: return "it stores what it reads";
        case session: return "it is about the session or the transaction, and goes where that is";
        case server_state: return "another server answers otherwise";
        case unparsed: return "it is not understood";
        case too_large: return "it is longer or deeper than what is looked at";
        case function: return "not known to be harmless: " + names_of(found, false);
        case relation: return "it names a relation that is read on the primary only";
        case lasting: return "it may leave something in its session";
        case replica_hint:
        case primary_hint: return "a comment asks for it: " + std::string{found.made.hint};
        case node: return found.made.hint.empty() ? rule_of(found, in) : std::string{found.made.hint};
        case replica_rule:
        case primary_rule: return rule_of(found, in);
        default: return {};
    }
}

/// That of the dialect that is named; else of the database of that name; else of the only engine there is.
engine engine_for(const admin::route_question& question, const settings::tree& all)
{
    if (!question.dialect.empty()) {
        return question.dialect == "MYSQL" ? engine::mysql : engine::postgresql;
    }
    for (const auto& each : all.databases) {
        if (each.name == question.database) {
            return settings::engine_of(all, each.cluster);
        }
    }
    return settings::has_engine(all, engine::postgresql) || !settings::has_engine(all, engine::mysql)
               ? engine::postgresql
               : engine::mysql;
}

/// Where no database says which cluster is meant: the rules, of whatever node they speak.
route_rules_ptr rules_of_any(const settings::tree& all, engine of)
{
    settings::cluster_settings any;
    for (const auto& each : all.clusters) {
        if (each.engine == of) {
            any.nodes.insert(any.nodes.end(), each.nodes.begin(), each.nodes.end());
        }
    }
    return proxy::rules_of(all, any);
}

}  // namespace

explanation explain(std::string_view text, const explain_context& in)
{
    const auto found = examine(text, in);
    const auto why = router::decide(found.facts, {});
    explanation made;
    if (found.made.understood) {
        made.shape = found.shape;
        made.digest = shape_digest(found.shape);
    }
    made.kind = penstock::name_of(found.what.obstacle);
    made.functions = names_of(found, true);
    if (found.what.access != transaction_access::unstated) {
        made.transaction = found.what.access == transaction_access::read_only ? "read only" : "read write";
    }
    made.hint = found.made.hint;
    made.pins = to_string(found.pins);
    made.to_replica = in.splits && router::goes_to_replica(why);
    made.reason = in.splits ? router::name_of(why) : "split_off";
    made.because =
        in.splits ? because(why, found, in) + open_rules(why, found, in) : "read_write_split is off for its cluster";
    if (found.facts.wrong_hint) {
        made.because.append(made.because.empty() ? "" : "; ").append("a comment is not understood: ");
        made.because.append(found.made.hint);
    }
    return made;
}

std::string in_lines(const explanation& found)
{
    std::string lines;
    const auto add = [&lines](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            lines.append(name).append(": ").append(value).append("\n");
        }
    };
    add("shape", found.shape.empty() ? "not understood" : std::string_view{found.shape});
    add("digest", found.digest);
    add("class", found.kind);
    add("functions", found.functions);
    add("transaction", found.transaction);
    add("hint", found.hint);
    add("pins", found.pins);
    add("route", found.to_replica ? "replica" : "primary");
    add("reason", found.reason);
    add("because", found.because);
    return lines;
}

std::pair<explain_context, std::string> context_of(const admin::route_question& question,
                                                   const settings::tree& all,
                                                   const find_functions& find)
{
    explain_context in{
        .user = question.user, .database = question.database, .application_name = question.application_name};
    in.of = engine_for(question, all);
    if (question.database.empty()) {
        in.rules = rules_of_any(all, in.of);
        return {std::move(in), {}};
    }
    const auto* database = settings::find_database(all, question.database, in.of);
    const auto* cluster = database == nullptr ? nullptr : settings::find_cluster(all, database->cluster);
    if (cluster == nullptr) {
        return {std::move(in), "there is no database \"" + question.database + "\""};
    }
    in.splits = cluster->split.enabled;
    in.rules = proxy::rules_of(all, *cluster);
    in.functions = find ? find(cluster->name, settings::server_database(*database, question.database)) : nullptr;
    return {std::move(in), {}};
}

admin::route_answer route_of(const admin::route_question& question,
                             const settings::tree& all,
                             const find_functions& find)
{
    const auto [in, fault] = context_of(question, all, find);
    if (!fault.empty()) {
        return {.refused = client_error{error_kind::unknown_database, fault, {}}};
    }
    const auto found = explain(question.statement, in);
    return {.cells = {found.kind,
                      found.to_replica ? "replica" : "primary",
                      found.reason,
                      found.because,
                      found.functions,
                      found.pins,
                      found.shape,
                      found.digest}};
}

}  // namespace penstock::app
