// SPDX-License-Identifier: Apache-2.0
//
// What we read from X.509 certificates: the channel binding hash and the common name.
#pragma once

#include <string>

struct x509_st;

namespace penstock::net {

/// tls-server-end-point of RFC 5929: the certificate's hash by its signature's own algorithm, SHA-256 instead of MD5
/// and SHA-1. Empty where the signature names no hash (Ed25519): such a certificate has no channel binding.
std::string end_point_hash(const x509_st* certificate);

/// The subject's common name; empty where there is none, or where it hides a zero octet to look like another.
std::string common_name(const x509_st* certificate);

/// OpenSSL's reason for its latest failure on this thread, in words; takes it off the thread's queue.
std::string openssl_reason();

}  // namespace penstock::net
