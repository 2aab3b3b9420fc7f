// SPDX-License-Identifier: Apache-2.0
#include "settings/load.hpp"

#include "settings/document.hpp"
#include "settings/schema.hpp"
#include "settings/section_reader.hpp"
#include "settings/validate.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace penstock::settings {

namespace {

constexpr std::size_t largest_file = 16U << 20;

/// The place of a key, else of the closest table around it.
position place_of(const reading& all, std::string path)
{
    while (!path.empty()) {
        if (const auto found = all.places.find(path); found != all.places.end()) {
            return found->second;
        }
        const auto cut = path.find_last_of(".[");
        path.resize(cut == std::string::npos ? 0 : cut);
    }
    return {};
}

/// With one cluster and no database, clients may ask for any database of that cluster.
void fill_in_database(tree& all)
{
    if (all.databases.empty() && all.clusters.size() == 1) {
        all.databases.push_back({.cluster = all.clusters.front().name});
    }
}

}  // namespace

loaded load_file(const std::string& path, const environment& variables)
{
    if (const auto fault = why_unreadable(path); !fault.empty()) {
        return {{}, {{path, {}, fault, "give the path of a file that Penstock's user may read"}}};
    }
    std::ifstream file{path, std::ios::binary};
    std::string text(largest_file + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > largest_file) {
        return {{}, {{path, {}, "the file is larger than 16 MiB", "is it the right one?"}}};
    }
    return load_text(text, path, variables);
}

loaded load_text(std::string_view toml, const std::string& file, const environment& variables)
{
    loaded out;
    reading shared{file, std::filesystem::path{file}.parent_path().string(), variables};
    if (const auto document = parse_document(toml, file, shared.faults)) {
        section_reader top{shared, &*document, {}};
        schema::visit(top, out.settings);
        top.finish();
        fill_in_database(out.settings);
        derive(out.settings);
        validate(out.settings, [&shared](const std::string& path, std::string sentence, std::string remedy) {
            if (!shared.faulty.contains(path)) {
                shared.add(place_of(shared, path), std::move(sentence), std::move(remedy));
            }
        });
        for (auto& fault : userlist_faults(out.settings)) {
            shared.faults.push_back(std::move(fault));
        }
    }
    out.faults = std::move(shared.faults);
    std::stable_sort(out.faults.begin(), out.faults.end(), [&file](const fault& left, const fault& right) {
        return std::pair{left.file != file, left.where} < std::pair{right.file != file, right.where};
    });
    return out;
}

fault_list check(const std::string& path)
{
    return load_file(path).faults;
}

}  // namespace penstock::settings
