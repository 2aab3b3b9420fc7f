// SPDX-License-Identifier: Apache-2.0
//
// A model of a PostgreSQL server: takes the bytes a client sends and answers as PostgreSQL does, for a small SQL.
//
// It keeps what the protocol makes visible: prepared statements and portals, the transaction and its savepoints,
// settings and their reports, COPY, and the skipping to Sync after an error. SELECT of anything gives its own text, its
// parameters and a setting, so that a statement that runs in a wrong place shows. See "Message Flow" in the PostgreSQL
// manual and exec_simple_query() and its kin in postgres.c.
#pragma once

#include "tests/support/exchange_script.hpp"
#include "tests/support/model_settings.hpp"
#include "tests/support/model_sql.hpp"
#include "tests/support/model_transaction.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

class model_server {
public:
    explicit model_server(model_settings::values defaults) : now_{std::move(defaults)}
    {
        report();
        out_.clear();  // told at login
    }

    /// Takes the client's bytes; gives the answer.
    std::string answer(bytes input)
    {
        input_.append(input);
        while (input_.size() >= postgresql::header_size) {
            const auto header = postgresql::load_header(input_);
            if (header.frame_size() > input_.size()) {
                break;
            }
            const std::string body = input_.substr(postgresql::header_size, header.body_size());
            input_.erase(0, header.frame_size());
            take(header.type, body);
        }
        return std::exchange(out_, {});
    }

    /// Those that servers know by names that are no client's.
    [[nodiscard]] std::size_t statement_count() const
    {
        return static_cast<std::size_t>(std::count_if(statements_.begin(), statements_.end(), [](const auto& each) {
            return postgresql::is_server_name(each.first) && each.first.find_first_not_of("ps_0") != std::string::npos;
        }));
    }
    [[nodiscard]] const model_settings& settings() const { return now_.settings; }

private:
    enum class copying { no, simple, extended };

    void take(char type, const std::string& body)
    {
        if (copying_ != copying::no) {
            take_copy(type, body);
            return;
        }
        if (type == 'd' || type == 'c' || type == 'f') {
            return;
        }
        if (skipping_ && type != 'S') {
            return;
        }
        try {
            switch (type) {
                case 'Q': query(body.substr(0, body.size() - 1)); break;
                case 'P': parse(body); break;
                case 'B': bind(body); break;
                case 'D': describe(body); break;
                case 'E': execute(body); break;
                case 'C': close(body); break;
                case 'S': sync(); break;
                case 'H': break;
                case 'F': function_call(); break;
                default: out_ += wire::error("08P01"); break;
            }
        } catch (const model_refusal& why) {
            fail(why.sqlstate);
            skipping_ = true;
        }
    }

    // --- messages ---

    void query(const std::string& text)
    {
        statements_.erase("");
        now_.begin_implicit();
        try {
            run_all(model_sql::split(text), 0);
        } catch (const model_refusal& why) {
            fail(why.sqlstate);
            now_.end_implicit(false);
            ready();
        }
    }

    void run_all(std::vector<std::string> parts, std::size_t from)
    {
        if (parts.empty()) {
            out_ += wire::empty_query();
        }
        for (std::size_t place = from; place < parts.size(); ++place) {
            alone_ = parts.size() == 1;
            const auto text = executed(parts[place]);
            const auto result = run(text, {});
            if (result == "COPY IN") {
                copying_ = copying::simple;
                rest_ = parts;
                rest_at_ = place + 1;
                return;
            }
            out_ += rows_of(text, result) +
                    (result == "SELECT" ? wire::command_complete("SELECT 1") : wire::command_complete(result));
        }
        now_.end_implicit(true);
        ready();
    }

    void parse(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const std::string text{in.c_string()};
        now_.begin_implicit();
        if (name.empty()) {
            statements_.erase("");
        }
        if (text.starts_with("BAD")) {
            throw model_refusal{"42601"};
        }
        if (now_.status == 'E' && !model_sql::leaves_failure(text)) {
            throw model_refusal{"25P02"};
        }
        if (!name.empty() && statements_.contains(name)) {
            throw model_refusal{"42P05"};
        }
        statements_[name] = text;
        out_ += wire::parse_complete();
    }

    void bind(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const std::string from{in.c_string()};
        now_.begin_implicit();
        const auto found = statements_.find(from);
        if (found == statements_.end()) {
            throw model_refusal{"26000"};
        }
        if (now_.status == 'E' && !model_sql::leaves_failure(found->second)) {
            throw model_refusal{"25P02"};
        }
        if (!name.empty() && now_.portals.contains(name)) {
            throw model_refusal{"42P03"};
        }
        now_.portals[name] = {.text = found->second, .values = std::string{in.remainder()}};
        out_ += wire::bind_complete();
    }

