// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/effects.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// All that counts in the middle of a statement. A name with the first letter and length of one of these is given as
/// well.
constexpr token_filter make_body_filter()
{
    token_filter filter{
        .kinds =
            kinds_of({token_kind::identifier, token_kind::quoted_identifier, token_kind::open, token_kind::semicolon}),
        .calls_only = true};
    filter.want_only({"into",
                      "insert",
                      "execute",
                      "merge",
                      "update",
                      "set_config",
                      "set_limit",
                      "setseed",
                      "setval",
                      "nextval",
                      "currval",
                      "lastval",
                      "dblink_connect",
                      "dblink_connect_u"});
    filter.names['p' & 31] = ~std::uint64_t{0}
                             << std::string_view{"pg_temp"}.size();  // pg_temp_..., pg_advisory_lock, ...
    return filter;
}

constexpr auto body_filter = make_body_filter();

}  // namespace

void effects_collector::begin(lexical_mode mode)
{
    mode_ = mode;
    scanner_.begin(mode);
    statement_ = {};
    call_.forget();
    effects_.clear();
}

void effects_collector::feed(bytes chunk)
{
    if (mode_.ambiguous_encoding && std::any_of(chunk.begin(), chunk.end(), [](char octet) { return octet < 0; })) {
        effects_.pins.add(pin_reason::opaque);
        effects_.pins.add(pin_reason::unknown_setting);
    }
    while (true) {
        const auto kind = scanner_.next(chunk, may_skim() ? body_filter : every_token);
        if (kind == token_kind::none) {
            break;
        }
        take(kind);
    }
}

/// Nothing is expected but what the body filter lets through.
bool effects_collector::may_skim() const
{
    return statement_.at == phase::body && !statement_.is_routine && !statement_.makes_temporary &&
           statement_.last_word != sql_word::pg_temp && !call_.is_open();
}

const text_effects& effects_collector::finish()
{
    feed("\n");
    effects_.unterminated = scanner_.is_inside();
    if (scanner_.is_lost()) {
        effects_.pins.add(pin_reason::opaque);
        effects_.pins.add(pin_reason::unknown_setting);
    }
    finish_statement();
    return effects_;
}

void effects_collector::take(token_kind kind)
{
    if (kind == token_kind::semicolon) {
        take_semicolon();
        return;
    }
    if (!statement_.is_counted) {
        statement_.is_counted = true;
        effects_.statements += effects_.statements < UINT32_MAX ? 1 : 0;
    }
    const auto token = describe(kind);
    if (statement_.starts_in_body) {
        statement_.starts_in_body = false;
        statement_.in_atomic_body = token.word != sql_word::end;
    }
    if (call_.is_open()) {
        call_.advance(token, scanner_.depth() + (kind == token_kind::close ? 1 : 0), effects_);
    }
    if (kind == token_kind::open) {
        take_call();
    } else if (is_name_token(kind)) {
        take_name(token);
    } else if (kind == token_kind::dot && follows(sql_word::pg_temp)) {
        statement_.makes_temporary = true;
    }
    if (statement_.at != phase::body) {
        take_in_phase(token);
    }
    statement_.last_word = token.word;
}

/// A semicolon in parentheses belongs to CREATE RULE, one between BEGIN ATOMIC and END to a routine's body.
void effects_collector::take_semicolon()
{
    statement_.last_word = sql_word::none;
    if (scanner_.depth() > 0) {
        return;
    }
    if (statement_.in_atomic_body) {
        statement_.starts_in_body = true;
        return;
    }
    finish_statement();
}

