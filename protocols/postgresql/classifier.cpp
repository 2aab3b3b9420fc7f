// SPDX-License-Identifier: Apache-2.0
//
// From text to libpg_query's tree (as JSON) to a class.
//
// In that JSON a kind of node is an object's only key and begins with a capital letter, a field's name does not; some
// fields hold a node without its kind, of which only those that matter are known by name (`intoClause`).
#include "protocols/postgresql/classifier.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <pg_query.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace penstock::postgresql {
namespace json = boost::json;

namespace {

/// What a plain read may consist of, in order of the alphabet. "SelectStmt" stands for VALUES and TABLE as well.
constexpr std::array read_nodes{
    std::string_view{"A_ArrayExpr"},
    std::string_view{"A_Const"},
    std::string_view{"A_Expr"},
    std::string_view{"A_Indices"},
    std::string_view{"A_Indirection"},
    std::string_view{"A_Star"},
    std::string_view{"Alias"},
    std::string_view{"BitString"},
    std::string_view{"BoolExpr"},
    std::string_view{"Boolean"},
    std::string_view{"BooleanTest"},
    std::string_view{"CaseExpr"},
    std::string_view{"CaseWhen"},
    std::string_view{"CoalesceExpr"},
    std::string_view{"CollateClause"},
    std::string_view{"ColumnRef"},
    std::string_view{"CommonTableExpr"},
    std::string_view{"Float"},
    std::string_view{"FuncCall"},
    std::string_view{"GroupingFunc"},
    std::string_view{"GroupingSet"},
    std::string_view{"Integer"},
    std::string_view{"JoinExpr"},
    std::string_view{"List"},
    std::string_view{"MinMaxExpr"},
    std::string_view{"NamedArgExpr"},
    std::string_view{"NullTest"},
    std::string_view{"ParamRef"},
    std::string_view{"RangeFunction"},
    std::string_view{"RangeSubselect"},
    std::string_view{"RangeTableFunc"},
    std::string_view{"RangeTableFuncCol"},
    std::string_view{"RangeTableSample"},
    std::string_view{"RangeVar"},
    std::string_view{"ResTarget"},
    std::string_view{"RowExpr"},
    std::string_view{"SQLValueFunction"},
    std::string_view{"SelectStmt"},
    std::string_view{"SortBy"},
    std::string_view{"String"},
    std::string_view{"SubLink"},
    std::string_view{"TypeCast"},
    std::string_view{"TypeName"},
    std::string_view{"WindowDef"},
    std::string_view{"WithClause"},
    std::string_view{"XmlExpr"},
    std::string_view{"XmlSerialize"},
};

/// Statements that are about the session, not about rows.
constexpr std::array session_nodes{
    std::string_view{"CheckPointStmt"},
    std::string_view{"ClosePortalStmt"},
    std::string_view{"ConstraintsSetStmt"},
    std::string_view{"DeallocateStmt"},
    std::string_view{"DeclareCursorStmt"},
    std::string_view{"DiscardStmt"},
    std::string_view{"ExecuteStmt"},
    std::string_view{"FetchStmt"},
    std::string_view{"ListenStmt"},
    std::string_view{"LoadStmt"},
    std::string_view{"LockStmt"},
    std::string_view{"NotifyStmt"},
    std::string_view{"PrepareStmt"},
    std::string_view{"TransactionStmt"},
    std::string_view{"UnlistenStmt"},
    std::string_view{"VariableSetStmt"},
    std::string_view{"VariableShowStmt"},
};

/// Views of the server's own state begin so; they are always in pg_catalog.
constexpr std::array state_views{
    std::string_view{"pg_backend"},
    std::string_view{"pg_cursors"},
    std::string_view{"pg_file_settings"},
    std::string_view{"pg_hba"},
    std::string_view{"pg_ident"},
    std::string_view{"pg_locks"},
    std::string_view{"pg_prepared"},
    std::string_view{"pg_repl"},
    std::string_view{"pg_sequence"},
    std::string_view{"pg_settings"},
    std::string_view{"pg_shmem"},
    std::string_view{"pg_stat"},
    std::string_view{"pg_subscription"},
};

static_assert(std::is_sorted(read_nodes.begin(), read_nodes.end()));
static_assert(std::is_sorted(session_nodes.begin(), session_nodes.end()));

bool is_one_of(std::string_view name, const auto& sorted)
{
    return std::binary_search(sorted.begin(), sorted.end(), name);
}

class tree_walk {
public:
    /// The whole tree of a text.
    void statements(const json::value& tree)
    {
        const auto* list = tree.is_object() ? tree.as_object().if_contains("stmts") : nullptr;
        if (list == nullptr || !list->is_array() || list->as_array().empty()) {
            found_.obstacle = read_obstacle::empty;
            return;
        }
        found_.obstacle = read_obstacle::none;
        for (const auto& each : list->as_array()) {
            const auto* statement = each.as_object().if_contains("stmt");
            if (statement == nullptr || !statement->is_object() || statement->as_object().empty()) {
                return obstruct(read_obstacle::unparsed);
            }
            const auto& [kind, body] = *statement->as_object().begin();
            top(kind, body);
        }
    }