    void describe(const std::string& body)
    {
        const auto name = body.substr(1, body.size() - 2);
        now_.begin_implicit();
        if (body[0] == 'S') {
            const auto found = statements_.find(name);
            if (found == statements_.end()) {
                throw model_refusal{"26000"};
            }
            if (now_.status == 'E' && !model_sql::leaves_failure(found->second)) {
                throw model_refusal{"25P02"};  // stricter than PostgreSQL, which describes what returns no rows
            }
            out_ += wire::parameter_description() + model_sql::description_of(described(found->second));
            return;
        }
        const auto found = now_.portals.find(name);
        if (found == now_.portals.end()) {
            throw model_refusal{"34000"};
        }
        if (now_.status == 'E' && found->second.text.starts_with("SELECT")) {
            throw model_refusal{"25P02"};
        }
        out_ += model_sql::description_of(described(found->second.text));
    }

    void execute(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const auto limit = in.u32();
        now_.begin_implicit();
        const auto found = now_.portals.find(name);
        if (found == now_.portals.end()) {
            throw model_refusal{"34000"};
        }
        auto running = found->second;
        if (running.text.find_first_not_of(' ') == std::string::npos) {
            out_ += wire::empty_query();
            return;
        }
        if (running.text.starts_with("SELECT three")) {
            std::size_t sent = 0;
            check_running(running.text);
            while (found->second.rows_sent < 3 && (limit == 0 || sent < limit)) {
                out_ += wire::data_row("row " + std::to_string(found->second.rows_sent++));
                ++sent;
            }
            out_ += limit != 0 && sent == limit ? wire::portal_suspended() : wire::command_complete("SELECT 3");
            return;
        }
        if (found->second.done && !running.text.starts_with("SELECT")) {
            throw model_refusal{"55000"};
        }
        found->second.done = true;
        alone_ = true;
        running.text = executed(running.text);
        const auto result = run(running.text, running.values);
        if (result == "COPY IN") {
            copying_ = copying::extended;
            return;
        }
        if (result == "SELECT") {
            out_ += wire::data_row(row_of(running.text, running.values)) + wire::command_complete("SELECT 1");
        } else {
            out_ += (result == "SHOW" ? wire::data_row(shown(running.text)) : "") + wire::command_complete(result);
        }
    }

    void close(const std::string& body)
    {
        const auto name = body.substr(1, body.size() - 2);
        now_.begin_implicit();
        if (body[0] == 'S') {
            statements_.erase(name);
        } else {
            now_.portals.erase(name);
        }
        out_ += wire::close_complete();
    }

    void sync()
    {
        skipping_ = false;
        now_.end_implicit(!now_.failed);
        ready();
    }

    void function_call()
    {
        if (now_.status == 'E') {
            fail("25P02");
        } else {
            out_ += wire::frame('V', wire::number(0xffffffff));
        }
        ready();
    }

    void take_copy(char type, const std::string& body)
    {
        if (type == 'H' || type == 'S') {
            return;
        }
        const auto how = std::exchange(copying_, copying::no);
        if (type == 'd' && body != "bad") {
            copying_ = how;
            return;
        }
        if (type == 'c') {
            out_ += wire::command_complete("COPY 1");
            if (how == copying::simple) {
                try {
                    run_all(rest_, rest_at_);
                } catch (const model_refusal& why) {
                    fail(why.sqlstate);
                    now_.end_implicit(false);
                    ready();
                }
            }
            return;
        }
        fail(type == 'd' ? "22P02" : type == 'f' ? "57014" : "08P01");
        if (how == copying::extended) {
            skipping_ = true;
        } else {
            now_.end_implicit(false);
            ready();
        }
    }

    void fail(const std::string& sqlstate)
    {
        out_ += wire::error(sqlstate);
        now_.fail();
    }

    void ready()
    {
        report();
        out_ += wire::ready(now_.status);
    }

    /// Tells of settings that a client is told of, where they have changed.
    void report()
    {
        for (const auto* name : {"TimeZone", "application_name"}) {
            const auto* value = now_.settings.find(name == std::string_view{"TimeZone"} ? "timezone" : name);
            if (value != nullptr && reported_[name] != *value) {
                reported_[name] = *value;
                out_ += wire::parameter_status(name, *value);
            }
        }
    }

    // --- the small SQL ---

    void check_running(const std::string& text) const
    {
        if (now_.status == 'E' && !model_sql::leaves_failure(text)) {
            throw model_refusal{"25P02"};
        }
    }