/// What counts wherever a name stands.
void effects_collector::take_name(const sql_token& token)
{
    auto& now = statement_;
    if (token.kind == token_kind::quoted_identifier && scanner_.has_escapes() && !is_at_name_of_statement()) {
        effects_.pins.add(pin_reason::opaque);  // U&"..." may be any name
    }
    switch (token.word) {
        case sql_word::none: break;
        case sql_word::pg_temp:
            // CREATE and ALTER FUNCTION, ROLE, DATABASE ... may say SET search_path = ..., pg_temp: not for this
            // session.
            now.makes_temporary =
                now.makes_temporary || (now.verb != statement_verb::create && now.verb != statement_verb::alter);
            break;
        case sql_word::pg_settings:
            if (now.has_update) {
                effects_.pins.add(pin_reason::unknown_setting);  // updating that view sets what its row names
            }
            break;
        case sql_word::update: now.has_update = true; break;
        case sql_word::into:
            if (now.at == phase::body && !follows(sql_word::insert) && !follows(sql_word::merge)) {
                now.at = phase::into;
            }
            break;
        case sql_word::commit: now.in_on_commit = follows(sql_word::on); break;
        case sql_word::execute:
            if (now.makes_table && now.at == phase::body && scanner_.depth() == 0) {
                now.at = phase::table_execute;
            }
            break;
        case sql_word::drop:
            now.drops_on_commit =
                now.drops_on_commit || (now.in_on_commit && follows(sql_word::commit) && scanner_.depth() == 0);
            break;
        case sql_word::atomic:
            if (now.is_routine && scanner_.depth() == 0 && follows(sql_word::begin)) {
                now.in_atomic_body = now.starts_in_body = true;
            }
            break;
        default: break;
    }
}

/// A parenthesis was opened: directly behind a name, which is what the filter sees to, it is a call of a function.
void effects_collector::take_call()
{
    if (statement_.is_definition) {
        return;
    }
    switch (statement_.last_word) {
        case sql_word::set_config: call_.begin(scanner_.depth(), effects_); break;
        case sql_word::set_limit: effects_.touch("pg_trgm.similarity_threshold"); break;
        case sql_word::advisory_lock: effects_.pins.add(pin_reason::advisory_lock); break;
        case sql_word::advisory_unlock: effects_.may_end.add(pin_reason::advisory_lock); break;
        case sql_word::sequence_read: effects_.reads_sequences = true; [[fallthrough]];
        case sql_word::sequence: effects_.pins.add(pin_reason::sequence); break;
        case sql_word::setseed: effects_.pins.add(pin_reason::setseed); break;
        case sql_word::dblink_connect: effects_.pins.add(pin_reason::dblink); break;
        case sql_word::session_holding: effects_.pins.add(pin_reason::opaque); break;
        default: break;
    }
}

void effects_collector::take_in_phase(const sql_token& token)
{
    switch (statement_.at) {
        case phase::verb: take_verb(token); break;
        case phase::setting: setting_.advance(token, effects_); break;
        case phase::discard: take_discard(token.word); break;
        case phase::deallocate:
        case phase::deallocate_prepared: take_deallocate(token); break;
        case phase::prepare:
        case phase::prepare_transaction: take_prepare(token); break;
        case phase::table_execute: statement_.at = phase::execute; break;
        case phase::execute: take_executed(token); break;
        case phase::name_escape:
        case phase::escape_character: take_name_escape(token); break;
        case phase::transaction_end: take_transaction_end(token.word); break;
        case phase::create: take_create(token.word); break;
        case phase::declare: take_declare(token.word); break;
        case phase::explain: take_explain(token.word); break;
        case phase::into: take_into(token.word); break;
        case phase::body: break;
    }
}

