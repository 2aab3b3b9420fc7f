// SPDX-License-Identifier: Apache-2.0
//
// What a finished TLS handshake tells the layers above it.
#pragma once

#include <string>

namespace penstock {

/// How a finished TLS handshake looks to the dialogue above it.
struct tls_facts {
    std::string version;                  ///< for example "TLSv1.3"
    std::string peer_common_name;         ///< of a verified peer certificate; empty where there is none
    std::string server_certificate_hash;  ///< tls-server-end-point (RFC 5929), of whichever side is the server
    std::string alpn;                     ///< the protocol agreed on; empty for none
};

}  // namespace penstock
