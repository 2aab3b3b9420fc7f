// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/statement.hpp"

#include "protocols/mysql/shape.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

namespace penstock::mysql {

namespace {

/// Numbers there are fewer than that, and versions in one cluster few.
constexpr std::size_t most_unknown_collations = 256;

std::string digest_of(bytes text, const parameter_set& context, sql_reading reading)
{
    std::string rest{'\0', reading.no_backslash_escapes ? '1' : '0', reading.ansi_quotes ? '1' : '0'};
    for (const auto& [name, value] : context.entries()) {
        rest.append(name).append(1, '\0').append(value).append(1, '\0');
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    auto* const context_of_digest = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context_of_digest, EVP_sha256(), nullptr);
    EVP_DigestUpdate(context_of_digest, text.data(), text.size());
    EVP_DigestUpdate(context_of_digest, rest.data(), rest.size());
    EVP_DigestFinal_ex(context_of_digest, digest.data(), &size);
    EVP_MD_CTX_free(context_of_digest);
    return {reinterpret_cast<const char*>(digest.data()), 16};
}

}  // namespace

statement_ptr statement_store::intern(bytes text, const parameter_set_ptr& context, sql_reading reading)
{
    auto digest = digest_of(text, *context, reading);
    auto& slot = statements_[digest];
    if (auto known = slot.lock()) {
        return known;
    }
    const auto& effects = inspect_whole(text, reading);
    auto made = std::make_shared<statement>();
    made->digest = digest;
    made->text = text;
    made->context = context;
    made->finds = row_finder_of(text);
    made->effects = effects.is_plain() ? nullptr : std::make_shared<const text_effects>(effects);
    slot = made;
    if (statements_.size() > sweep_at_) {
        std::erase_if(statements_, [](const auto& each) { return each.second.expired(); });
        sweep_at_ = std::max<std::size_t>(1024, statements_.size() * 2);
    }
    return made;
}

const text_effects& statement_store::inspect_whole(bytes text, sql_reading reading)
{
    collector_.begin(reading);
    collector_.feed(text);
    const auto& found = collector_.finish();
    if (found.pins.empty() && !found.runs_code && found.calls_unknown == 0) {
        return found;
    }
    pinning_ = found;
    std::string shape;  // for whoever looks for what pins: no literal of it is told
    if (make_shape(text, reading, shape).understood) {
        pinning_.shape = std::make_shared<const std::string>(std::move(shape));
    }
    return pinning_;
}

void statement_store::note_unknown_collation(std::string_view version, std::string_view number)
{
    if (!number.empty() && !is_unknown_collation(version, number) &&
        unknown_collations_.size() < most_unknown_collations) {
        unknown_collations_.emplace_back(version, number);
    }
}

bool statement_store::is_unknown_collation(std::string_view version, std::string_view number) const
{
    return std::any_of(unknown_collations_.begin(), unknown_collations_.end(), [&](const auto& each) {
        return each.first == version && each.second == number;
    });
}

std::string& statement_store::scratch()
{
    constexpr std::size_t most_kept = 64 * 1024;
    scratch_.clear();
    if (scratch_.capacity() > most_kept) {
        std::string{}.swap(scratch_);  // assignment would keep the memory
    }
    return scratch_;
}

const text_effects& statement_store::plain()
{
    static const text_effects one{.statements = 1};
    return one;
}

known_statements::instance* known_statements::find(const statement& wanted, std::uint32_t client_id)
{
    const auto [begin, end] = places_.equal_range(wanted.digest);
    auto best = by_use_.end();
    for (auto each = begin; each != end; ++each) {
        const auto place = each->second;
        if (place->held_by == client_id || (place->held_by == 0 && best == by_use_.end())) {
            best = place;
        }
    }
    if (best == by_use_.end()) {
        return nullptr;
    }
    by_use_.splice(by_use_.begin(), by_use_, best);
    return &*best;
}

known_statements::instance& known_statements::insert(statement_ptr what, std::uint32_t id)
{
    by_use_.push_front({.what = std::move(what), .id = id});
    places_.emplace(by_use_.front().what->digest, by_use_.begin());
    return by_use_.front();
}

std::uint32_t known_statements::take(std::list<instance>::iterator place)
{
    const auto id = place->id;
    const auto [begin, end] = places_.equal_range(place->what->digest);
    for (auto each = begin; each != end; ++each) {
        if (each->second == place) {
            places_.erase(each);
            break;
        }
    }
    by_use_.erase(place);
    return id;
}

void known_statements::erase(std::uint32_t id)
{
    const auto place = std::find_if(by_use_.begin(), by_use_.end(), [id](const auto& each) { return each.id == id; });
    if (place != by_use_.end()) {
        take(place);
    }
}

std::uint32_t known_statements::take_duplicate(const statement& what, std::uint32_t kept)
{
    const auto [begin, end] = places_.equal_range(what.digest);
    for (auto each = begin; each != end; ++each) {
        if (each->second->id != kept && each->second->held_by == 0) {
            return take(each->second);
        }
    }
    return 0;
}

std::uint32_t known_statements::take_excess(std::size_t limit)
{
    if (by_use_.size() <= limit) {
        return 0;
    }
    for (auto place = by_use_.end(); place != by_use_.begin();) {
        --place;
        if (place->held_by == 0) {
            return take(place);
        }
    }
    return 0;
}

}  // namespace penstock::mysql