void effects_collector::take_verb(const sql_token& token)
{
    using verb = statement_verb;
    switch (token.word) {
        case sql_word::begin:
        case sql_word::start: return enter(verb::begin, phase::body);
        case sql_word::commit:
        case sql_word::end: return enter(verb::commit, phase::transaction_end);
        case sql_word::rollback:
        case sql_word::abort:
            effects_.may_end.add(pin_reason::temporary_object);
            effects_.may_end.add(pin_reason::hold_cursor);
            effects_.may_end.add(pin_reason::listen);
            return enter(verb::rollback, phase::transaction_end);
        case sql_word::savepoint: return enter(verb::savepoint, phase::body);
        case sql_word::release: return enter(verb::release, phase::body);
        case sql_word::set: setting_.begin_set(); return enter(verb::set, phase::setting);
        case sql_word::reset: setting_.begin_reset(); return enter(verb::reset, phase::setting);
        case sql_word::show: return enter(verb::show, phase::body);
        case sql_word::discard: return enter(verb::discard, phase::discard);
        case sql_word::deallocate: return enter(verb::deallocate, phase::deallocate);
        case sql_word::prepare: return enter(verb::prepare, phase::prepare);
        case sql_word::execute: return enter(verb::execute, phase::execute);
        case sql_word::declare: return enter(verb::declare, phase::declare);
        case sql_word::fetch:
        case sql_word::move: return enter(verb::fetch, phase::body);
        case sql_word::close: effects_.may_end.add(pin_reason::hold_cursor); return enter(verb::close, phase::body);
        case sql_word::listen: effects_.pins.add(pin_reason::listen); return enter(verb::listen, phase::body);
        case sql_word::unlisten: effects_.may_end.add(pin_reason::listen); return enter(verb::unlisten, phase::body);
        case sql_word::notify: return enter(verb::notify, phase::body);
        case sql_word::load: effects_.pins.add(pin_reason::load); return enter(verb::load, phase::body);
        case sql_word::do_block: effects_.pins.add(pin_reason::opaque); return enter(verb::do_block, phase::body);
        case sql_word::call: effects_.pins.add(pin_reason::opaque); return enter(verb::call, phase::body);
        case sql_word::copy: return enter(verb::copy, phase::body);
        case sql_word::select:
        case sql_word::values:
        case sql_word::table: return enter(verb::select, phase::body);
        case sql_word::with: return enter(verb::with, phase::body);
        case sql_word::insert: return enter(verb::insert, phase::body);
        case sql_word::update: return enter(verb::update, phase::body);
        case sql_word::delete_rows: return enter(verb::delete_rows, phase::body);
        case sql_word::merge: return enter(verb::merge, phase::body);
        case sql_word::truncate: return enter(verb::truncate, phase::body);
        case sql_word::lock: return enter(verb::lock, phase::body);
        case sql_word::explain: return enter(verb::explain, phase::explain);
        case sql_word::create: statement_.makes_table = true; return enter(verb::create, phase::create);
        case sql_word::alter: return enter(verb::alter, phase::body);
        case sql_word::drop: effects_.may_end.add(pin_reason::temporary_object); return enter(verb::drop, phase::body);
        default:
            if (token.kind != token_kind::open) {
                enter(verb::other, phase::body);
            }
    }
}

void effects_collector::take_discard(sql_word word)
{
    statement_.at = phase::body;
    if (word == sql_word::all) {
        statement_.verb = statement_verb::discard_all;
        effects_.discard_all = true;
    } else if (word == sql_word::temp || word == sql_word::temporary) {
        effects_.discard_temp = true;
        effects_.may_end.add(pin_reason::temporary_object);
    } else if (word == sql_word::sequences) {
        effects_.discard_sequences = true;
    }
}

void effects_collector::take_transaction_end(sql_word word)
{
    const bool commits = statement_.verb == statement_verb::commit;
    if (word == sql_word::prepared) {
        enter(commits ? statement_verb::commit_prepared : statement_verb::rollback_prepared, phase::body);
    } else if (word == sql_word::to && !commits) {
        enter(statement_verb::rollback_to, phase::body);
    } else if (word == sql_word::chain) {
        statement_.chains = !follows(sql_word::no);
        effects_.chain = effects_.single() ? statement_.chains : effects_.chain;
    }
}

void effects_collector::take_create(sql_word word)
{
    switch (word) {
        case sql_word::create:
        case sql_word::or_:
        case sql_word::replace:
        case sql_word::global:
        case sql_word::local:
        case sql_word::recursive:
        case sql_word::constraint: return;
        case sql_word::temp:
        case sql_word::temporary: statement_.makes_temporary = true; return;
        case sql_word::function:
        case sql_word::procedure: statement_.is_routine = true; [[fallthrough]];
        case sql_word::view:
        case sql_word::rule:
        case sql_word::trigger:
        case sql_word::policy: statement_.is_definition = true; break;
        default: break;
    }
    statement_.makes_table = statement_.makes_table && !statement_.is_definition;
    statement_.at = phase::body;
}

