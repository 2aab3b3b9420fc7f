// SPDX-License-Identifier: Apache-2.0
//
// Reading of X.509 certificates by OpenSSL.
#include "net/certificate.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <system_error>

namespace penstock::net {

namespace {

struct openssl_freed {
    void operator()(unsigned char* text) const { OPENSSL_free(text); }
};

}  // namespace

std::string end_point_hash(const x509_st* certificate)
{
    int hash = NID_undef;
    // Asked for the signature's parameters and not just its name, since RSA-PSS keeps its hash there.
    if (certificate == nullptr ||
        X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr, nullptr, nullptr) != 1) {
        return {};
    }
    if (hash == NID_md5 || hash == NID_sha1) {
        hash = NID_sha256;
    }
    const EVP_MD* algorithm = EVP_get_digestbynid(hash);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (algorithm == nullptr || X509_digest(certificate, algorithm, digest.data(), &size) != 1) {
        return {};
    }
    return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string common_name(const x509_st* certificate)
{
    auto* subject = certificate != nullptr ? X509_get_subject_name(certificate) : nullptr;
    const int at = subject != nullptr ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    if (at < 0) {
        return {};
    }
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    const std::unique_ptr<unsigned char, openssl_freed> owned{text};
    if (size <= 0) {
        return {};
    }
    std::string name{reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
    return name.find('\0') == std::string::npos ? name : std::string{};
}

std::string openssl_reason()
{
    const auto code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) {
        return "no reason given";
    }
    if (ERR_SYSTEM_ERROR(code)) {
        return std::system_category().message(ERR_GET_REASON(code));
    }
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

}  // namespace penstock::net
