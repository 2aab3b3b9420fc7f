// SPDX-License-Identifier: Apache-2.0
//
// Where questions of our own go.
#include "control/monitor.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::control {

namespace {

std::vector<std::string> texts_of(const std::vector<net::endpoint>& endpoints)
{
    std::vector<std::string> texts;
    for (const auto& each : endpoints) {
        if (auto text = address_text(each); !text.empty()) {
            texts.push_back(std::move(text));
        }
    }
    return texts;
}

}  // namespace

sql_target aimed_at(const router::node& node, sql_target account)
{
    account.host = node.host;
    account.port = node.port;
    account.addresses = texts_of(node.endpoints);
    return account;
}

std::optional<sql_target> monitor::target_in(const router::cluster_view& view, sql_target account)
{
    const auto usable = [](const router::node& node) {
        const bool is_known = !node.found || node.role != router::node_role::unknown;
        return is_known && node.is_up() && !node.endpoints.empty();
    };
    if (const auto* primary = view.primary(); primary != nullptr && !primary->endpoints.empty()) {
        return aimed_at(*primary, std::move(account));
    }
    const auto other = std::find_if(view.nodes.begin(), view.nodes.end(), usable);
    if (other == view.nodes.end()) {
        return std::nullopt;
    }
    return aimed_at(*other, std::move(account));
}

}  // namespace penstock::control
