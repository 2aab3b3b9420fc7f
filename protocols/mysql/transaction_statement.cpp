// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/transaction_statement.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

namespace penstock::mysql {

namespace {

struct token {
    sql_token kind = sql_token::other;
    std::string text{};
};

/// The first tokens of a text, and whether it is one statement.
class beginning {
public:
    beginning(bytes text, const sql_reading& reading)
    {
        effects_lexer lexer;
        lexer.begin(reading);
        lexer.feed(text, *this);
        lexer.finish(*this);
        sound_ = sound_ && !lexer.has_executable();
    }
    void take(sql_token kind, std::string_view text, bool)
    {
        if (kind == sql_token::semicolon) {
            ended_ = true;
            return;
        }
        sound_ = sound_ && !ended_;
        if (count_ < first_.size()) {
            first_[count_] = {kind, std::string{text}};
        }
        ++count_;
    }

    [[nodiscard]] bool is_sound() const { return sound_ && count_ > 0; }
    [[nodiscard]] bool at_end() const { return at_ >= count_; }
    bool take_word(std::string_view word)
    {
        const bool fits =
            at_ < std::min(count_, first_.size()) && first_[at_].kind == sql_token::word && first_[at_].text == word;
        at_ += fits ? 1 : 0;
        return fits;
    }
    bool take_word(std::initializer_list<std::string_view> words)
    {
        return std::any_of(words.begin(), words.end(), [this](auto word) { return take_word(word); });
    }
    bool take_kind(sql_token kind)
    {
        const bool fits = at_ < std::min(count_, first_.size()) && first_[at_].kind == kind;
        at_ += fits ? 1 : 0;
        return fits;
    }
    bool take_name() { return take_kind(sql_token::word) || take_kind(sql_token::quoted_name); }
    bool take_number(std::string_view number)
    {
        const bool fits = at_ < first_.size() && first_[at_].text == number;
        return take_kind(sql_token::number) && fits;
    }

private:
    std::array<token, 16> first_{};
    std::size_t count_ = 0;
    std::size_t at_ = 0;
    bool ended_ = false;
    bool sound_ = true;
};

/// READ ONLY, READ WRITE, WITH CONSISTENT SNAPSHOT, and commas between them.
bool take_characteristics(beginning& in, transaction_statement& found)
{
    while (!in.at_end()) {
        if (in.take_word("read")) {
            const bool is_first = found.access == transaction_access::unstated;
            found.access = in.take_word("only")    ? transaction_access::read_only
                           : in.take_word("write") ? transaction_access::read_write
                                                   : transaction_access::unstated;
            if (!is_first || found.access == transaction_access::unstated) {
                return false;
            }
        } else if (in.take_word("with") && in.take_word("consistent") && in.take_word("snapshot")) {
            found.has_snapshot = true;
        } else {
            return false;
        }
        if (in.take_kind(sql_token::comma) == in.at_end()) {
            return false;
        }
    }
    return true;
}

/// [WORK] [AND [NO] CHAIN] [[NO] RELEASE]
bool take_end(beginning& in)
{
    in.take_word("work");
    if (in.take_word("and")) {
        in.take_word("no");
        if (!in.take_word("chain")) {
            return false;
        }
    }
    return in.at_end() || (in.take_word("no") && in.take_word("release") && in.at_end());
}

bool take_set_autocommit(beginning& in)
{
    return in.take_word("set") && in.take_word("autocommit") && in.take_kind(sql_token::equals) &&
           (in.take_word({"on", "true"}) || in.take_number("1")) && in.at_end();
}

transaction_statement read_beginning(beginning& in)
{
    transaction_statement found;
    bool is_sound = false;
    if (in.take_word("begin")) {
        in.take_word("work");
        is_sound = in.at_end();
    } else if (in.take_word("start") && in.take_word("transaction")) {
        is_sound = in.at_end() || take_characteristics(in, found);
    }
    return is_sound ? (found.role = block_role::begins, found) : transaction_statement{};
}

block_role role_of(beginning& in)
{
    if (in.take_word("commit")) {
        return take_end(in) ? block_role::ends : block_role::other;
    }
    if (in.take_word("savepoint")) {
        return in.take_name() && in.at_end() ? block_role::marks : block_role::other;
    }
    if (in.take_word("release")) {
        return in.take_word("savepoint") && in.take_name() && in.at_end() ? block_role::marks : block_role::other;
    }
    if (in.take_word({"insert", "update", "delete", "replace"})) {
        return block_role::refused;
    }
    if (in.take_word({"create", "drop"})) {
        return in.take_word("temporary") ? block_role::refused : block_role::other;
    }
    return block_role::other;
}

block_role role_of_rollback(beginning& in)
{
    auto whole = in;
    in.take_word("work");
    if (in.take_word("to")) {
        in.take_word("savepoint");
        return in.take_name() && in.at_end() ? block_role::marks : block_role::other;
    }
    return take_end(whole) ? block_role::ends : block_role::other;
}

}  // namespace

bool may_be_about_transactions(bytes text)
{
    const auto at = std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size());
    const auto start = text.substr(at, 2);
    if (start.size() < 2) {
        return false;
    }
    const auto second = static_cast<char>(start[1] | 0x20);
    switch (static_cast<char>(start[0] | 0x20)) {
        case 'b': return second == 'e';
        case 'c': return second == 'o';
        case 'r': return second == 'e' || second == 'o';
        case 's':
            return second == 't' || second == 'a' ||
                   (second == 'e' && (text[at + 2 < text.size() ? at + 2 : at] | 0x20) == 't');
        default: return start[0] == '/' || start[0] == '-' || start[0] == '#';
    }
}

transaction_statement read_transaction(bytes text, const sql_reading& reading)
{
    const beginning whole{text, reading};
    if (!whole.is_sound()) {
        return {};
    }
    auto in = whole;
    if (const auto found = read_beginning(in); found.role != block_role::other) {
        return found;
    }
    in = whole;
    if (take_set_autocommit(in)) {
        return {.role = block_role::ends};
    }
    in = whole;
    return {.role = in.take_word("rollback") ? role_of_rollback(in) : role_of(in)};
}

isolation isolation_of(std::string_view value)
{
    return value == "READ-COMMITTED" || value == "READ-UNCOMMITTED" ? isolation::committed
           : value == "REPEATABLE-READ"                             ? isolation::repeatable
           : value == "SERIALIZABLE"                                ? isolation::serializable
                                                                    : isolation::unknown;
}

block_step next_in_block(bool reads, const transaction_statement& what, bool reads_by_default, isolation level)
{
    if (what.role == block_role::begins) {
        const bool only_reads = what.access == transaction_access::read_only ||
                                (what.access == transaction_access::unstated && reads_by_default);
        return only_reads ? block_step::stay : block_step::move;  // which has committed what was before it
    }
    if (reads || what.role == block_role::ends || what.role == block_role::marks) {
        return block_step::stay;
    }
    if (level == isolation::committed) {
        return block_step::move;  // each statement sees what was committed before it
    }
    return what.role == block_role::refused ? block_step::stay : block_step::give_up;
}

}  // namespace penstock::mysql
