// SPDX-License-Identifier: Apache-2.0
#include "settings/url.hpp"

#include "settings/lookup.hpp"
#include "settings/schema.hpp"
#include "settings/suggest.hpp"
#include "settings/validate.hpp"
#include "settings/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace penstock::settings {

namespace {

constexpr std::string_view encoding_advice =
    "in user and password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25";
constexpr std::string_view socket_folder = "/var/run/postgresql";  // where Debian's PostgreSQL has its socket
constexpr std::string_view system_authorities = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::string_view mysql_socket = "/run/mysqld/mysqld.sock";
constexpr auto parameter_names = std::to_array<std::string_view>({"host",
                                                                  "port",
                                                                  "user",
                                                                  "password",
                                                                  "dbname",
                                                                  "sslmode",
                                                                  "ssl",
                                                                  "sslrootcert",
                                                                  "sslcert",
                                                                  "sslkey",
                                                                  "application_name",
                                                                  "target_session_attrs",
                                                                  "connect_timeout",
                                                                  "options"});
constexpr auto session_attributes =
    std::to_array<std::string_view>({"any", "read-write", "read-only", "primary", "standby", "prefer-standby"});

constexpr auto mysql_parameter_names = std::to_array<std::string_view>({"host",
                                                                        "port",
                                                                        "user",
                                                                        "password",
                                                                        "database",
                                                                        "ssl-mode",
                                                                        "sslmode",
                                                                        "ssl-ca",
                                                                        "ssl-cert",
                                                                        "ssl-key",
                                                                        "charset",
                                                                        "connect_timeout"});
/// The names that MySQL's own programs have for the TLS modes.
constexpr auto mysql_tls_modes = std::to_array<schema::named<tls_mode>>({
    {"DISABLED", tls_mode::disable},
    {"PREFERRED", tls_mode::prefer},
    {"REQUIRED", tls_mode::require},
    {"VERIFY_CA", tls_mode::verify_ca},
    {"VERIFY_IDENTITY", tls_mode::verify_full},
});

/// What a URL's scheme stands for.
std::optional<engine> engine_of_scheme(std::string_view scheme)
{
    if (scheme == "postgres" || scheme == "postgresql") {
        return engine::postgresql;
    }
    return scheme == "mysql" || scheme == "mariadb" ? std::optional{engine::mysql} : std::nullopt;
}

/// The name that the reader knows a parameter by; MySQL's programs write some of them otherwise.
std::string known_as(const std::string& name, engine of)
{
    if (of == engine::mysql) {
        for (const auto& [theirs, ours] : {std::pair<std::string_view, std::string_view>{"ssl-mode", "sslmode"},
                                           {"ssl-ca", "sslrootcert"},
                                           {"ssl-cert", "sslcert"},
                                           {"ssl-key", "sslkey"},
                                           {"database", "dbname"}}) {
            if (name == theirs) {
                return std::string{ours};
            }
        }
    }
    return name;
}

int hex_digit(char digit)
{
    constexpr std::string_view digits = "0123456789abcdef";
    const auto lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const auto found = digits.find(lower);
    return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

/// The text without percent-encoding; nothing where an escape is malformed or stands for a zero octet.
std::optional<std::string> decoded(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        const auto high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
        const auto low = at + 2 < text.size() ? hex_digit(text[at + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            return std::nullopt;
        }
        out += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

/// The story of one URL, part by part.
class url_reader {
public:
    parsed_url read(std::string_view text);

private:
    void add(std::string sentence, std::string remedy)
    {
        out_.faults.push_back({{}, {}, std::move(sentence), std::move(remedy)});
    }
    std::optional<std::string> decode(std::string_view text, std::string_view what);
    void read_credentials(std::string_view text);
    void read_hosts(std::string_view text);
    void read_host(std::string_view text);
    void read_parameters(std::string_view text);
    void read_parameter(const std::string& written, const std::string& value);
    void refuse_parameter(const std::string& name);
    void read_sslmode(std::string_view value);
    void read_connect_timeout(std::string_view value);
    void set_hosts();
    void finish();

    parsed_url out_{};
    std::vector<std::string> hosts_{};
    std::vector<std::string> ports_{};
};

parsed_url url_reader::read(std::string_view text)
{
    const auto scheme_end = text.find("://");
    const auto scheme = text.substr(0, scheme_end);
    const auto meant = scheme_end == std::string_view::npos ? std::nullopt : engine_of_scheme(scheme);
    if (!meant) {
        add("the URL does not begin with postgres://, postgresql://, mysql:// or mariadb://",
            "write it as postgres://user:password@host:5432/database");
        return std::move(out_);
    }
    out_.url.engine = *meant;
    text.remove_prefix(scheme_end + 3);
    const auto question = text.find('?');
    const auto before = text.substr(0, question);
    const auto slash = before.find('/');
    const auto authority = before.substr(0, slash);
    const auto at = authority.rfind('@');
    const bool ended_early = at == std::string_view::npos && text.find('@') != std::string_view::npos &&
                             text.find("user=") == std::string_view::npos;
    if (ended_early || authority.find('@') != at) {
        add("the user or password in the URL holds a character that ends it", std::string{encoding_advice});
        return std::move(out_);
    }
    if (at != std::string_view::npos) {
        read_credentials(authority.substr(0, at));
    }
    read_hosts(authority.substr(at == std::string_view::npos ? 0 : at + 1));
    if (slash != std::string_view::npos) {
        out_.url.database = decode(before.substr(slash + 1), "database").value_or("");
    }
    if (question != std::string_view::npos) {
        read_parameters(text.substr(question + 1));
    }
    finish();
    return std::move(out_);
}

std::optional<std::string> url_reader::decode(std::string_view text, std::string_view what)
{
    auto plain = decoded(text);
    if (!plain) {
        add("the URL's " + std::string{what} + " holds a % that two hexadecimal digits (and not 00) do not follow",
            std::string{encoding_advice});
    }
    return plain;
}

void url_reader::read_credentials(std::string_view text)
{
    const auto colon = text.find(':');
    out_.url.user = decode(text.substr(0, colon), "user").value_or("");
    if (colon != std::string_view::npos) {
        out_.url.password = secret{decode(text.substr(colon + 1), "password").value_or("")};
    }
}

void url_reader::read_hosts(std::string_view text)
{
    if (text.empty()) {
        return;
    }
    for (const auto one : split(text, ',')) {
        read_host(one);
    }
}

void url_reader::read_host(std::string_view text)
{
    std::string_view host = text;
    std::string_view behind;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) {
            return add("an IPv6 address in the URL has no closing bracket", "write it as [::1]:5432");
        }
        host = text.substr(1, close - 1);
        behind = text.substr(close + 1);
        if (!behind.empty() && behind.front() != ':') {
            return add("something other than a port follows an IPv6 address in the URL", "write it as [::1]:5432");
        }
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        behind = text.substr(colon);
    }
    hosts_.push_back(decode(host, "host").value_or(""));
    ports_.emplace_back(behind.empty() ? behind : behind.substr(1));
}

void url_reader::read_parameters(std::string_view text)
{
    for (const auto one : split(text, '&')) {
        const auto equals = one.find('=');
        const auto name = decoded(one.substr(0, equals));
        if (!name || name->empty() || equals == std::string_view::npos) {
            add("a parameter of the URL has no name or no value", "write parameters as ?name=value&name=value");
        } else if (const auto value = decode(one.substr(equals + 1), "parameter " + *name)) {
            read_parameter(*name, *value);
        }
    }
}

void url_reader::read_parameter(const std::string& written, const std::string& value)
{
    auto& url = out_.url;
    const bool of_mysql = url.engine == engine::mysql;
    const auto name = known_as(written, url.engine);
    if (of_mysql && name == "charset") {
        return;  // each client's own
    }
    if (of_mysql &&
        std::find(mysql_parameter_names.begin(), mysql_parameter_names.end(), written) == mysql_parameter_names.end()) {
        return refuse_parameter(written);
    }
    if (name == "host" || name == "port") {
        auto& list = name == "host" ? hosts_ : ports_;
        list.clear();
        for (const auto one : split(value, ',')) {
            list.emplace_back(one);
        }
    } else if (name == "user") {
        url.user = value;
    } else if (name == "password") {
        url.password = secret{value};
    } else if (name == "dbname") {
        url.database = value;
    } else if (name == "sslmode") {
        read_sslmode(value);
    } else if (name == "ssl") {
        value == "true" ? read_sslmode("require") : add("ssl is not \"true\"", "use sslmode instead");
    } else if (name == "sslrootcert") {
        url.sslrootcert = value == "system" ? std::string{system_authorities} : value;
    } else if (name == "sslcert") {
        url.sslcert = value;
    } else if (name == "sslkey") {
        url.sslkey = value;
    } else if (name == "application_name") {
        url.application_name = value;
    } else if (name == "options") {
        url.options = value;
    } else if (name == "connect_timeout") {
        read_connect_timeout(value);
    } else if (name == "target_session_attrs") {
        if (std::find(session_attributes.begin(), session_attributes.end(), value) == session_attributes.end()) {
            add("target_session_attrs has a value that PostgreSQL does not know", "use \"any\" or \"read-write\"");
        }
    } else {
        refuse_parameter(written);
    }
}

void url_reader::refuse_parameter(const std::string& name)
{
    const auto close =
        out_.url.engine == engine::mysql ? closest(name, mysql_parameter_names) : closest(name, parameter_names);
    add("the URL's parameter \"" + name + "\" is not supported",
        close.empty() ? "remove it" : "did you mean \"" + std::string{close} + "\"?");
}

void url_reader::read_sslmode(std::string_view value)
{
    const auto is_meant = [value](const auto& one) { return one.name == value; };
    const auto found = std::find_if(schema::tls_modes.begin(), schema::tls_modes.end(), is_meant);
    const auto of_mysql = std::find_if(mysql_tls_modes.begin(), mysql_tls_modes.end(), is_meant);
    if (found != schema::tls_modes.end()) {
        out_.url.sslmode = found->value;
    } else if (out_.url.engine == engine::mysql && of_mysql != mysql_tls_modes.end()) {
        out_.url.sslmode = of_mysql->value;
    } else if (out_.url.engine == engine::mysql) {
        add("ssl-mode has a value that MySQL does not know",
            "use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY");
    } else {
        add("sslmode has a value that PostgreSQL does not know",
            "use disable, allow, prefer, require, verify-ca or verify-full");
    }
}

void url_reader::read_connect_timeout(std::string_view value)
{
    std::uint32_t whole_seconds = 0;
    const auto [rest, fault] = std::from_chars(value.data(), value.data() + value.size(), whole_seconds);
    if (fault != std::errc{} || rest != value.data() + value.size() || whole_seconds > 3600) {
        return add("connect_timeout is not a whole number of seconds up to 3600", "write connect_timeout=10");
    }
    out_.url.connect_timeout =
        whole_seconds == 0 ? schema::up_to_an_hour.most : seconds{whole_seconds};  // 0: wait for ever
}

void url_reader::set_hosts()
{
    const auto socket = std::string{out_.url.engine == engine::mysql ? mysql_socket : socket_folder};
    if (hosts_.empty()) {
        hosts_.push_back(socket);
    }
    if (ports_.size() > 1 && ports_.size() != hosts_.size()) {
        return add(
            "the URL names " + std::to_string(hosts_.size()) + " hosts and " + std::to_string(ports_.size()) + " ports",
            "give one port for each host, or one for all");
    }
    for (std::size_t index = 0; index < hosts_.size(); ++index) {
        const auto& written = ports_.empty() ? std::string{} : ports_[ports_.size() == 1 ? 0 : index];
        const auto port = written.empty() ? default_server_port(out_.url.engine) : parse_port(written).value_or(0);
        if (port == 0) {
            add("the port of host " + std::to_string(index + 1) + " in the URL is not a number from 1 to 65535",
                std::string{encoding_advice});
        }
        out_.url.hosts.push_back({hosts_[index].empty() ? socket : hosts_[index], port});
    }
}

void url_reader::finish()
{
    set_hosts();
    auto& url = out_.url;
    if (!out_.faults.empty()) {
        return;  // what is missing may be in the part that could not be read
    }
    if (url.user.empty()) {
        add("the URL names no user", "write it as postgres://user:password@host:5432/database");
    } else if (url.password.empty()) {
        add("the URL has no password, so clients could not be told from strangers",
            "write it as postgres://user:password@host/database, or use a configuration file");
    }
    if (url.database.empty() && url.engine == engine::postgresql) {
        url.database = url.user;  // as libpq does
    }
    for (const auto& [name, path] :
         {std::pair{"sslrootcert", &url.sslrootcert}, {"sslcert", &url.sslcert}, {"sslkey", &url.sslkey}}) {
        if (const auto fault = path->empty() ? std::string{} : why_unreadable(*path); !fault.empty()) {
            add(std::string{name} + " names a file that cannot be used: " + fault,
                "give the path of a file that Penstock's user may read");
        }
    }
}

std::string percent_encoded(std::string_view text)
{
    constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~*";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char octet : text) {
        if (unreserved.find(octet) != std::string_view::npos) {
            out += octet;
        } else {
            const auto value = static_cast<unsigned char>(octet);
            out += {'%', digits[value >> 4], digits[value & 15]};
        }
    }
    return out;
}

tree tree_of(const database_url& url)
{
    tree out;
    cluster_settings cluster;
    cluster.engine = url.engine;
    for (const auto& host : url.hosts) {
        cluster.nodes.push_back({host});
    }
    cluster.sslmode = url.sslmode.value_or(tls_mode::prefer);
    cluster.tls.ca_file = url.sslrootcert;
    cluster.tls.certificate_file = url.sslcert;
    cluster.tls.key_file = url.sslkey;
    cluster.application_name = url.application_name;
    cluster.options = url.options;
    cluster.monitor.user = url.user;
    cluster.monitor.password = url.password;
    cluster.monitor.database = url.database;
    out.clusters.push_back(std::move(cluster));
    out.databases.push_back({.name = url.database.empty() ? "*" : url.database});
    out.users.push_back({.name = url.user, .password = url.password});
    if (url.connect_timeout) {
        out.pool.limits.connect_timeout = *url.connect_timeout;
    }
    derive(out);
    return out;
}

}  // namespace

