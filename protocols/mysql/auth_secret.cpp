// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_secret.hpp"

#include "protocols/mysql/auth_ed25519.hpp"
#include "protocols/mysql/auth_native.hpp"

namespace penstock::mysql {

namespace {

constexpr std::string_view ed25519_prefix = "ed25519:";

}  // namespace

std::string_view name_of(auth_plugin plugin)
{
    switch (plugin) {
        case auth_plugin::native: return "mysql_native_password";
        case auth_plugin::caching_sha2: return "caching_sha2_password";
        case auth_plugin::ed25519: return "client_ed25519";
        case auth_plugin::clear_password: return "mysql_clear_password";
        case auth_plugin::sha256: return "sha256_password";
        case auth_plugin::unknown: break;
    }
    return "";
}

auth_plugin plugin_of(std::string_view name)
{
    for (const auto plugin : {auth_plugin::native,
                              auth_plugin::caching_sha2,
                              auth_plugin::ed25519,
                              auth_plugin::clear_password,
                              auth_plugin::sha256}) {
        if (name == name_of(plugin)) {
            return plugin;
        }
    }
    return auth_plugin::unknown;
}

std::optional<auth_plugin> stored_secret::only_plugin() const
{
    switch (kind) {
        case form::native: return auth_plugin::native;
        case form::sha2: return auth_plugin::caching_sha2;
        case form::ed25519: return auth_plugin::ed25519;
        case form::none:
        case form::clear: break;
    }
    return std::nullopt;
}

stored_secret parse_secret(std::string_view stored)
{
    stored_secret result;
    if (stored.empty()) {
        return result;
    }
    if (auto stage2 = parse_native(stored)) {
        result.kind = stored_secret::form::native;
        result.octets = std::move(*stage2);
    } else if (auto hash = parse_sha2(stored)) {
        result.kind = stored_secret::form::sha2;
        result.hash = std::move(*hash);
    } else if (stored.starts_with(ed25519_prefix)) {
        auto key = parse_ed25519(stored.substr(ed25519_prefix.size()));
        result.kind = key ? stored_secret::form::ed25519 : stored_secret::form::none;
        result.octets = key ? std::move(*key) : std::string{};
    } else {
        result.kind = stored_secret::form::clear;
        result.text = secret{stored};
    }
    return result;
}

}  // namespace penstock::mysql
