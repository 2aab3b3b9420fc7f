// SPDX-License-Identifier: Apache-2.0
#include "settings/describe.hpp"

#include "settings/schema.hpp"
#include "settings/values.hpp"

#include <algorithm>

namespace penstock::settings {

namespace {

constexpr std::string_view hidden = "********";

/// The visitor that writes values down. It walks one tree; the defaults come from a second walk over a default tree.
class writer {
public:
    using applies = schema::applies;

    writer(std::vector<setting_line>& out, std::string path) : out_{out}, path_{std::move(path)} {}

    void count(std::string_view key, std::uint32_t from, schema::bounds, applies when = applies::on_reload)
    {
        add(key, std::to_string(from), when);
    }
    void octets(std::string_view key, std::size_t from, schema::bounds, applies when = applies::on_reload)
    {
        add(key, octets_text(from), when);
    }
    void time(std::string_view key, duration from, schema::time_bounds, applies when = applies::on_reload)
    {
        add(key, duration_text(from), when);
    }
    void flag(std::string_view key, bool from, applies when = applies::on_reload)
    {
        add(key, from ? "true" : "false", when);
    }
    void text(std::string_view key, const std::string& from, applies when = applies::on_reload)
    {
        add(key, from, when);
    }
    void path(std::string_view key, const std::string& from, applies when = applies::on_reload)
    {
        add(key, from, when);
    }
    void secret_text(std::string_view key, const secret& from, applies when = applies::on_reload)
    {
        add(key, std::string{from.empty() ? "" : hidden}, when);
    }
    template <class Enum, std::size_t Size>
    void choice(std::string_view key,
                Enum from,
                const std::array<schema::named<Enum>, Size>& among,
                applies when = applies::on_reload)
    {
        const auto found =
            std::find_if(among.begin(), among.end(), [from](const auto& one) { return one.value == from; });
        add(key, found == among.end() ? std::string{} : std::string{found->name}, when);
    }
    void addresses(std::string_view key,
                   const std::vector<address>& from,
                   std::uint16_t,
                   applies when = applies::on_reload)
    {
        add_list(
            key, from, [](const address& one) { return one.text(); }, when);
    }
    void names(std::string_view key, const std::vector<std::string>& from, applies when = applies::on_reload)
    {
        add_list(
            key, from, [](const std::string& one) { return one; }, when);
    }
    void nodes(std::string_view key,
               const std::vector<node_settings>& from,
               std::uint16_t,
               applies when = applies::on_reload)
    {
        const auto write = [](const node_settings& one) {
            const node_settings usual;
            std::string more = one.role == node_role::primary   ? ", primary"
                               : one.role == node_role::replica ? ", replica"
                                                                : "";
            more += one.weight == usual.weight ? "" : ", weight " + std::to_string(one.weight);
            more += one.zone.empty() ? "" : ", zone " + one.zone;
            more += one.backup ? ", backup" : "";
            return one.where.text() + (more.empty() ? "" : " (" + more.substr(2) + ")");
        };
        add_list(key, from, write, when);
    }

    template <class T, class Rule>
    void count(std::string_view key, const std::optional<T>& from, Rule within, applies when = applies::on_reload)
    {
        from ? count(key, *from, within, when) : add(key, {}, when);
    }
    template <class T, class Rule>
    void time(std::string_view key, const std::optional<T>& from, Rule within, applies when = applies::on_reload)
    {
        from ? time(key, *from, within, when) : add(key, {}, when);
    }
    template <class T>
    void text(std::string_view key, const std::optional<T>& from, applies when = applies::on_reload)
    {
        add(key, from ? *from : T{}, when);
    }
    template <class T, class Rule>
    void choice(std::string_view key,
                const std::optional<T>& from,
                const Rule& among,
                applies when = applies::on_reload)
    {
        from ? choice(key, *from, among, when) : add(key, {}, when);
    }

    template <class Write>
    void section(std::string_view key, Write write)
    {
        writer inner{out_, path_of(key)};
        write(inner);
    }
    template <class T, class Write>
    void list(std::string_view key, const std::vector<T>& from, Write write)
    {
        for (const auto& one : from) {
            writer inner{out_, path_of(key) + '[' + one.name + ']'};
            write(inner, one);
        }
    }

private:
    void add(std::string_view key, std::string content, applies when)
    {
        out_.push_back({path_of(key), std::move(content), {}, when == applies::on_reload});
    }
    template <class T, class Write>
    void add_list(std::string_view key, const std::vector<T>& from, Write write, applies when)
    {
        std::string content;
        for (const auto& one : from) {
            content.append(content.empty() ? "" : ", ").append(write(one));
        }
        add(key, std::move(content), when);
    }
    [[nodiscard]] std::string path_of(std::string_view key) const
    {
        return path_.empty() ? std::string{key} : path_ + '.' + std::string{key};
    }

    std::vector<setting_line>& out_;
    std::string path_;
};

std::vector<setting_line> written(const tree& all)
{
    std::vector<setting_line> out;
    writer to{out, {}};
    schema::visit(to, all);
    return out;
}

/// A tree with as many clusters, databases, users and rules, all at their defaults.
tree defaults_like(const tree& all)
{
    tree out;
    out.clusters.resize(all.clusters.size());
    out.databases.resize(all.databases.size());
    out.users.resize(all.users.size());
    out.rules.resize(all.rules.size());
    return out;
}

}  // namespace

std::vector<setting_line> describe(const tree& all)
{
    auto lines = written(all);
    auto defaults = written(defaults_like(all));
    for (std::size_t index = 0; index < lines.size(); ++index) {
        lines[index].default_value = std::move(defaults[index].value);
    }
    return lines;
}

}  // namespace penstock::settings
