// SPDX-License-Identifier: Apache-2.0
#include "settings/section_reader.hpp"

#include "settings/suggest.hpp"
#include "settings/values.hpp"

#include <algorithm>

namespace penstock::settings {

namespace {

constexpr std::size_t longest_text = 64 * 1024;

std::string in_quotes(std::string_view text)
{
    return '"' + std::string{text} + '"';
}

/// What was written, unless it looks like something with a password in it, such as a URL.
std::string shown(std::string_view text)
{
    constexpr std::size_t longest_shown = 100;
    const bool is_plain = text.size() <= longest_shown && text.find('@') == std::string_view::npos;
    return is_plain ? in_quotes(text) : std::string{"something else"};
}

std::string joined(std::span<const std::string_view> choices)
{
    std::string out;
    for (std::size_t index = 0; index < choices.size(); ++index) {
        out += index == 0 ? "" : index + 1 == choices.size() ? " or " : ", ";
        out += in_quotes(choices[index]);
    }
    return out;
}

template <class Text>
std::string range(Text least, Text most)
{
    return "give a value from " + std::string{least} + " to " + std::string{most};
}

}  // namespace

void reading::add(position where, std::string sentence, std::string remedy)
{
    faults.push_back({file, where, std::move(sentence), std::move(remedy)});
}

section_reader::section_reader(reading& shared, const value* table, std::string path)
    : shared_{shared}, table_{table}, path_{std::move(path)}
{
    if (table_ != nullptr) {
        shared_.places[path_] = table_->where;
    }
}

void section_reader::count(std::string_view key, std::uint32_t& to, schema::bounds within, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    const auto number = whole_number(key, *found);
    if (number && (*number < within.least || *number > within.most)) {
        bad_value(key,
                  *found,
                  "is " + std::to_string(*number),
                  range(std::to_string(within.least), std::to_string(within.most)));
    } else if (number) {
        to = static_cast<std::uint32_t>(*number);
    }
}

void section_reader::octets(std::string_view key, std::size_t& to, schema::bounds within, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    std::optional<std::uint64_t> size;
    if (found->is == value::type::text) {
        const auto written = resolved(key, *found);
        size = written ? parse_octets(*written) : std::nullopt;
        if (written && !size) {
            bad_value(key, *found, "is " + shown(found->text), "write a size as " + std::string{octets_example});
        }
    } else {
        size = whole_number(key, *found);
    }
    if (size && (*size < within.least || *size > within.most)) {
        bad_value(key, *found, "is " + octets_text(*size), range(octets_text(within.least), octets_text(within.most)));
    } else if (size) {
        to = static_cast<std::size_t>(*size);
    }
}

void section_reader::time(std::string_view key, duration& to, schema::time_bounds within, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    std::optional<duration> length;
    if (found->is == value::type::text) {
        const auto written = resolved(key, *found);
        length = written ? parse_duration(*written) : std::nullopt;
        if (written && !length) {
            bad_value(key, *found, "is " + shown(found->text), "write a duration as " + std::string{duration_example});
        }
    } else if (const auto number = whole_number(key, *found)) {
        length = seconds{std::min<std::uint64_t>(*number, 1'000'000'000)};
    }
    if (length && (*length < within.least || *length > within.most)) {
        bad_value(key,
                  *found,
                  "is " + duration_text(*length),
                  range(duration_text(within.least), duration_text(within.most)));
    } else if (length) {
        to = *length;
    }
}

void section_reader::flag(std::string_view key, bool& to, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    if (found->is != value::type::flag) {
        wrong_type(key, *found, "true or false", "write true or false without quotes");
    } else {
        to = found->flag;
    }
}

void section_reader::text(std::string_view key, std::string& to, applies)
{
    const auto* found = find(key);
    if (const auto written = found != nullptr ? resolved(key, *found) : std::nullopt) {
        to = *written;
    }
}

void section_reader::path(std::string_view key, std::string& to, applies)
{
    const auto* found = find(key);
    const auto written = found != nullptr ? resolved(key, *found) : std::nullopt;
    if (!written || written->empty()) {
        return;
    }
    const auto whole = path_from(shared_.folder, *written);
    if (const auto fault = why_unreadable(whole); !fault.empty()) {
        // The name may come from a variable that holds something else, so it is told as it was written.
        const bool plain = found->text == *written;
        bad_value(key,
                  *found,
                  plain ? "names a file that cannot be used: " + fault : "names a file that cannot be read",
                  "give the path of a file that Penstock's user may read");
        return;
    }
    to = whole;
}

void section_reader::secret_text(std::string_view key, secret& to, applies)
{
    const auto* found = find(key);
    auto written = found != nullptr ? resolved(key, *found) : std::nullopt;
    if (!written) {
        return;
    }
    constexpr std::string_view marker = "file:";
    if (!found->text.starts_with(marker)) {
        to = secret{*written};
        explicit_bzero(written->data(), written->size());
        return;
    }
    auto contents = read_secret_file(path_from(shared_.folder, written->substr(marker.size())));
    if (!contents.fault.empty()) {
        bad_value(key, *found, "cannot be used: " + contents.fault, "put the secret and nothing else into that file");
        return;
    }
    to = std::move(contents.text);
}

void section_reader::names(std::string_view key, std::vector<std::string>& to, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    if (found->is != value::type::list) {
        return wrong_type(key, *found, "a list of texts", "write it as [\"first\", \"second\"]");
    }
    to.clear();
    for (const auto& item : found->items) {
        if (auto name = resolved(key, item)) {
            to.push_back(std::move(*name));
        }
    }
}

void section_reader::addresses(std::string_view key, std::vector<address>& to, std::uint16_t default_port, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    if (found->is != value::type::list) {
        return wrong_type(key, *found, "a list of addresses", "write it as [\"127.0.0.1:6432\"]");
    }
    to.clear();
    for (const auto& item : found->items) {
        const auto written = resolved(key, item);
        if (!written) {
            continue;
        }
        if (auto where = parse_address(*written, default_port)) {
            to.push_back(std::move(*where));
        } else {
            bad_value(key, item, "holds " + shown(item.text), "write an address as " + std::string{address_example});
        }
    }
}

void section_reader::nodes(std::string_view key, std::vector<node_settings>& to, std::uint16_t default_port, applies)
{
    const auto* found = find(key);
    if (found == nullptr) {
        return;
    }
    if (found->is != value::type::list) {
        return wrong_type(key, *found, "a list of nodes", "write it as [\"db1:5432\", \"db2:5432\"]");
    }
    to.clear();
    for (const auto& item : found->items) {
        read_node(item, key, default_port, to);
    }
}

void section_reader::read_node(const value& item,
                               std::string_view key,
                               std::uint16_t default_port,
                               std::vector<node_settings>& to)
{
    node_settings node;
    const value* written_as = &item;
    if (item.is == value::type::table) {
        section_reader inner{shared_, &item, path_of(key) + '[' + std::to_string(to.size()) + ']'};
        inner.choice("role", node.role, schema::node_roles);
        inner.count("weight", node.weight, schema::bounds{0, 10'000});
        inner.text("zone", node.zone);
        inner.flag("backup", node.backup);
        written_as = inner.find("address");
        inner.finish();
        if (written_as == nullptr) {
            return shared_.add(
                item.where, "a node has no address", "write { address = \"db1:5432\", role = \"primary\" }");
        }
    }
    const auto written = resolved(key, *written_as);
    if (!written) {
        return;
    }
    const auto where = parse_address(*written, default_port);
    if (!where || where->port == 0) {
        return bad_value(key, *written_as, "holds " + shown(written_as->text), "write a node as \"db1:5432\"");
    }
    node.where = *where;
    to.push_back(node);
}

std::optional<std::size_t> section_reader::take_choice(std::string_view key, std::span<const std::string_view> choices)
{
    const auto* found = find(key);
    const auto written = found != nullptr ? resolved(key, *found) : std::nullopt;
    if (!written) {
        return std::nullopt;
    }
    const auto at = std::find(choices.begin(), choices.end(), *written);
    if (at == choices.end()) {
        const auto close = closest(found->text, choices);
        bad_value(key,
                  *found,
                  "is " + shown(found->text),
                  close.empty() ? "write " + joined(choices) : "did you mean " + in_quotes(close) + "?");
        return std::nullopt;
    }
    return static_cast<std::size_t>(at - choices.begin());
}

std::vector<const value*> section_reader::tables(std::string_view key)
{
    const auto* found = find(key);
    std::vector<const value*> out;
    if (found == nullptr) {
        return out;
    }
    const auto remedy = "write [[" + path_of(key) + "]] with double brackets for each";
    if (found->is != value::type::list) {
        wrong_type(key, *found, "a list of tables", remedy);
        return out;
    }
    for (const auto& item : found->items) {
        if (item.is == value::type::table) {
            out.push_back(&item);
        } else {
            wrong_type(key, item, "a list of tables", remedy);
        }
    }
    return out;
}

void section_reader::finish()
{
    if (table_ == nullptr) {
        return;
    }
    const std::vector<std::string_view> known(known_.begin(), known_.end());
    for (const auto& [key, where, content] : table_->members) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            const auto of = path_.empty() ? std::string{} : " in [" + without_indices(path_) + ']';
            shared_.add(where, "unknown key " + in_quotes(key) + of, remedy_for_unknown(key, path_, known));
        }
    }
}

const value* section_reader::find(std::string_view key)
{
    known_.emplace_back(key);
    const auto* found = member_of(key);
    if (found == nullptr) {
        return nullptr;
    }
    shared_.places[path_of(key)] = found->where;
    return &found->content;
}

const member* section_reader::member_of(std::string_view key) const
{
    if (table_ == nullptr) {
        return nullptr;
    }
    const auto found = std::find_if(
        table_->members.begin(), table_->members.end(), [key](const member& one) { return one.key == key; });
    return found == table_->members.end() ? nullptr : &*found;
}

std::string section_reader::path_of(std::string_view key) const
{
    return path_.empty() ? std::string{key} : path_ + '.' + std::string{key};
}

void section_reader::wrong_type(std::string_view key, const value& found, std::string_view expected, std::string remedy)
{
    shared_.faulty.insert(path_of(key));
    shared_.add(
        found.where,
        std::string{key} + " is " + std::string{name_of(found.is)} + " where " + std::string{expected} + " belongs",
        std::move(remedy));
}

void section_reader::bad_value(std::string_view key,
                               const value& found,
                               const std::string& sentence,
                               std::string remedy)
{
    shared_.faulty.insert(path_of(key));
    shared_.add(found.where, std::string{key} + ' ' + sentence, std::move(remedy));
}

/// Also from a text that is nothing but variables, since an environment knows only texts.
std::optional<std::uint64_t> section_reader::whole_number(std::string_view key, const value& found)
{
    if (found.is == value::type::text && found.text.starts_with("${")) {
        const auto written = resolved(key, found);
        const auto number = written ? parse_octets(*written + 'B') : std::nullopt;
        if (written && !number) {
            bad_value(key, found, "is no whole number", "set the variable to digits only");
        }
        return number;
    }
    if (found.is != value::type::integer) {
        wrong_type(
            key, found, "a whole number", found.is == value::type::text ? "write the number without quotes" : "");
        return std::nullopt;
    }
    if (found.integer < 0) {
        bad_value(key, found, "is negative", "give 0 or more");
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(found.integer);
}

std::optional<std::string> section_reader::resolved(std::string_view key, const value& found)
{
    if (found.is != value::type::text) {
        wrong_type(key, found, "a text", "write it in double quotes");
        return std::nullopt;
    }
    auto out = substitute(found.text, shared_.variables);
    if (!out.fault.empty()) {
        bad_value(key,
                  found,
                  "cannot be resolved: " + out.fault,
                  "set the variable, or write \"$${\" for the characters themselves");
        return std::nullopt;
    }
    if (out.text.size() > longest_text || out.text.find('\0') != std::string::npos) {
        bad_value(key, found, "is too long or holds a zero octet", "give at most 64 KiB of text");
        return std::nullopt;
    }
    return std::move(out.text);
}

}  // namespace penstock::settings