void effects_collector::take_declare(sql_word word)
{
    if (word == sql_word::hold && follows(sql_word::with)) {
        effects_.pins.add(pin_reason::hold_cursor);
    } else if (word == sql_word::for_) {
        statement_.at = phase::body;
    }
}

/// EXPLAIN ANALYZE CREATE TABLE ... AS does create it; DECLARE is explained only.
void effects_collector::take_explain(sql_word word)
{
    if (scanner_.depth() == 0 && word != sql_word::none) {
        statement_.at = word == sql_word::create    ? phase::create
                        : word == sql_word::execute ? phase::execute
                                                    : phase::body;
        statement_.makes_table = word == sql_word::create;
    }
}

void effects_collector::take_into(sql_word word)
{
    statement_.has_into = true;
    if (word == sql_word::temp || word == sql_word::temporary) {
        statement_.makes_temporary = true;
    }
    if (word != sql_word::into && word != sql_word::local && word != sql_word::global) {
        statement_.at = phase::body;
    }
}

void effects_collector::enter(statement_verb verb, phase next)
{
    statement_.verb = verb;
    statement_.at = next;
}

void effects_collector::finish_statement()
{
    if (!statement_.is_counted) {
        return;
    }
    if (statement_.at == phase::setting) {
        setting_.finish(effects_);
    } else if (statement_.at == phase::deallocate_prepared) {
        note_name("prepare", name_use::deallocates);
    } else if (statement_.at == phase::name_escape || statement_.at == phase::escape_character) {
        finish_escaped_name('\\');
    }
    call_.finish(effects_);
    if (!effects_.single() && effects_.has(name_use::prepares)) {
        effects_.pins.add(pin_reason::sql_prepare);  // which of its statements were run, only the server knows
    }
    effects_.makes_temporary = effects_.makes_temporary || statement_.makes_temporary;
    effects_.defines = effects_.defines || may_define();
    if (statement_.makes_temporary && !statement_.drops_on_commit) {
        effects_.pins.add(pin_reason::temporary_object);
    }
    if (effects_.single()) {
        effects_.first_verb = statement_.verb;
    }
    finish_block();
    statement_ = {};
}

/// A temporary object is its session's own affair, and of what has been dropped servers find out by themselves.
bool effects_collector::may_define() const
{
    switch (statement_.verb) {
        case statement_verb::create: return !statement_.makes_temporary;
        case statement_verb::alter:
        case statement_verb::do_block: return true;
        default: return !statement_.makes_temporary && (statement_.has_into || statement_.makes_table);
    }
}

void effects_collector::finish_block()
{
    transaction_effect block;
    switch (statement_.verb) {
        case statement_verb::begin: block.opens = true; break;
        case statement_verb::commit:
        case statement_verb::prepare_transaction: block.commits = true; [[fallthrough]];
        case statement_verb::rollback:
            block.ends = true;
            block.opens = statement_.chains;
            block.leaves = !statement_.chains;
            break;
        default: break;
    }
    fold(block, effects_.block);
}

sql_token effects_collector::describe(token_kind kind) const
{
    sql_token token{.kind = kind, .text = scanner_.text()};
    if (kind == token_kind::identifier) {
        token.word = word_of(token.text);
    } else if (kind == token_kind::quoted_identifier || kind == token_kind::string) {
        token.plain = !scanner_.is_clipped() && !scanner_.has_escapes() && !scanner_.has_doubled_quotes();
        token.word = kind == token_kind::quoted_identifier && token.plain ? quoted_word_of(token.text) : sql_word::none;
    }
    return token;
}

/// The token before this one is that word.
bool effects_collector::follows(sql_word word) const
{
    return statement_.last_word == word && scanner_.is_adjacent();
}

text_effects inspect(std::string_view text, lexical_mode mode)
{
    effects_collector collector;
    collector.begin(mode);
    collector.feed(text);
    return collector.finish();
}

}  // namespace penstock::postgresql
