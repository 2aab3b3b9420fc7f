// SPDX-License-Identifier: Apache-2.0
//
// MariaDB Connector/C, the library under mysqlclient, ruby-mysql2 and many more: the parts of the protocol that few
// other drivers use, among them cursors, long data, COM_FIELD_LIST, COM_STATISTICS, session tracking and changing the
// user. Prints "ok <what>" or "not ok <what>: <why>".

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <mysql.h>

namespace {

struct account {
    std::string user, password, host, database;
    unsigned port;
};

using connection = std::unique_ptr<MYSQL, decltype(&mysql_close)>;
using statement = std::unique_ptr<MYSQL_STMT, decltype(&mysql_stmt_close)>;
using rows = std::vector<std::vector<std::string>>;

int failed = 0;
account us;

std::string unescaped(const std::string& text)
{
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%') {
            result += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else {
            result += text[at];
        }
    }
    return result;
}

account read_account(const std::string& url)
{
    const auto user = url.find("://") + 3, password = url.find(':', user), host = url.find('@', password),
               port = url.find(':', host), path = url.find('/', port);
    return {unescaped(url.substr(user, password - user)),
            unescaped(url.substr(password + 1, host - password - 1)),
            url.substr(host + 1, port - host - 1),
            url.substr(path + 1),
            static_cast<unsigned>(std::stoi(url.substr(port + 1, path - port - 1)))};
}

void expect(bool claim, const std::string& what)
{
    if (!claim)
        throw std::runtime_error(what);
}

template <typename Value>
void expect_equal(const Value& found, const Value& expected)
{
    if (!(found == expected))
        throw std::runtime_error("a value is not the expected one");
}

void check(const std::string& name, const std::function<void()>& what)
{
    try {
        what();
        std::cout << "ok " << name << std::endl;
    } catch (const std::exception& error) {
        ++failed;
        std::cout << "not ok " << name << ": " << error.what() << std::endl;
    }
}

