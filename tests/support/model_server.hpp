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

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

class model_server {
public:
    explicit model_server(model_settings::values defaults) : settings_{std::move(defaults)}
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

    [[nodiscard]] std::size_t statement_count() const { return statements_.size(); }
    [[nodiscard]] const model_settings& settings() const { return settings_; }

private:
    struct refusal {
        std::string sqlstate;
    };
    struct portal {
        std::string text;
        std::string values;
        std::size_t rows_sent = 0;
        bool done = false;
    };
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
        } catch (const refusal& why) {
            fail(why.sqlstate);
            skipping_ = true;
        }
    }

    // --- messages ---

    void query(const std::string& text)
    {
        statements_.erase("");
        begin_implicit();
        try {
            run_all(split(text), 0);
        } catch (const refusal& why) {
            fail(why.sqlstate);
            end_implicit(false);
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
            const auto result = run(parts[place], {});
            if (result == "COPY IN") {
                copying_ = copying::simple;
                rest_ = parts;
                rest_at_ = place + 1;
                return;
            }
            out_ += rows_of(parts[place], result) +
                    (result == "SELECT" ? wire::command_complete("SELECT 1") : wire::command_complete(result));
        }
        end_implicit(true);
        ready();
    }

    void parse(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const std::string text{in.c_string()};
        begin_implicit();
        if (name.empty()) {
            statements_.erase("");
        }
        if (text.starts_with("BAD")) {
            throw refusal{"42601"};
        }
        if (status_ == 'E' && !leaves_failure(text)) {
            throw refusal{"25P02"};
        }
        if (!name.empty() && statements_.contains(name)) {
            throw refusal{"42P05"};
        }
        statements_[name] = text;
        out_ += wire::parse_complete();
    }

    void bind(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const std::string from{in.c_string()};
        begin_implicit();
        const auto found = statements_.find(from);
        if (found == statements_.end()) {
            throw refusal{"26000"};
        }
        if (status_ == 'E' && !leaves_failure(found->second)) {
            throw refusal{"25P02"};
        }
        if (!name.empty() && portals_.contains(name)) {
            throw refusal{"42P03"};
        }
        portals_[name] = {.text = found->second, .values = std::string{in.remainder()}};
        out_ += wire::bind_complete();
    }

    void describe(const std::string& body)
    {
        const auto name = body.substr(1, body.size() - 2);
        begin_implicit();
        if (body[0] == 'S') {
            const auto found = statements_.find(name);
            if (found == statements_.end()) {
                throw refusal{"26000"};
            }
            if (status_ == 'E' && !leaves_failure(found->second)) {
                throw refusal{"25P02"};  // stricter than PostgreSQL, which describes what returns no rows
            }
            out_ += wire::parameter_description() + description_of(found->second);
            return;
        }
        const auto found = portals_.find(name);
        if (found == portals_.end()) {
            throw refusal{"34000"};
        }
        if (status_ == 'E' && found->second.text.starts_with("SELECT")) {
            throw refusal{"25P02"};
        }
        out_ += description_of(found->second.text);
    }

    void execute(const std::string& body)
    {
        byte_reader in{body};
        const std::string name{in.c_string()};
        const auto limit = in.u32();
        begin_implicit();
        const auto found = portals_.find(name);
        if (found == portals_.end()) {
            throw refusal{"34000"};
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
            throw refusal{"55000"};
        }
        found->second.done = true;
        alone_ = true;
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
        begin_implicit();
        if (body[0] == 'S') {
            statements_.erase(name);
        } else {
            portals_.erase(name);
        }
        out_ += wire::close_complete();
    }

    void sync()
    {
        skipping_ = false;
        end_implicit(!failed_);
        ready();
    }

    void function_call()
    {
        if (status_ == 'E') {
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
                } catch (const refusal& why) {
                    fail(why.sqlstate);
                    end_implicit(false);
                    ready();
                }
            }
            return;
        }
        fail(type == 'd' ? "22P02" : type == 'f' ? "57014" : "08P01");
        if (how == copying::extended) {
            skipping_ = true;
        } else {
            end_implicit(false);
            ready();
        }
    }

    // --- transactions ---

    void begin_implicit()
    {
        if (status_ == 'I' && !implicit_) {
            implicit_ = true;
            failed_ = false;
            settings_.begin();
        }
    }

    void end_implicit(bool well)
    {
        if (implicit_ && status_ == 'I') {
            end_transaction(well && !failed_);
        }
        implicit_ = false;
        failed_ = false;
    }

    void end_transaction(bool well)
    {
        if (well) {
            settings_.commit();
        } else {
            settings_.roll_back();
        }
        portals_.clear();
        status_ = 'I';
    }

    void fail(const std::string& sqlstate)
    {
        out_ += wire::error(sqlstate);
        failed_ = true;
        if (status_ == 'T') {
            status_ = 'E';
        }
        if (status_ == 'E') {
            portals_.clear();
        }
    }

    void ready()
    {
        report();
        out_ += wire::ready(status_);
    }

    /// Tells of settings that a client is told of, where they have changed.
    void report()
    {
        for (const auto* name : {"TimeZone", "application_name"}) {
            const auto* value = settings_.find(name == std::string_view{"TimeZone"} ? "timezone" : name);
            if (value != nullptr && reported_[name] != *value) {
                reported_[name] = *value;
                out_ += wire::parameter_status(name, *value);
            }
        }
    }

    // --- the small SQL ---

    static std::vector<std::string> split(const std::string& text)
    {
        std::vector<std::string> parts(1);
        bool quoted = false;
        for (const char letter : text) {
            quoted = quoted != (letter == '\'');
            if (letter == ';' && !quoted) {
                parts.emplace_back();
            } else {
                parts.back().push_back(letter);
            }
        }
        std::erase_if(parts, [](const auto& part) { return part.find_first_not_of(' ') == std::string::npos; });
        return parts;
    }

    static bool leaves_failure(const std::string& text) { return text.starts_with("ROLLBACK") || text == "COMMIT"; }

    static std::string word(const std::string& text, std::size_t wanted)
    {
        std::size_t at = 0;
        for (; wanted > 0; --wanted) {
            at = text.find(' ', at);
            if (at == std::string::npos) {
                return {};
            }
            ++at;
        }
        auto found = text.substr(at, text.find(' ', at) - at);
        std::erase(found, '\'');
        std::erase(found, '"');
        return found;
    }

    void check_running(const std::string& text) const
    {
        if (status_ == 'E' && !leaves_failure(text)) {
            throw refusal{"25P02"};
        }
    }

    /// Runs one statement and gives its tag; "SELECT" and "COPY IN" still want their rows.
    std::string run(const std::string& text, const std::string& values)
    {
        static_cast<void>(values);
        const auto first = word(text, 0);
        if (first == "BAD") {
            throw refusal{"42601"};
        }
        check_running(text);
        if (first == "SELECT") {
            if (text.find("boom") != std::string::npos) {
                throw refusal{"22012"};
            }
            call_set_config(text);
            return "SELECT";
        }
        if (first == "SHOW") {
            return "SHOW";
        }
        if (first == "SET" && word(text, 1) == "LOCAL") {
            settings_.set_local(word(text, 2), word(text, 4));
            return "SET";
        }
        if (first == "SET") {
            if (word(text, 3) == "impossible") {
                throw refusal{"22023"};
            }
            if (word(text, 1).find('=') == std::string::npos) {
                settings_.set(word(text, 1), word(text, 3));
            }
            return "SET";
        }
        if (first == "RESET") {
            word(text, 1) == "ALL" ? settings_.reset_all() : settings_.reset(word(text, 1));
            return "RESET";
        }
        if (first == "COPY") {
            if (word(text, 2) == "TO") {
                out_ +=
                    wire::copy_out_response() + wire::copy_data("one\n") + wire::copy_data("two\n") + wire::copy_done();
                return "COPY 2";
            }
            out_ += wire::copy_in_response();
            return "COPY IN";
        }
        if (first == "DEALLOCATE") {
            if (word(text, 1) == "ALL") {
                std::erase_if(statements_, [](const auto& each) { return !each.first.empty(); });
                return "DEALLOCATE ALL";
            }
            if (statements_.erase(word(text, 1)) == 0) {
                throw refusal{"26000"};
            }
            return "DEALLOCATE";
        }
        if (first == "DISCARD") {
            if (status_ != 'I' || !alone_) {
                throw refusal{"25001"};
            }
            settings_.discard();
            settings_.commit();
            settings_.begin();
            std::erase_if(statements_, [](const auto& each) { return !each.first.empty(); });
            return "DISCARD ALL";
        }
        return run_transaction(text, first);
    }

    std::string run_transaction(const std::string& text, const std::string& first)
    {
        if (first == "BEGIN") {
            status_ = 'T';
        } else if (first == "COMMIT" || (first == "ROLLBACK" && word(text, 1) != "TO")) {
            const bool well = first == "COMMIT" && status_ != 'E';
            end_transaction(well);
            settings_.begin();
            implicit_ = true;
            failed_ = false;
            return well ? "COMMIT" : "ROLLBACK";
        } else if (first == "SAVEPOINT" || first == "ROLLBACK" || first == "RELEASE") {
            const auto name = word(text, first == "ROLLBACK" ? 2 : 1);
            if (status_ == 'I') {
                throw refusal{"25P01"};
            }
            if (first == "SAVEPOINT") {
                settings_.save(name);
            } else if (!settings_.has_savepoint(name)) {
                throw refusal{"3B001"};
            } else if (first == "RELEASE") {
                settings_.release(name);
            } else {
                settings_.roll_back_to(name);
                status_ = 'T';
                failed_ = false;
            }
        } else {
            throw refusal{"42601"};
        }
        return first;
    }

    static std::optional<std::string> literal(std::string_view& at)
    {
        if (at.starts_with("NULL")) {
            at.remove_prefix(4);
            return std::nullopt;
        }
        at.remove_prefix(2);  // E'
        std::string value;
        while (true) {
            const char letter = at[0];
            at.remove_prefix(1);
            if ((letter == '\'' && !at.starts_with("'")) || at.empty()) {
                return value;
            }
            if (letter == '\'' || letter == '\\') {
                at.remove_prefix(1);
            }
            value.push_back(letter);
        }
    }

    void call_set_config(std::string_view text)
    {
        constexpr std::string_view call = "pg_catalog.set_config(";
        for (auto at = text.find(call); at != std::string_view::npos; at = text.find(call)) {
            text.remove_prefix(at + call.size());
            const auto name = *literal(text);
            text.remove_prefix(1);
            if (const auto value = literal(text)) {
                settings_.set(name, *value);
            } else {
                settings_.reset(name);
            }
        }
    }

    std::string shown(const std::string& text) const
    {
        const auto* value = settings_.find(word(text, 1));
        return value == nullptr ? "" : *value;
    }

    std::string row_of(const std::string& text, const std::string& values) const
    {
        const auto* name = settings_.find("application_name");
        return text + "|" + values + "|" + (name == nullptr ? "" : *name);
    }

    std::string rows_of(std::string_view text, const std::string& result) const
    {
        constexpr std::string_view call = "pg_catalog.current_setting(";
        if (text.find(call) != std::string_view::npos) {
            std::vector<const std::string*> values;
            for (auto at = text.find(call); at != std::string_view::npos; at = text.find(call)) {
                text.remove_prefix(at + call.size());
                values.push_back(settings_.find(*literal(text)));
            }
            return wire::row_description(values.size()) + wire::data_row(values);
        }
        if (result == "SELECT") {
            return wire::row_description(1) + wire::data_row(row_of(std::string{text}, {}));
        }
        return result == "SHOW" ? wire::row_description(1) + wire::data_row(shown(std::string{text})) : "";
    }

    static std::string description_of(const std::string& text)
    {
        return text.starts_with("SELECT") || text.starts_with("SHOW") ? wire::row_description(1) : wire::no_data();
    }

    model_settings settings_;
    std::map<std::string, std::string> statements_;
    std::map<std::string, portal> portals_;
    std::map<std::string, std::string> reported_;
    std::string input_;
    std::string out_;
    std::vector<std::string> rest_;
    std::size_t rest_at_ = 0;
    char status_ = 'I';
    bool implicit_ = false;
    bool failed_ = false;
    bool skipping_ = false;
    bool alone_ = true;
    copying copying_ = copying::no;
};

}  // namespace penstock::test
