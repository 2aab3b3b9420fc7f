// SPDX-License-Identifier: Apache-2.0
#include "effects_support.hpp"

namespace penstock::postgresql {

namespace {

std::string join(const std::vector<std::string>& names)
{
    std::string all;
    for (const auto& name : names) {
        all.append(all.empty() ? "" : ",").append(name);
    }
    return all;
}

}  // namespace

std::string_view name_of(statement_verb verb)
{
    using enum statement_verb;
    switch (verb) {
        case none: return "none";
        case begin: return "begin";
        case commit: return "commit";
        case rollback: return "rollback";
        case rollback_to: return "rollback_to";
        case savepoint: return "savepoint";
        case release: return "release";
        case prepare_transaction: return "prepare_transaction";
        case commit_prepared: return "commit_prepared";
        case rollback_prepared: return "rollback_prepared";
        case set: return "set";
        case reset: return "reset";
        case show: return "show";
        case discard_all: return "discard_all";
        case discard: return "discard";
        case deallocate_all: return "deallocate_all";
        case deallocate: return "deallocate";
        case prepare: return "prepare";
        case execute: return "execute";
        case declare: return "declare";
        case fetch: return "fetch";
        case close: return "close";
        case listen: return "listen";
        case unlisten: return "unlisten";
        case notify: return "notify";
        case load: return "load";
        case do_block: return "do_block";
        case call: return "call";
        case copy: return "copy";
        case select: return "select";
        case with: return "with";
        case insert: return "insert";
        case update: return "update";
        case delete_rows: return "delete_rows";
        case merge: return "merge";
        case truncate: return "truncate";
        case lock: return "lock";
        case explain: return "explain";
        case create: return "create";
        case alter: return "alter";
        case drop: return "drop";
        case other: return "other";
    }
    return "?";
}

std::string write_effects(const text_effects& effects)
{
    std::string line{name_of(effects.first_verb)};
    if (effects.statements > 1) {
        line.append("*").append(std::to_string(effects.statements));
    }
    const auto flag = [&line](bool set, std::string_view word) { line.append(set ? " " : "").append(set ? word : ""); };
    const auto part = [&line](std::string_view word, const std::string& value) {
        if (!value.empty()) {
            line.append(" ").append(word).append(":").append(value);
        }
    };
    flag(effects.chain, "chain");
    part("touched", join(effects.touched));
    part("resets", join(effects.resets));
    flag(effects.reset_all, "reset_all");
    flag(effects.discard_all, "discard_all");
    flag(effects.discard_temp, "discard_temp");
    flag(effects.discard_sequences, "discard_sequences");
    flag(effects.deallocate_all, "deallocate_all");
    flag(effects.binds_path, "binds_path");
    flag(effects.binds_name, "binds_name");
    part("deallocate", effects.deallocate_name);
    for (const auto& [name, use] : effects.names) {
        part("prepare", use == name_use::prepares ? name : std::string{});
        part("execute", use == name_use::executes ? name : std::string{});
    }
    part("pins", to_string(effects.pins));
    flag(effects.unterminated, "unterminated");
    return line;
}

void expect_effects(const std::vector<effects_case>& cases, lexical_mode mode)
{
    for (const auto& [text, effects] : cases) {
        EXPECT_EQ(write_effects(inspect(text, mode)), effects) << text;
        expect_every_split_alike(text, mode);
    }
}

void expect_every_split_alike(std::string_view text, lexical_mode mode)
{
    const auto expected = inspect(text, mode);
    effects_collector collector;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        collector.begin(mode);
        collector.feed(text.substr(0, at));
        collector.feed(text.substr(at));
        ASSERT_EQ(write_effects(collector.finish()), write_effects(expected)) << text << " cut at " << at;
    }
    collector.begin(mode);
    for (std::size_t at = 0; at < text.size(); ++at) {
        collector.feed(text.substr(at, 1));
    }
    ASSERT_EQ(write_effects(collector.finish()), write_effects(expected)) << text << " octet by octet";
}

}  // namespace penstock::postgresql
