// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/read_dialect.hpp"

#include "protocols/mysql/classifier.hpp"
#include "protocols/mysql/effects.hpp"
#include "protocols/wire/parameter_set.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace penstock::mysql {

namespace {

using std::string_view_literals::operator""sv;

/// What EXECUTE, CALL and the like do is not seen. A commit ends what has counted before.
constexpr std::array quiet_verbs{
    "begin"sv,
    "commit"sv,
    "release"sv,
    "rollback"sv,
    "savepoint"sv,
    "select"sv,
    "set"sv,
    "show"sv,
    "start"sv,
    "use"sv,
};

/// In lower case; empty behind a comment, which counts as unknown.
std::string first_word(std::string_view text)
{
    const auto from = std::min(text.find_first_not_of(" \t\r\n("), text.size());
    std::string word;
    for (const char octet : text.substr(from, 16)) {
        const auto folded = static_cast<char>(octet | 0x20);
        if (folded < 'a' || folded > 'z') {
            break;
        }
        word.push_back(folded);
    }
    return word;
}

bool is_one_of_quiet(std::string_view word)
{
    return std::find(quiet_verbs.begin(), quiet_verbs.end(), word) != quiet_verbs.end();
}

/// The classifier names only functions that may be stored ones.
class nothing_known final : public function_catalogue {
public:
    [[nodiscard]] std::uint64_t version() const override { return 0; }
    [[nodiscard]] bool harmless(const function_name&, std::span<const std::string>) const override { return false; }
};

}  // namespace

statement_class read_dialect::classify(std::string_view shape, const lexical& mode)
{
    return mysql::classify(shape, mode);
}

bool read_dialect::leaves_nothing(std::string_view shape, const lexical& mode)
{
    return mysql::leaves_nothing(inspect(shape, mode));
}

/// User variables that are only read do follow the session.
bool leaves_nothing(const text_effects& effects)
{
    const bool is_of_server = effects.kills || effects.load_local || effects.begins_xa || effects.ends_xa;
    const bool sets = effects.sets || effects.sets_tracking || effects.sets_insert_id || !effects.for_one.empty() ||
                      !effects.user_variables.empty() || !effects.unscoped.empty() || effects.sets_odd_unscoped;
    const bool asks_of_earlier = effects.reads_insert_id || effects.reads_row_count || effects.reads_found_rows ||
                                 effects.reads_diagnostics || effects.calculates_found_rows;
    return effects.pins.empty() && !is_of_server && !sets && !asks_of_earlier && !effects.runs_code &&
           !effects.unlocks && effects.held == held_changes{};
}

bool changes_nothing(std::string_view text, const text_effects& effects, read_verdict verdict)
{
    const bool is_about_itself = verdict == read_verdict::session || verdict == read_verdict::server_state;
    return is_about_itself && is_one_of_quiet(first_word(text)) && effects.statements == 1 && effects.pins.empty() &&
           effects.calls_unknown == 0 && !effects.runs_code && !effects.begins_xa && !effects.ends_xa &&
           !effects.load_local;
}

bool may_define_routines(std::string_view text)
{
    constexpr std::array verbs{"create"sv, "alter"sv, "drop"sv};
    constexpr std::array kinds{
        "function"sv, "procedure"sv, "package"sv, "view"sv, "trigger"sv, "schema"sv, "database"sv};
    const auto first = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()), 1);
    const bool may_begin_so = first.find_first_of("cCaAdD/-#") != std::string_view::npos;
    if (!may_begin_so && text.find(';') == std::string_view::npos) {
        return false;  // most texts
    }
    const auto folded = lower_case(text);
    const auto has = [&folded](std::string_view word) { return folded.find(word) != std::string::npos; };
    return std::any_of(verbs.begin(), verbs.end(), has) && std::any_of(kinds.begin(), kinds.end(), has);
}

function_catalogue_ptr well_known_functions()
{
    static const auto all = std::make_shared<const nothing_known>();
    return all;
}

}  // namespace penstock::mysql
