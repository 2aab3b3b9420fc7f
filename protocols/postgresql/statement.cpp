// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/statement.hpp"

#include "protocols/postgresql/plain_read.hpp"
#include "protocols/postgresql/shape.hpp"
#include "protocols/wire/scanner.hpp"

#include <openssl/evp.h>

#include <array>
#include <algorithm>

namespace penstock::postgresql {

namespace {

/// 128 bits of SHA-256 over the mode, the definition and what else decides, in hexadecimal.
std::string digest_of(bytes definition,
                      const lexical_mode& mode,
                      std::string_view reading,
                      std::uint64_t definitions = 0)
{
    const char lexical[] = {mode.backslash_escapes ? '1' : '0', mode.ambiguous_encoding ? '1' : '0'};
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    auto* context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
    EVP_DigestUpdate(context, lexical, sizeof lexical);
    EVP_DigestUpdate(context, definition.data(), definition.size());  // ends itself: a text and a counted list
    EVP_DigestUpdate(context, reading.data(), reading.size());
    if (definitions > 0) {
        EVP_DigestUpdate(context, &definitions, sizeof definitions);
    }
    EVP_DigestFinal_ex(context, hash.data(), &size);
    EVP_MD_CTX_free(context);

    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t place = 0; place < 16; ++place) {
        text.push_back(digits[hash[place] >> 4]);
        text.push_back(digits[hash[place] & 15]);
    }
    return text;
}

bool is_letter(char octet)
{
    return (to_lower(octet) >= 'a' && to_lower(octet) <= 'z') || octet == '_';
}

/// The word stands in it by itself, in any case, and is not called.
bool mentions(std::string_view text, std::string_view word)
{
    const auto same = [](char left, char right) { return to_lower(left) == right; };
    for (auto at = text.begin();; ++at) {
        at = std::search(at, text.end(), word.begin(), word.end(), same);
        if (at == text.end()) {
            return false;
        }
        const auto* const behind = at + word.size();
        const bool begins = at == text.begin() || !is_letter(*(at - 1));
        if (begins && (behind == text.end() || (!is_letter(*behind) && *behind != '('))) {
            return true;
        }
    }
}

/// Literals of dates and times with one of these words are made what they mean when a text is analysed. Where such a
/// word stands outside of a literal, the statement is shared with nobody for nothing.
bool mentions_moment(std::string_view text)
{
    return text.find_first_of("'$") != std::string_view::npos &&
           (mentions(text, "now") || mentions(text, "today") || mentions(text, "tomorrow") ||
            mentions(text, "yesterday"));
}

/// For whoever looks for what pins: no literal of it is told.
void note_shape(text_effects& of, std::string_view text, const lexical_mode& mode)
{
    std::string shape;
    if (!of.pins.empty() && make_shape(text, mode, shape).understood) {
        of.shape = std::make_shared<const std::string>(std::move(shape));
    }
}

}  // namespace

statement_ptr statement_store::intern(bytes definition, const lexical_mode& mode, std::string_view reading)
{
    auto digest = digest_of(definition, mode, reading, definitions());
    auto& known = statements_[digest];
    if (auto current = known.current.lock()) {
        return current;
    }
    auto made = make(definition, std::move(digest), known.generation, mode);
    known.current = made;
    sweep();
    return made;
}

statement_ptr statement_store::succeed(const statement_ptr& stale)
{
    if (stale->is_private) {
        return make_private(*stale);
    }
    auto& known = statements_[stale->digest];
    if (auto current = known.current.lock(); current && current != stale) {
        return current;  // another client met the same stale plan first
    }
    ++known.generation;
    auto successor = std::make_shared<statement>(*stale);
    successor->server_name = std::string{server_name_prefix} + stale->digest + "." + std::to_string(known.generation);
    known.current = successor;
    return successor;
}

statement_ptr statement_store::make_private(const statement& like)
{
    auto made = std::make_shared<statement>(like);
    const auto number = privates_.fetch_add(1, std::memory_order_relaxed);
    made->server_name =
        std::string{server_name_prefix} + digest_of(like.definition, like.mode, "private " + std::to_string(number));
    made->is_private = true;
    return made;
}

statement_ptr statement_store::make(bytes definition,
                                    std::string digest,
                                    std::uint32_t generation,
                                    const lexical_mode& mode)
{
    auto made = std::make_shared<statement>();
    made->server_name =
        std::string{server_name_prefix} + digest + (generation == 0 ? "" : "." + std::to_string(generation));
    made->definition = definition;
    made->digest = std::move(digest);
    const auto text = definition.substr(0, definition.find('\0'));
    auto effects = inspect(text, mode);
    note_shape(effects, text, mode);
    made->verb = effects.first_verb;
    made->block = effects.block;
    made->mode = mode;
    made->is_of_its_moment = mentions_moment(text);
    if (!effects.changes_nothing()) {
        made->effects = std::make_shared<const text_effects>(std::move(effects));
    }
    return made;
}

const text_effects& statement_store::of_plain_read()
{
    static const auto found = inspect("SELECT 1", {});
    return found;
}

namespace {

/// Executing it may do whatever the text may have done that made it.
std::shared_ptr<const text_effects> effects_of_executing(const text_effects& made_by)
{
    auto effects = made_by;
    effects.first_verb = statement_verb::other;
    effects.names.clear();
    effects.deallocate_name.clear();
    effects.pins.remove(pin_reason::sql_prepare);
    return effects.changes_nothing() ? nullptr : std::make_shared<const text_effects>(std::move(effects));
}

}  // namespace

bool is_server_name(std::string_view name)
{
    constexpr std::size_t digits = 32;
    return name.starts_with(server_name_prefix) && name.size() >= server_name_prefix.size() + digits &&
           name.substr(server_name_prefix.size()).find_first_not_of("0123456789abcdef") >= digits;
}

statement_ptr statement_store::make_by_sql(std::string_view text, const text_effects& effects, const lexical_mode& mode)
{
    auto made = std::make_shared<statement>();
    made->definition.append(text).append(3, '\0');
    made->digest = digest_of(made->definition, mode, "PREPARE");
    made->effects = effects_of_executing(effects);
    made->mode = mode;
    made->origin = statement_origin::sql;
    return made;
}

statement_ptr statement_store::make_unknown(const text_effects& effects)
{
    auto made = std::make_shared<statement>();
    made->effects = effects_of_executing(effects);
    made->origin = statement_origin::server;
    return made;
}

const text_effects& statement_store::inspect_whole(std::string_view text, const lexical_mode& mode)
{
    if (is_plain_read(text)) {
        return of_plain_read();
    }
    collector_.begin(mode);
    collector_.feed(text);
    const auto& found = collector_.finish();
    if (found.pins.empty()) {
        return found;
    }
    pinning_ = found;
    note_shape(pinning_, text, mode);
    return pinning_;
}

void statement_store::sweep()
{
    if (statements_.size() < sweep_at_) {
        return;
    }
    // An entry with a generation is kept: forgetting it would give a stale plan its old name back.
    std::erase_if(statements_,
                  [](const auto& each) { return each.second.current.expired() && each.second.generation == 0; });
    sweep_at_ = std::max<std::size_t>(1024, statements_.size() * 2);
}

}  // namespace penstock::postgresql
