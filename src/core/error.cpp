// SPDX-License-Identifier: Apache-2.0
#include "core/error.hpp"

namespace penstock {

std::string_view name_of(error_kind kind)
{
    switch (kind) {
        case error_kind::protocol_violation: return "protocol_violation";
        case error_kind::unsupported_feature: return "unsupported_feature";
        case error_kind::invalid_authorization: return "invalid_authorization";
        case error_kind::wrong_password: return "wrong_password";
        case error_kind::unknown_database: return "unknown_database";
        case error_kind::tls_required: return "tls_required";
        case error_kind::too_many_clients: return "too_many_clients";
        case error_kind::rate_limited: return "rate_limited";
        case error_kind::borrow_timeout: return "borrow_timeout";
        case error_kind::server_unavailable: return "server_unavailable";
        case error_kind::server_login_failed: return "server_login_failed";
        case error_kind::server_lost: return "server_lost";
        case error_kind::outcome_unknown: return "outcome_unknown";
        case error_kind::shutting_down: return "shutting_down";
        case error_kind::idle_timeout: return "idle_timeout";
        case error_kind::idle_transaction_timeout: return "idle_transaction_timeout";
        case error_kind::client_too_slow: return "client_too_slow";
        case error_kind::login_timeout: return "login_timeout";
        case error_kind::settings_not_applied: return "settings_not_applied";
        case error_kind::limit_exceeded: return "limit_exceeded";
        case error_kind::read_only_admin: return "read_only_admin";
        case error_kind::console_syntax: return "console_syntax";
        case error_kind::internal: return "internal";
    }
    return "internal";
}

}  // namespace penstock
