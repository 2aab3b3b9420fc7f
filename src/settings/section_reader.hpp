// SPDX-License-Identifier: Apache-2.0
//
// The visitor that fills a tree from a document: takes each key's value, checks type and bounds, and tells of what is
// left.
//
// A fault leaves the field at its default and reading goes on, so that all faults are found in one go.
#pragma once

#include "settings/document.hpp"
#include "settings/fault.hpp"
#include "settings/schema.hpp"
#include "settings/sources.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::settings {

/// What all sections of one document share.
struct reading {
    std::string file;    ///< for faults
    std::string folder;  ///< where relative paths start
    environment variables;
    fault_list faults{};
    /// Where keys and tables stand, by path ("cluster[0].name"); validation looks its faults' places up here.
    std::map<std::string, position> places{};
    /// Keys that have a fault of their own: what validation says of them would only repeat it.
    std::set<std::string> faulty{};

    void add(position where, std::string sentence, std::string remedy = {});
};

class section_reader {
public:
    using applies = schema::applies;

    /// `table` is null where the section is not in the document; then everything keeps its default.
    section_reader(reading& shared, const value* table, std::string path);

    void count(std::string_view key, std::uint32_t& to, schema::bounds within, applies = applies::on_reload);
    void octets(std::string_view key, std::size_t& to, schema::bounds within, applies = applies::on_reload);
    void time(std::string_view key, duration& to, schema::time_bounds within, applies = applies::on_reload);
    void flag(std::string_view key, bool& to, applies = applies::on_reload);
    void text(std::string_view key, std::string& to, applies = applies::on_reload);
    void path(std::string_view key, std::string& to, applies = applies::on_reload);
    void secret_text(std::string_view key, secret& to, applies = applies::on_reload);
    void addresses(std::string_view key,
                   std::vector<address>& to,
                   std::uint16_t default_port,
                   applies = applies::on_reload);
    void names(std::string_view key, std::vector<std::string>& to, applies = applies::on_reload);
    void nodes(std::string_view key,
               std::vector<node_settings>& to,
               std::uint16_t default_port,
               applies = applies::on_reload);

    template <class Enum, std::size_t Size>
    void choice(std::string_view key,
                Enum& to,
                const std::array<schema::named<Enum>, Size>& among,
                applies = applies::on_reload)
    {
        std::vector<std::string_view> choices;
        for (const auto& one : among) {
            choices.push_back(one.name);
        }
        if (const auto chosen = take_choice(key, choices)) {
            to = among[*chosen].value;
        }
    }

    /// Values that may be left unset: the same as above once the key is there.
    template <class T, class Rule>
    void count(std::string_view key, std::optional<T>& to, Rule within, applies when = applies::on_reload)
    {
        if_given(key, to, [&](T& field) { count(key, field, within, when); });
    }
    template <class T, class Rule>
    void time(std::string_view key, std::optional<T>& to, Rule within, applies when = applies::on_reload)
    {
        if_given(key, to, [&](T& field) { time(key, field, within, when); });
    }
    template <class T>
    void text(std::string_view key, std::optional<T>& to, applies when = applies::on_reload)
    {
        if_given(key, to, [&](T& field) { text(key, field, when); });
    }
    template <class T, class Rule>
    void choice(std::string_view key, std::optional<T>& to, const Rule& among, applies when = applies::on_reload)
    {
        if_given(key, to, [&](T& field) { choice(key, field, among, when); });
    }

    template <class Read>
    void section(std::string_view key, Read read)
    {
        const auto* found = find(key);
        if (found != nullptr && found->is != value::type::table) {
            wrong_type(key, *found, "a table", "write [" + path_of(key) + "] and the keys below it");
            found = nullptr;
        }
        section_reader inner{shared_, found, path_of(key)};
        read(inner);
        inner.finish();
    }

    template <class T, class Read>
    void list(std::string_view key, std::vector<T>& to, Read read)
    {
        for (const auto* table : tables(key)) {
            section_reader inner{shared_, table, path_of(key) + '[' + std::to_string(to.size()) + ']'};
            read(inner, to.emplace_back());
            inner.finish();
        }
    }

    /// Makes every key a fault that no function above was called for.
    void finish();

private:
    /// The key's value where it is given; the key is known from now on.
    const value* find(std::string_view key);
    [[nodiscard]] const member* member_of(std::string_view key) const;
    [[nodiscard]] std::string path_of(std::string_view key) const;
    void wrong_type(std::string_view key, const value& found, std::string_view expected, std::string remedy = {});
    void bad_value(std::string_view key, const value& found, const std::string& sentence, std::string remedy);
    std::optional<std::uint64_t> whole_number(std::string_view key, const value& found);
    /// The text with its variables put in.
    std::optional<std::string> resolved(std::string_view key, const value& found);
    std::optional<std::size_t> take_choice(std::string_view key, std::span<const std::string_view> choices);
    std::vector<const value*> tables(std::string_view key);
    void read_node(const value& item, std::string_view key, std::uint16_t default_port, std::vector<node_settings>& to);

    template <class T, class Read>
    void if_given(std::string_view key, std::optional<T>& to, Read read)
    {
        if (find(key) != nullptr) {
            read(to.emplace());
        }
    }

    reading& shared_;
    const value* table_;
    std::string path_;  ///< "" for the document itself
    std::vector<std::string> known_{};
};

}  // namespace penstock::settings