    statement_class take()
    {
        auto& names = found_.functions;
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        if (!found_.reads_only()) {
            names.clear();
        }
        return std::move(found_);
    }

private:
    void top(std::string_view kind, const json::value& body)
    {
        if (kind == "ExplainStmt") {  // with ANALYZE its statement runs, without it is only planned
            const auto* query = body.as_object().if_contains("query");
            return query != nullptr ? walk(*query) : obstruct(read_obstacle::unparsed);
        }
        if (kind == "TransactionStmt" && found_.access == transaction_access::unstated) {
            note_access(body);
        }
        if (is_one_of(kind, session_nodes)) {
            return obstruct(read_obstacle::session);
        }
        node(kind, body);
    }

    void node(std::string_view kind, const json::value& body)
    {
        if (kind == "LockingClause") {
            return obstruct(read_obstacle::locks);
        }
        if (!is_one_of(kind, read_nodes)) {
            return obstruct(read_obstacle::writes);
        }
        if (kind == "FuncCall") {
            note_function(body);
        } else if (kind == "RangeVar") {
            note_relation(body);
        }
        walk(body);
    }

    void walk(const json::value& value)
    {
        if (value.is_array()) {
            for (const auto& each : value.as_array()) {
                walk(each);
            }
        } else if (value.is_object()) {
            for (const auto& [key, inner] : value.as_object()) {
                if (key == "intoClause") {
                    obstruct(read_obstacle::into);
                } else if (!key.empty() && key.front() >= 'A' && key.front() <= 'Z') {
                    node(key, inner);
                } else {
                    walk(inner);
                }
            }
        }
    }

    void note_function(const json::value& call)
    {
        function_name name;
        const auto* parts = call.as_object().if_contains("funcname");
        if (parts == nullptr || !parts->is_array() || parts->as_array().empty() || parts->as_array().size() > 2) {
            return obstruct(read_obstacle::unparsed);
        }
        for (const auto& part : parts->as_array()) {
            const auto* text = string_in(part);
            if (text == nullptr) {
                return obstruct(read_obstacle::unparsed);
            }
            name.schema = std::exchange(name.name, std::string{*text});
        }
        found_.functions.push_back(std::move(name));
    }

    void note_relation(const json::value& relation)
    {
        const auto* name = relation.as_object().if_contains("relname");
        if (name == nullptr || !name->is_string()) {
            return obstruct(read_obstacle::unparsed);
        }
        const std::string_view text{name->as_string()};
        if (std::any_of(state_views.begin(), state_views.end(), [text](auto view) { return text.starts_with(view); })) {
            obstruct(read_obstacle::server_state);
        }
        found_.relations.emplace_back(text);
    }

    /// READ ONLY and READ WRITE among the options of BEGIN and START TRANSACTION; the last one counts.
    void note_access(const json::value& body)
    {
        const auto* options = body.as_object().if_contains("options");
        if (options == nullptr || !options->is_array()) {
            return;
        }
        for (const auto& each : options->as_array()) {
            boost::system::error_code ignored;
            const auto* name = each.find_pointer("/DefElem/defname", ignored);
            if (name == nullptr || !name->is_string() || name->as_string() != "transaction_read_only") {
                continue;
            }
            const auto* value = each.find_pointer("/DefElem/arg/A_Const/ival/ival", ignored);
            found_.access = value != nullptr && value->is_int64() && value->as_int64() == 1
                                ? transaction_access::read_only
                                : transaction_access::read_write;
        }
    }

    static const json::string* string_in(const json::value& node)
    {
        boost::system::error_code ignored;
        const auto* text = node.find_pointer("/String/sval", ignored);
        return text != nullptr ? text->if_string() : nullptr;
    }

    /// The first reason stays, unless a later one is worse: what writes.
    void obstruct(read_obstacle why)
    {
        if (found_.reads_only() || why == read_obstacle::writes) {
            found_.obstacle = why;
        }
    }

    statement_class found_{};
};

struct free_tree {
    void operator()(PgQueryParseResult* tree) const
    {
        pg_query_free_parse_result(*tree);
        delete tree;
    }
};

statement_class no_read(read_obstacle why)
{
    statement_class result;
    result.obstacle = why;
    return result;
}

/// libpg_query reads backslashes in '...' as they stand; a session with standard_conforming_strings off does not.
bool reads_alike(std::string_view text, const lexical_mode& mode)
{
    const bool has_high = std::any_of(text.begin(), text.end(), [](char octet) { return (octet & 0x80) != 0; });
    return !(mode.ambiguous_encoding && has_high) &&
           !(mode.backslash_escapes && text.find('\\') != std::string_view::npos);
}

}  // namespace

statement_class classify(std::string_view text, const lexical_mode& mode)
{
    if (text.size() > longest_classified) {
        return no_read(read_obstacle::too_large);
    }
    if (text.find('\0') != std::string_view::npos || !reads_alike(text, mode)) {
        return no_read(read_obstacle::unparsed);
    }
    const std::string whole{text};
    const std::unique_ptr<PgQueryParseResult, free_tree> tree{new PgQueryParseResult{pg_query_parse(whole.c_str())}};
    if (tree->error != nullptr || tree->parse_tree == nullptr) {
        return no_read(read_obstacle::unparsed);
    }
    json::parse_options options;
    options.max_depth = deepest_classified;
    boost::system::error_code fault;
    const auto parsed = json::parse(tree->parse_tree, fault, {}, options);
    if (fault) {
        return no_read(read_obstacle::unparsed);
    }
    tree_walk walk;
    walk.statements(parsed);
    return walk.take();
}

}  // namespace penstock::postgresql