parsed_url parse_url(std::string_view text)
{
    return url_reader{}.read(text);
}

bool looks_like_url(std::string_view text)
{
    return text.find("://") != std::string_view::npos;
}

loaded from_url(std::string_view text)
{
    auto [url, faults] = parse_url(text);
    loaded out{{}, std::move(faults)};
    if (out.ok()) {
        out.settings = tree_of(url);
        validate(out.settings, [&out](const std::string&, std::string sentence, std::string remedy) {
            out.faults.push_back({{}, {}, std::move(sentence), std::move(remedy)});
        });
    }
    return out;
}

std::string client_url(const tree& all, engine of, std::string_view password)
{
    const auto& listening = all.listen.of(of);
    return client_url(all, of, password, listening.empty() ? address{} : listening.front());
}

std::string client_url(const tree& all, engine of, std::string_view password, const address& where)
{
    const auto user = all.users.empty() ? std::string{} : percent_encoded(all.users.front().name);
    const auto database = std::find_if(all.databases.begin(), all.databases.end(), [&](const auto& each) {
        return engine_of(all, each.cluster) == of;
    });
    const auto name = database == all.databases.end() ? std::string{} : database->name;
    std::string out =
        std::string{url_scheme(of)} + "://" + user + (password.empty() ? "" : ":" + percent_encoded(password)) + '@';
    out += where.is_unix()
               ? percent_encoded(where.host) + (where.port == 0 ? std::string{} : ':' + std::to_string(where.port))
               : where.text();
    return out + '/' + (name == "*" ? std::string{} : percent_encoded(name));
}

}  // namespace penstock::settings