connection connect(const std::function<void(MYSQL*)>& prepare = {}, unsigned long flags = CLIENT_MULTI_STATEMENTS)
{
    connection link{mysql_init(nullptr), &mysql_close};
    mysql_options(link.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options4(link.get(), MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "connector-c-check");
    if (prepare)
        prepare(link.get());
    if (!mysql_real_connect(link.get(),
                            us.host.c_str(),
                            us.user.c_str(),
                            us.password.c_str(),
                            us.database.c_str(),
                            us.port,
                            nullptr,
                            flags))
        throw std::runtime_error(mysql_error(link.get()));
    return link;
}

rows fetch(MYSQL* link)
{
    rows found;
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result{mysql_store_result(link), &mysql_free_result};
    expect(result || mysql_field_count(link) == 0, mysql_error(link));
    while (const auto row = result ? mysql_fetch_row(result.get()) : nullptr) {
        const auto lengths = mysql_fetch_lengths(result.get());
        auto& values = found.emplace_back();
        for (unsigned column = 0; column < mysql_num_fields(result.get()); ++column)
            values.push_back(row[column] ? std::string(row[column], lengths[column]) : "NULL");
    }
    return found;
}

rows query(MYSQL* link, const std::string& sql)
{
    expect(mysql_real_query(link, sql.data(), sql.size()) == 0, mysql_error(link));
    return fetch(link);
}

std::string value(MYSQL* link, const std::string& sql)
{
    return query(link, sql).at(0).at(0);
}

statement prepare(MYSQL* link, const std::string& sql)
{
    statement made{mysql_stmt_init(link), &mysql_stmt_close};
    expect(mysql_stmt_prepare(made.get(), sql.data(), sql.size()) == 0, mysql_stmt_error(made.get()));
    return made;
}

MYSQL_BIND bind_number(int& number)
{
    MYSQL_BIND bind{};
    bind.buffer_type = MYSQL_TYPE_LONG;
    bind.buffer = &number;
    return bind;
}

void execute(MYSQL_STMT* made)
{
    expect(mysql_stmt_execute(made) == 0, mysql_stmt_error(made));
}

/// Sum of the one column that an executed statement gives.
long sum_of(MYSQL_STMT* made)
{
    int number = 0;
    long sum = 0;
    auto result = bind_number(number);
    expect(mysql_stmt_bind_result(made, &result) == 0, mysql_stmt_error(made));
    while (mysql_stmt_fetch(made) == 0)
        sum += number;
    expect(mysql_stmt_errno(made) == 0, mysql_stmt_error(made));
    mysql_stmt_free_result(made);
    return sum;
}

const std::string thousand =
    "with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n";

void repeated_execution(MYSQL* link)
{
    const auto made = prepare(link, "select cast(? as signed) * 2");
    int number = 0;
    auto bind = bind_number(number);
    mysql_stmt_bind_param(made.get(), &bind);
    for (number = 0; number < 50; ++number) {
        execute(made.get());
        expect_equal(sum_of(made.get()), 2L * number);
    }
    expect(mysql_stmt_reset(made.get()) == 0, "reset");
    execute(made.get());
    expect_equal(sum_of(made.get()), 100L);
}

void cursor(MYSQL* link)
{
    const auto made = prepare(link, thousand);
    unsigned long type = CURSOR_TYPE_READ_ONLY, portion = 70;
    mysql_stmt_attr_set(made.get(), STMT_ATTR_CURSOR_TYPE, &type);
    mysql_stmt_attr_set(made.get(), STMT_ATTR_PREFETCH_ROWS, &portion);
    execute(made.get());
    expect_equal(sum_of(made.get()), 499500L);
}

void two_cursors_at_once(MYSQL* link)
{
    const auto left = prepare(link, thousand), right = prepare(link, "select 5 union all select 6");
    unsigned long type = CURSOR_TYPE_READ_ONLY;
    mysql_stmt_attr_set(left.get(), STMT_ATTR_CURSOR_TYPE, &type);
    mysql_stmt_attr_set(right.get(), STMT_ATTR_CURSOR_TYPE, &type);
    execute(left.get());
    execute(right.get());
    expect_equal(sum_of(right.get()), 11L);
    expect_equal(value(link, "select 3"), std::string{"3"});
    expect_equal(sum_of(left.get()), 499500L);
}

void long_data(MYSQL* link)
{
    const auto made = prepare(link, "select length(?)");
    MYSQL_BIND bind{};
    bind.buffer_type = MYSQL_TYPE_LONG_BLOB;
    mysql_stmt_bind_param(made.get(), &bind);
    const std::string piece(100000, 'x');
    for (int count = 0; count < 30; ++count)
        expect(mysql_stmt_send_long_data(made.get(), 0, piece.data(), piece.size()) == 0, mysql_stmt_error(made.get()));
    execute(made.get());
    expect_equal(sum_of(made.get()), 3000000L);
}

void several_statements(MYSQL* link)
{
    query(link, "drop table if exists c_t");
    expect_equal(
        query(link, "select 1; create table c_t(x int primary key); insert into c_t values (4); select x from c_t"),
        rows{{"1"}});
    expect(mysql_next_result(link) == 0 && fetch(link).empty(), "the second");
    expect(mysql_next_result(link) == 0 && fetch(link).empty() && mysql_affected_rows(link) == 1, "the third");
    expect(mysql_next_result(link) == 0, "the fourth");
    expect_equal(fetch(link), rows{{"4"}});
    expect(mysql_next_result(link) == -1, "no more");
}

void error_among_several(MYSQL* link)
{
    expect_equal(query(link, "select 1; select * from nowhere; select 3"), rows{{"1"}});
    expect(mysql_next_result(link) > 0 && mysql_errno(link) == 1146, "the error");
    expect_equal(value(link, "select 2"), std::string{"2"});
}

void multi_statements_off_and_on(MYSQL* link)
{
    expect(mysql_set_server_option(link, MYSQL_OPTION_MULTI_STATEMENTS_OFF) == 0, mysql_error(link));
    expect(mysql_query(link, "select 1; select 2") != 0 && mysql_errno(link) == 1064, "they must be refused");
    expect(mysql_set_server_option(link, MYSQL_OPTION_MULTI_STATEMENTS_ON) == 0, mysql_error(link));
    several_statements(link);
}

void warnings(MYSQL* link)
{
    query(link, "select cast('12x' as signed)");
    expect(mysql_warning_count(link) == 1, "one warning");
    expect_equal(query(link, "show warnings").at(0).at(1), std::string{"1292"});
}

void fields(MYSQL* link)
{
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> list{mysql_list_fields(link, "c_t", nullptr),
                                                                        &mysql_free_result};
    expect(list != nullptr, mysql_error(link));
    expect(mysql_num_fields(list.get()) == 1 && std::strcmp(mysql_fetch_field(list.get())->name, "x") == 0, "column x");
}

void user_changes(MYSQL* link)
{
    query(link, "set @mine = 5");
    expect(mysql_change_user(link, us.user.c_str(), us.password.c_str(), "other") == 0, mysql_error(link));
    expect_equal(query(link, "select database(), @mine"), rows{{"other", "NULL"}});
    expect(mysql_change_user(link, us.user.c_str(), "wrong", "other") != 0 && mysql_errno(link) == 1045,
           "a wrong password");
}

void resets(MYSQL* link)
{
    query(link, "set @mine = 5, time_zone = '+02:00'");
    expect(mysql_reset_connection(link) == 0, mysql_error(link));
    expect_equal(query(link, "select @mine, @@time_zone"), rows{{"NULL", "+00:00"}});
}

/// Every value that the last OK packet told of one kind of change.
std::vector<std::string> tracked(MYSQL* link, enum_session_state_type kind)
{
    std::vector<std::string> found;
    const char* data = nullptr;
    std::size_t length = 0;
    for (int end = mysql_session_track_get_first(link, kind, &data, &length); !end;
         end = mysql_session_track_get_next(link, kind, &data, &length))
        found.emplace_back(data, length);
    return found;
}

void session_tracking(MYSQL* link)
{
    query(link, "set session_track_schema = 1, session_track_system_variables = 'time_zone,autocommit'");
    query(link, "use other");
    expect_equal(tracked(link, SESSION_TRACK_SCHEMA), {"other"});
    query(link, "set time_zone = '+03:00'");
    expect_equal(tracked(link, SESSION_TRACK_SYSTEM_VARIABLES), {"time_zone", "+03:00"});
    query(link, "use app");
}

void attributes(MYSQL* link)
{
    expect_equal(value(link,
                       "select attr_value from performance_schema.session_account_connect_attrs where processlist_id = "
                       "connection_id() "
                       "and attr_name = 'program_name'"),
                 std::string{"connector-c-check"});
}

void compression()
{
    const auto link = connect([](MYSQL* made) { mysql_options(made, MYSQL_OPT_COMPRESS, nullptr); });
    expect(value(link.get(), "select repeat('x', 20000000)").size() == 20000000, "a large value");
    expect_equal(value(link.get(), "select length('" + std::string(300000, 'y') + "')"), std::string{"300000"});
}

void local_files_only_if_allowed()
{
    const auto refusing = connect([](MYSQL* made) {
        unsigned off = 0;
        mysql_options(made, MYSQL_OPT_LOCAL_INFILE, &off);
    });
    expect(mysql_query(refusing.get(), "load data local infile 'nowhere' into table c_t") != 0, "it must be refused");
}

void capabilities_asked_for()
{
    const auto found_rows = connect({}, CLIENT_FOUND_ROWS);
    query(found_rows.get(), "update c_t set x = 4 where x = 4");
    expect(mysql_affected_rows(found_rows.get()) == 1, "found rows");
    const auto ignoring_spaces = connect({}, CLIENT_IGNORE_SPACE);
    expect_equal(value(ignoring_spaces.get(), "select count (*) from c_t"), std::string{"1"});
    const auto changed_rows = connect({}, 0);
    query(changed_rows.get(), "update c_t set x = 4 where x = 4");
    expect(mysql_affected_rows(changed_rows.get()) == 0, "changed rows");
}

void packets_around_16_mib(MYSQL* link)
{
    for (int length : {0xfffffe, 0xffffff, 0x1000000, 0x1fffffe}) {
        const std::string head = "select length('", tail = "')";
        const auto filling =
            static_cast<std::size_t>(length) - head.size() - tail.size() - 1;  // one byte is the command's
        expect_equal(value(link, head + std::string(filling, 'x') + tail), std::to_string(filling));
    }
    for (int length : {0xfffffa, 0xfffffb, 0xfffffc, 0xffffff, 0x1000000})  // a row has four bytes before the value
        expect(value(link, "select repeat('x', " + std::to_string(length) + ")").size() ==
                   static_cast<std::size_t>(length),
               "a value");
}

void all_checks()
{
    const auto link = connect();
    check("connects", [&] { expect(value(link.get(), "select current_user()").starts_with("app@"), "the user"); });
    check("sees the server's version",
          [&] { expect_equal(std::string(mysql_get_server_info(link.get())), value(link.get(), "select version()")); });
    check("has the connection id it was told", [&] {
        expect_equal(std::to_string(mysql_thread_id(link.get())), value(link.get(), "select connection_id()"));
    });
    check("executes again and again", [&] { repeated_execution(link.get()); });
    check("fetches by a cursor", [&] { cursor(link.get()); });
    check("holds two cursors", [&] { two_cursors_at_once(link.get()); });
    check("sends long data", [&] { long_data(link.get()); });
    check("sends several statements", [&] { several_statements(link.get()); });
    check("goes on after an error among several", [&] { error_among_several(link.get()); });
    check("turns several statements off and on", [&] { multi_statements_off_and_on(link.get()); });
    check("counts warnings", [&] { warnings(link.get()); });
    check("lists fields", [&] { fields(link.get()); });
    check("asks for statistics",
          [&] { expect(std::string(mysql_stat(link.get())).starts_with("Uptime"), mysql_error(link.get())); });
    check("pings", [&] { expect(mysql_ping(link.get()) == 0, mysql_error(link.get())); });
    check("selects a schema",
          [&] { expect(mysql_select_db(link.get(), "other") == 0 && mysql_select_db(link.get(), "app") == 0, "use"); });
    check("is told of its session's changes", [&] { session_tracking(link.get()); });
    if (std::getenv("SHARES_CONNECTIONS") == nullptr) {  // a server connection that many use speaks for none of them
        check("shows its attributes", [&] { attributes(link.get()); });
    }
    check("resets", [&] { resets(link.get()); });
    check("sends and reads packets around 16 MiB", [&] { packets_around_16_mib(link.get()); });
    check("compresses", compression);
    check("has the capabilities it asked for", capabilities_asked_for);
    check("loads local files only if allowed", local_files_only_if_allowed);
    check("changes its user", [] { user_changes(connect().get()); });
    query(link.get(), "drop table if exists c_t");
}

}  // namespace

int main()
{
    const char* url = std::getenv("DATABASE_URL");
    us = read_account(url ? url : "");
    check("everything", all_checks);
    return failed ? 1 : 0;
}
