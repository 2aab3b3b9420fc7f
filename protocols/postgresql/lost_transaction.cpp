// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/lost_transaction.hpp"

#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <array>

namespace penstock::postgresql {

namespace {

/// The words of a short text in lower case; anything that is neither a word nor a last semicolon spoils it.
class exit_reader {
public:
    void take(token_kind kind, std::string_view text)
    {
        if (kind == token_kind::semicolon) {
            ended_ = true;
        } else if (kind != token_kind::identifier || ended_ || count_ == words_.size()) {
            spoiled_ = true;
        } else {
            auto& word = words_[count_++];
            word.assign(text);
            std::transform(word.begin(), word.end(), word.begin(), [](char letter) {
                return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 32) : letter;
            });
        }
    }

    [[nodiscard]] bool is_spoiled() const { return spoiled_; }

    [[nodiscard]] exit_statement result() const
    {
        if (spoiled_) {
            return exit_statement::none;
        }
        if (count_ == 0) {
            return exit_statement::blank;
        }
        const auto& verb = words_[0];
        const bool commits = verb == "commit" || verb == "end";
        if (!commits && verb != "rollback" && verb != "abort") {
            return exit_statement::none;
        }
        std::size_t at = 1;
        if (at < count_ && (words_[at] == "work" || words_[at] == "transaction")) {
            ++at;
        }
        if (at + 3 == count_ && words_[at] == "and" && words_[at + 1] == "no" && words_[at + 2] == "chain") {
            at += 3;
        }
        if (at != count_) {
            return exit_statement::none;
        }
        return commits ? exit_statement::commit : exit_statement::rollback;
    }

private:
    std::array<std::string, 5> words_;  // COMMIT WORK AND NO CHAIN
    std::size_t count_ = 0;
    bool ended_ = false;
    bool spoiled_ = false;
};

constexpr std::size_t most_portals = 256;

}  // namespace

exit_statement read_exit(std::string_view text, lexical_mode mode)
{
    scanner tokens;
    tokens.begin(mode);
    exit_reader reader;
    for (bytes part : {bytes{text}, bytes{"\n"}}) {
        for (auto kind = tokens.next(part); kind != token_kind::none; kind = tokens.next(part)) {
            reader.take(kind, tokens.text());
            if (reader.is_spoiled()) {
                return exit_statement::none;
            }
        }
    }
    return tokens.is_inside() || tokens.is_lost() ? exit_statement::none : reader.result();
}

bool lost_transaction::allows(exit_statement what) const
{
    return what != exit_statement::none && (told_ || what != exit_statement::blank);
}

client_error lost_transaction::refusal()
{
    if (std::exchange(told_, true)) {
        return {error_kind::server_lost,
                "current transaction is aborted, commands ignored until end of transaction block",
                "25P02"};
    }
    return why_;
}

bool lost_transaction::bind(std::string_view portal, exit_statement what)
{
    close(portal);
    if (portals_.size() == most_portals) {
        return false;
    }
    portals_.emplace_back(portal, what);
    return true;
}

exit_statement lost_transaction::find(std::string_view portal) const
{
    const auto found =
        std::find_if(portals_.begin(), portals_.end(), [portal](const auto& each) { return each.first == portal; });
    return found == portals_.end() ? exit_statement::none : found->second;
}

void lost_transaction::close(std::string_view portal)
{
    std::erase_if(portals_, [portal](const auto& each) { return each.first == portal; });
}

}  // namespace penstock::postgresql