    /// Runs one statement and gives its tag; "SELECT" and "COPY IN" still want their rows.
    std::string run(const std::string& text, const std::string& values)
    {
        static_cast<void>(values);
        const auto first = model_sql::word(text, 0);
        if (first == "BAD") {
            throw model_refusal{"42601"};
        }
        check_running(text);
        if (first == "SELECT") {
            if (text.find("boom") != std::string::npos) {
                throw model_refusal{"22012"};
            }
            call_set_config(text);
            return "SELECT";
        }
        if (first == "SHOW") {
            return "SHOW";
        }
        if (first == "SET" && model_sql::word(text, 1) == "LOCAL") {
            now_.settings.set_local(model_sql::word(text, 2), model_sql::word(text, 4));
            return "SET";
        }
        if (first == "SET") {
            if (model_sql::word(text, 3) == "impossible") {
                throw model_refusal{"22023"};
            }
            if (model_sql::word(text, 1).find('=') == std::string::npos) {
                now_.settings.set(model_sql::word(text, 1), model_sql::word(text, 3));
            }
            return "SET";
        }
        if (first == "RESET") {
            model_sql::word(text, 1) == "ALL" ? now_.settings.reset_all()
                                              : now_.settings.reset(model_sql::word(text, 1));
            return "RESET";
        }
        if (first == "COPY") {
            if (model_sql::word(text, 2) == "TO") {
                out_ +=
                    wire::copy_out_response() + wire::copy_data("one\n") + wire::copy_data("two\n") + wire::copy_done();
                return "COPY 2";
            }
            out_ += wire::copy_in_response();
            return "COPY IN";
        }
        if (first == "DEALLOCATE") {
            if (model_sql::word(text, 1) == "ALL") {
                std::erase_if(statements_, [](const auto& each) { return !each.first.empty(); });
                return "DEALLOCATE ALL";
            }
            if (statements_.erase(model_sql::word(text, 1)) == 0) {
                throw model_refusal{"26000"};
            }
            return "DEALLOCATE";
        }
        if (first == "PREPARE") {
            const auto inner = text.substr(text.find(" AS ") + 4);
            if (statements_.contains(model_sql::word(text, 1))) {
                throw model_refusal{"42P05"};
            }
            statements_[model_sql::word(text, 1)] = inner;
            return "PREPARE";
        }
        if (first == "DISCARD") {
            if (now_.status != 'I' || !alone_) {
                throw model_refusal{"25001"};
            }
            now_.settings.discard();
            now_.settings.commit();
            now_.settings.begin();
            std::erase_if(statements_, [](const auto& each) { return !each.first.empty(); });
            return "DISCARD ALL";
        }
        return now_.run(text, first);
    }

    /// What EXECUTE executes; other texts are what they are.
    std::string executed(const std::string& text) const
    {
        auto inner = text;
        for (int depth = 0; model_sql::word(inner, 0) == "EXECUTE"; ++depth) {
            check_running(text);
            const auto found = statements_.find(model_sql::word(inner, 1));
            if (found == statements_.end() || depth == 100) {
                throw model_refusal{found == statements_.end() ? "26000" : "54001"};
            }
            inner = found->second;
        }
        return inner;
    }

    /// What says which columns there are: of EXECUTE none where it has nothing to execute.
    std::string described(const std::string& text) const
    {
        const auto found =
            model_sql::word(text, 0) == "EXECUTE" ? statements_.find(model_sql::word(text, 1)) : statements_.end();
        return found == statements_.end() ? text : found->second;
    }

    void call_set_config(std::string_view text)
    {
        constexpr std::string_view call = "pg_catalog.set_config(";
        for (auto at = text.find(call); at != std::string_view::npos; at = text.find(call)) {
            text.remove_prefix(at + call.size());
            const auto name = *model_sql::literal(text);
            text.remove_prefix(1);
            if (const auto value = model_sql::literal(text)) {
                now_.settings.set(name, *value);
            } else {
                now_.settings.reset(name);
            }
        }
    }

    std::string shown(const std::string& text) const
    {
        const auto* value = now_.settings.find(model_sql::word(text, 1));
        return value == nullptr ? "" : *value;
    }

    std::string row_of(const std::string& text, const std::string& values) const
    {
        const auto* name = now_.settings.find("application_name");
        return text + "|" + values + "|" + (name == nullptr ? "" : *name);
    }

    std::string rows_of(std::string_view text, const std::string& result) const
    {
        constexpr std::string_view call = "pg_catalog.current_setting(";
        if (text.find(call) != std::string_view::npos) {
            std::vector<const std::string*> values;
            for (auto at = text.find(call); at != std::string_view::npos; at = text.find(call)) {
                text.remove_prefix(at + call.size());
                values.push_back(now_.settings.find(*model_sql::literal(text)));
            }
            return wire::row_description(values.size()) + wire::data_row(values);
        }
        if (result == "SELECT") {
            return wire::row_description(1) + wire::data_row(row_of(std::string{text}, {}));
        }
        return result == "SHOW" ? wire::row_description(1) + wire::data_row(shown(std::string{text})) : "";
    }

    model_transaction now_;
    std::map<std::string, std::string> statements_;
    std::map<std::string, std::string> reported_;
    std::string input_;
    std::string out_;
    std::vector<std::string> rest_;
    std::size_t rest_at_ = 0;
    bool skipping_ = false;
    bool alone_ = true;
    copying copying_ = copying::no;
};

}  // namespace penstock::test
