// SPDX-License-Identifier: Apache-2.0
#include "settings/diff.hpp"

#include "settings/describe.hpp"
#include "settings/lookup.hpp"
#include "settings/schema.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace penstock::settings {

namespace {

/// The visitor that gathers secrets by path, to tell whether one has changed.
class secret_collector {
public:
    using found = std::map<std::string, const secret*>;

    secret_collector(found& out, std::string path) : out_{out}, path_{std::move(path)} {}

    template <class... Rest>
    void secret_text(std::string_view key, const secret& from, Rest...)
    {
        out_[path_ + '.' + std::string{key}] = &from;
    }
    template <class Write>
    void section(std::string_view key, Write write)
    {
        secret_collector inner{out_, std::string{key}};
        write(inner);
    }
    template <class T, class Write>
    void list(std::string_view key, const std::vector<T>& from, Write write)
    {
        for (const auto& one : from) {
            secret_collector inner{out_, std::string{key} + '[' + one.name + ']'};
            write(inner, one);
        }
    }
    // clang-format off
    void count(const auto&...) {}
    void octets(const auto&...) {}
    void time(const auto&...) {}
    void flag(const auto&...) {}
    void text(const auto&...) {}
    void path(const auto&...) {}
    void choice(const auto&...) {}
    void addresses(const auto&...) {}
    void names(const auto&...) {}
    void nodes(const auto&...) {}
    // clang-format on

private:
    found& out_;
    std::string path_;
};

secret_collector::found secrets_of(const tree& all)
{
    secret_collector::found out;
    secret_collector to{out, {}};
    schema::visit(to, all);
    return out;
}

using line_map = std::map<std::string, setting_line>;

line_map lines_of(const tree& all)
{
    line_map out;
    for (auto& line : describe(all)) {
        out.emplace(line.key, std::move(line));
    }
    return out;
}

/// "database[shop]" of "database[shop].name"; empty for keys of no list.
std::string entry_of(const std::string& key)
{
    return key.substr(0, key.find("]") == std::string::npos ? 0 : key.rfind("].") + 1);
}

std::set<std::string> entries_of(const line_map& lines)
{
    std::set<std::string> out;
    for (const auto& [key, line] : lines) {
        out.insert(entry_of(key));
    }
    return out;
}

void add_entries(const std::set<std::string>& from,
                 const std::set<std::string>& missing_in,
                 const char* what,
                 difference& to)
{
    for (const auto& entry : from) {
        if (!missing_in.contains(entry)) {
            const bool is_cluster = entry.starts_with("cluster[");
            (is_cluster ? to.on_restart : to.on_reload).push_back(entry + what);
        }
    }
}

std::string quoted_if_empty(const std::string& text)
{
    return text.empty() ? "(not set)" : text;
}

/// The cluster with the live settings wanted and the others as they run.
cluster_settings merged(const cluster_settings& running, const cluster_settings& wanted)
{
    auto out = wanted;
    out.engine = running.engine;
    out.nodes = running.nodes;
    out.monitor = running.monitor;
    out.discovery = running.discovery;
    out.split.position_interval = running.split.position_interval;
    return out;
}

}  // namespace

difference compare(const tree& running, const tree& wanted)
{
    difference out;
    const auto before = lines_of(running);
    const auto after = lines_of(wanted);
    const auto entries_before = entries_of(before);
    const auto entries_after = entries_of(after);
    add_entries(entries_after, entries_before, ": added", out);
    add_entries(entries_before, entries_after, ": removed", out);
    const auto secrets_before = secrets_of(running);
    const auto secrets_after = secrets_of(wanted);
    for (const auto& [key, line] : after) {
        const auto old = before.find(key);
        if (old == before.end()) {
            continue;
        }
        auto& list = line.on_reload ? out.on_reload : out.on_restart;
        if (const auto secret = secrets_after.find(key); secret != secrets_after.end()) {
            if (!(*secret->second == *secrets_before.at(key))) {
                list.push_back(key + ": changed");
            }
        } else if (old->second.value != line.value) {
            list.push_back(key + ": " + quoted_if_empty(old->second.value) + " -> " + quoted_if_empty(line.value));
        }
    }
    return out;
}

tree reloadable(const tree& running, tree wanted)
{
    wanted.workers = running.workers;
    wanted.listen.postgresql = running.listen.postgresql;
    wanted.listen.postgresql_read_only = running.listen.postgresql_read_only;
    wanted.listen.mysql = running.listen.mysql;
    wanted.listen.mysql_read_only = running.listen.mysql_read_only;
    wanted.admin.listen = running.admin.listen;
    wanted.admin.console = running.admin.console;
    std::vector<cluster_settings> clusters;
    for (const auto& cluster : running.clusters) {
        const auto* same = find_cluster(wanted, cluster.name);
        clusters.push_back(same != nullptr ? merged(cluster, *same) : cluster);
    }
    wanted.clusters = std::move(clusters);
    std::erase_if(wanted.databases,
                  [&wanted](const auto& one) { return find_cluster(wanted, one.cluster) == nullptr; });
    return wanted;
}

}  // namespace penstock::settings
