// SPDX-License-Identifier: Apache-2.0
//
// Most identifiers of a text are none of these words, so a bit set by first letter and length refuses them at once.
#include "protocols/postgresql/sql_words.hpp"

#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace penstock::postgresql {

namespace {

using entry = std::pair<std::string_view, sql_word>;

/// Sorted by text, so that words with the same first letter stand together.
constexpr auto words = std::to_array<entry>({
    {"abort", sql_word::abort},
    {"all", sql_word::all},
    {"alter", sql_word::alter},
    {"as", sql_word::as},
    {"atomic", sql_word::atomic},
    {"authorization", sql_word::authorization},
    {"begin", sql_word::begin},
    {"bool", sql_word::boolean_type},
    {"boolean", sql_word::boolean_type},
    {"call", sql_word::call},
    {"chain", sql_word::chain},
    {"characteristics", sql_word::characteristics},
    {"close", sql_word::close},
    {"commit", sql_word::commit},
    {"constraint", sql_word::constraint},
    {"constraints", sql_word::constraints},
    {"copy", sql_word::copy},
    {"create", sql_word::create},
    {"currval", sql_word::sequence_read},
    {"dblink_connect", sql_word::dblink_connect},
    {"dblink_connect_u", sql_word::dblink_connect},
    {"deallocate", sql_word::deallocate},
    {"declare", sql_word::declare},
    {"default", sql_word::default_value},
    {"delete", sql_word::delete_rows},
    {"discard", sql_word::discard},
    {"do", sql_word::do_block},
    {"drop", sql_word::drop},
    {"end", sql_word::end},
    {"execute", sql_word::execute},
    {"explain", sql_word::explain},
    {"fetch", sql_word::fetch},
    {"for", sql_word::for_},
    {"from", sql_word::from},
    {"function", sql_word::function},
    {"global", sql_word::global},
    {"hold", sql_word::hold},
    {"insert", sql_word::insert},
    {"into", sql_word::into},
    {"lastval", sql_word::sequence_read},
    {"listen", sql_word::listen},
    {"load", sql_word::load},
    {"local", sql_word::local},
    {"lock", sql_word::lock},
    {"materialized", sql_word::materialized},
    {"merge", sql_word::merge},
    {"move", sql_word::move},
    {"names", sql_word::names},
    {"nextval", sql_word::sequence},
    {"no", sql_word::no},
    {"notify", sql_word::notify},
    {"on", sql_word::on},
    {"option", sql_word::option},
    {"or", sql_word::or_},
    {"pg_advisory_lock", sql_word::advisory_lock},
    {"pg_advisory_lock_shared", sql_word::advisory_lock},
    {"pg_advisory_unlock", sql_word::advisory_unlock},
    {"pg_advisory_unlock_all", sql_word::advisory_unlock},
    {"pg_advisory_unlock_shared", sql_word::advisory_unlock},
    {"pg_backup_start", sql_word::session_holding},
    {"pg_copy_logical_replication_slot", sql_word::session_holding},
    {"pg_copy_physical_replication_slot", sql_word::session_holding},
    {"pg_create_logical_replication_slot", sql_word::session_holding},
    {"pg_create_physical_replication_slot", sql_word::session_holding},
    {"pg_replication_origin_session_setup", sql_word::session_holding},
    {"pg_settings", sql_word::pg_settings},
    {"pg_start_backup", sql_word::session_holding},
    {"pg_temp", sql_word::pg_temp},
    {"pg_try_advisory_lock", sql_word::advisory_lock},
    {"pg_try_advisory_lock_shared", sql_word::advisory_lock},
    {"policy", sql_word::policy},
    {"prepare", sql_word::prepare},
    {"prepared", sql_word::prepared},
    {"procedure", sql_word::procedure},
    {"recursive", sql_word::recursive},
    {"release", sql_word::release},
    {"replace", sql_word::replace},
    {"reset", sql_word::reset},
    {"role", sql_word::role},
    {"rollback", sql_word::rollback},
    {"rule", sql_word::rule},
    {"savepoint", sql_word::savepoint},
    {"schema", sql_word::schema},
    {"select", sql_word::select},
    {"sequences", sql_word::sequences},
    {"session", sql_word::session},
    {"set", sql_word::set},
    {"set_config", sql_word::set_config},
    {"set_limit", sql_word::set_limit},
    {"setseed", sql_word::setseed},
    {"setval", sql_word::sequence},
    {"show", sql_word::show},
    {"start", sql_word::start},
    {"table", sql_word::table},
    {"temp", sql_word::temp},
    {"temporary", sql_word::temporary},
    {"text", sql_word::text_type},
    {"time", sql_word::time},
    {"to", sql_word::to},
    {"transaction", sql_word::transaction},
    {"trigger", sql_word::trigger},
    {"true", sql_word::true_value},
    {"truncate", sql_word::truncate},
    {"unlisten", sql_word::unlisten},
    {"update", sql_word::update},
    {"values", sql_word::values},
    {"varchar", sql_word::text_type},
    {"view", sql_word::view},
    {"with", sql_word::with},
    {"work", sql_word::work},
    {"xml", sql_word::xml},
    {"zone", sql_word::zone},
});

constexpr bool comes_before(const entry& left, const entry& right)
{
    return left.first < right.first;
}
static_assert(std::is_sorted(words.begin(), words.end(), comes_before));

constexpr std::size_t longest_word =
    std::max_element(words.begin(), words.end(), [](const entry& left, const entry& right) {
        return left.first.size() < right.first.size();
    })->first.size();
static_assert(longest_word < 64 && longest_word <= longest_name);

/// Where in `words` a letter's words are, and which lengths they have.
struct letter_words {
    std::uint64_t lengths = 0;
    std::uint8_t from = 0;
    std::uint8_t to = 0;
};

constexpr std::array<letter_words, 26> index_words()
{
    std::array<letter_words, 26> index{};
    for (std::size_t at = 0; at < words.size(); ++at) {
        const auto& text = words[at].first;
        auto& letter = index[static_cast<std::size_t>(text.front() - 'a')];
        letter.from = letter.lengths == 0 ? static_cast<std::uint8_t>(at) : letter.from;
        letter.to = static_cast<std::uint8_t>(at + 1);
        letter.lengths |= std::uint64_t{1} << text.size();
    }
    return index;
}

constexpr auto by_letter = index_words();
constexpr std::string_view temp_schema = "pg_temp";
constexpr std::string_view numbered_temp_schema = "pg_temp_";

bool equals_folded(std::string_view text, std::string_view lower)
{
    return text.size() == lower.size() &&
           std::equal(text.begin(), text.end(), lower.begin(), [](char octet, char small) {
               return to_lower(octet) == small;
           });
}

bool is_numbered_temp_schema(std::string_view text)
{
    return text.size() > numbered_temp_schema.size() &&
           equals_folded(text.substr(0, numbered_temp_schema.size()), numbered_temp_schema);
}

bool is_name_word(sql_word word)
{
    return word >= sql_word::pg_settings;
}

}  // namespace

sql_word word_of(std::string_view text)
{
    const auto letter = static_cast<unsigned>(to_lower(text.empty() ? '\0' : text.front())) - 'a';
    if (letter >= by_letter.size() || text.size() > longest_word) {
        return sql_word::none;
    }
    const auto& group = by_letter[letter];
    if ((group.lengths >> text.size() & 1U) != 0) {
        for (auto at = group.from; at < group.to; ++at) {
            if (equals_folded(text, words[at].first)) {
                return words[at].second;
            }
        }
    }
    return letter == 'p' - 'a' && is_numbered_temp_schema(text) ? sql_word::pg_temp : sql_word::none;
}

sql_word quoted_word_of(std::string_view text)
{
    const bool lower = std::none_of(text.begin(), text.end(), [](char octet) { return octet != to_lower(octet); });
    const auto word = lower ? word_of(text) : sql_word::none;
    return is_name_word(word) ? word : sql_word::none;
}

bool mentions_pg_temp(std::string_view text)
{
    for (; text.size() >= temp_schema.size(); text.remove_prefix(1)) {
        if (equals_folded(text.substr(0, temp_schema.size()), temp_schema)) {
            return true;
        }
    }
    return false;
}

}  // namespace penstock::postgresql
