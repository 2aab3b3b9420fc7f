// SPDX-License-Identifier: Apache-2.0
//
// Makes certificates for tests of TLS, by OpenSSL, in a folder that goes with the object.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace penstock::net::testing {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const
    {
        Free(object);
    }
};
using key_pointer = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_pointer = std::unique_ptr<X509, freed_by<X509_free>>;

/// What a test wants of a certificate. An authority signs itself.
struct certificate_wish {
    std::string common_name;
    std::string alternative_names{};  ///< as OpenSSL writes them: "DNS:db.example,IP:127.0.0.1"
    bool is_authority = false;
    bool expired = false;
    const EVP_MD* signature_hash = EVP_sha256();  ///< nullptr for keys that hash by themselves
    const char* key_type = "EC";
};

struct signed_certificate {
    key_pointer key;
    certificate_pointer certificate;
};

/// A folder of PEM files.
class certificate_folder {
public:
    certificate_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "penstock-tls-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~certificate_folder() { std::filesystem::remove_all(path_); }
    certificate_folder(const certificate_folder&) = delete;
    certificate_folder& operator=(const certificate_folder&) = delete;

    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

    /// Makes name.crt and name.key, signed by `issuer` or by itself.
    signed_certificate make(const std::string& name,
                            const certificate_wish& wish,
                            const signed_certificate* issuer = nullptr) const
    {
        auto made = sign(wish, issuer);
        write(file(name + ".crt"), [&](FILE* out) { return PEM_write_X509(out, made.certificate.get()); });
        write(file(name + ".key"), [&](FILE* out) {
            return PEM_write_PrivateKey(out, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
        return made;
    }

    void write_text(const std::string& name, const std::string& text) const
    {
        write(file(name), [&](FILE* out) { return std::fputs(text.c_str(), out) >= 0 ? 1 : 0; });
    }

private:
    template <class Writer>
    static void write(const std::string& path, Writer writer)
    {
        const std::unique_ptr<FILE, freed_by<std::fclose>> out{std::fopen(path.c_str(), "w")};
        if (!out || writer(out.get()) != 1) {
            throw std::runtime_error{"cannot write " + path};
        }
    }

    static key_pointer make_key(const std::string& type)
    {
        if (type == "EC") {
            return key_pointer{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
        }
        if (type == "ED25519") {
            return key_pointer{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
        }
        return key_pointer{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})};
    }

    static void extend(X509* certificate, int what, const std::string& value)
    {
        const std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>> extension{
            X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str())};
        X509_add_ext(certificate, extension.get(), -1);
    }

    static signed_certificate sign(const certificate_wish& wish, const signed_certificate* issuer)
    {
        static long serial = 0;
        signed_certificate made{make_key(wish.key_type), certificate_pointer{X509_new()}};
        auto* certificate = made.certificate.get();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(certificate), wish.expired ? -7200 : -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), wish.expired ? -3600 : 3600);
        X509_set_pubkey(certificate, made.key.get());
        X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate),
                                   NID_commonName,
                                   MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(wish.common_name.data()),
                                   static_cast<int>(wish.common_name.size()),
                                   -1,
                                   0);
        const auto& signer = issuer != nullptr ? *issuer : made;
        X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
        if (wish.is_authority) {
            extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
        }
        if (!wish.alternative_names.empty()) {
            extend(certificate, NID_subject_alt_name, wish.alternative_names);
        }
        if (X509_sign(certificate, signer.key.get(), wish.signature_hash) == 0) {
            throw std::runtime_error{"cannot sign " + wish.common_name};
        }
        return made;
    }

    std::filesystem::path path_;
};

}  // namespace penstock::net::testing
