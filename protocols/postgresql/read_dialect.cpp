// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/read_dialect.hpp"

#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/effects.hpp"

#include <algorithm>
#include <array>

namespace penstock::postgresql {

namespace {

/// In order of the alphabet. Volatile ones among them (random, clock_timestamp, pg_sleep) change nothing anywhere.
constexpr auto harmless_names = std::to_array<std::string_view>({
    "abs",
    "age",
    "array_agg",
    "array_append",
    "array_cat",
    "array_length",
    "array_position",
    "array_remove",
    "array_to_string",
    "array_upper",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "chr",
    "clock_timestamp",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "date_part",
    "date_trunc",
    "decode",
    "dense_rank",
    "div",
    "encode",
    "every",
    "exp",
    "extract",
    "first_value",
    "floor",
    "format",
    "generate_series",
    "initcap",
    "json_agg",
    "json_array_elements",
    "json_array_length",
    "json_build_array",
    "json_build_object",
    "json_each",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_each",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_object_agg",
    "lag",
    "last_value",
    "lead",
    "left",
    "length",
    "like_escape",
    "ln",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "max",
    "md5",
    "min",
    "mod",
    "now",
    "nth_value",
    "ntile",
    "octet_length",
    "overlay",
    "percent_rank",
    "pg_sleep",
    "pi",
    "position",
    "power",
    "quote_ident",
    "quote_literal",
    "random",
    "rank",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_table",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "row_to_json",
    "rpad",
    "rtrim",
    "sha256",
    "sign",
    "split_part",
    "sqrt",
    "statement_timestamp",
    "stddev",
    "string_agg",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "sum",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "transaction_timestamp",
    "translate",
    "trunc",
    "unnest",
    "upper",
    "variance",
});
static_assert(std::is_sorted(harmless_names.begin(), harmless_names.end()));

class well_known final : public function_catalogue {
public:
    [[nodiscard]] std::uint64_t version() const override { return 0; }
    [[nodiscard]] bool harmless(const function_name& function, std::span<const std::string>) const override
    {
        return (function.schema.empty() || function.schema == "pg_catalog") &&
               std::binary_search(harmless_names.begin(), harmless_names.end(), std::string_view{function.name});
    }
};

}  // namespace

statement_class read_dialect::classify(std::string_view shape, const lexical& mode)
{
    return postgresql::classify(shape, mode);
}

bool read_dialect::leaves_nothing(std::string_view shape, const lexical& mode)
{
    const auto effects = inspect(shape, mode);
    return effects.leaves_nothing() && effects.block == transaction_effect{};
}

function_catalogue_ptr well_known_functions()
{
    static const auto all = std::make_shared<const well_known>();
    return all;
}

}  // namespace penstock::postgresql
