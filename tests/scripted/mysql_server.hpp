// SPDX-License-Identifier: Apache-2.0
//
// A MySQL server that a test plays: it takes everybody in, answers by a few simple rules, and errs as its plans say.
//
// The rules: "SELECT x" gives one row that holds x; texts with BAD fail; BEGIN, COMMIT and ROLLBACK do what they say;
// "SET name = value" is reported; INSERT is refused where it takes no writes, and SELECT where it breaks reads
// off; LOAD DATA LOCAL asks for the file; several statements in a text give as many results; prepared statements give
// two rows, at once or by a cursor. Like scripted_server it listens on a Unix socket without a name.
#pragma once

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/reply_follower.hpp"
#include "tests/scripted/peer_socket.hpp"
#include "tests/scripted/played_server.hpp"
#include "tests/scripted/scripted_server.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

class mysql_server_end {
public:
    mysql_server_end(int descriptor, server_plan plan, mysql::capability_flags offered);

    /// It takes no writes.
    bool read_only = false;
    std::uint16_t breaks_off = 0;  ///< the error that reads end in

    bool serve();
    bool resume();
    /// From what it says next on.
    void follow(server_plan plan);
    void close() { wire_.close(); }
    [[nodiscard]] bool is_open() const { return wire_.is_open(); }
    /// What it has said since its login.
    [[nodiscard]] const std::string& said() const { return said_; }
    /// Packets received since then, whole, in order.
    [[nodiscard]] const std::string& heard() const { return heard_; }
    /// Its session is as after a login: no transaction, no variable of anybody's.
    [[nodiscard]] bool is_clean() const { return (status_ & 1U) == 0 && !has_temporary_; }

private:
    enum class state : std::uint8_t { response, ready, file };

    bool take();
    void take_command(std::string_view payload);
    std::string answer_text(std::string_view text);
    std::string statement(std::string_view text, bool more);
    std::string on_statement(mysql::command what, std::string_view payload);
    void packet(std::string& out, std::string_view payload);
    void ok(std::string& out, bool more = false, std::string_view changes = {});
    void end_rows(std::string& out, std::uint16_t more_status = 0);
    void column(std::string& out, std::string_view name);
    void say(std::string_view octets);
    void err();

    peer_socket wire_;
    server_plan plan_;
    mysql::capability_flags offered_;
    mysql::capability_flags agreed_ = 0;
    state state_ = state::response;
    std::uint8_t number_ = 0;
    std::uint16_t status_ = 2;
    std::uint32_t statements_ = 0;
    bool has_temporary_ = false;
    std::string said_;
    std::string heard_;
    std::string withheld_;
    bool counting_ = false;
    bool erred_ = false;
};

class mysql_server final : public played_server {
public:
    explicit mysql_server(bool deprecates_eof = true);
    ~mysql_server() override { mysql_server::stop(); }

    [[nodiscard]] const net::endpoint& where() const override { return where_; }
    bool serve() override;
    void stop() override;
    bool resume();
    void plan(server_plan next) { plans_.push_back(std::move(next)); }
    void forget_plans() { plans_.clear(); }
    [[nodiscard]] std::size_t open_connections() const;
    [[nodiscard]] mysql_server_end& last() { return *connections.back(); }

    std::vector<std::unique_ptr<mysql_server_end>> connections{};
    bool refuses_writes = false;  ///< on connections from now on

private:
    int listener_;
    net::endpoint where_{};
    std::deque<server_plan> plans_;
    bool deprecates_eof_;
};

}  // namespace penstock::test
