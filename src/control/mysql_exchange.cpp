// SPDX-License-Identifier: Apache-2.0
//
// Everything that belongs to one exchange is in `exchange`; each step reads packets in turn and remembers the first
// fault, after which nothing more is read.
#include "control/mysql_exchange.hpp"

#include "control/mysql_text.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::control {
namespace {

using mysql::command;

/// Whether a step was the last one of its kind.
enum class progress : std::uint8_t {
    goes_on,
    ended,
};

struct exchange {
    dialogue& line;
    mysql::capability_flags agreed = 0;
    std::uint8_t sequence = 0;
    std::size_t octets = 0;  ///< received for this answer
    bool is_binary = false;
    std::vector<mysql_column> columns{};  ///< of the result under way
    bool has_rows = false;                ///< the answer has the rows of the first result; later ones are dropped
    bool more_results = false;
    mysql_reply reply{};

    [[nodiscard]] bool failed() const { return !reply.answer.fault.empty(); }
    [[nodiscard]] bool ends_by_ok() const { return mysql::has(agreed, mysql::capability::deprecate_eof); }
};

/// A fault after which the connection is of no use.
void break_off(exchange& now, std::string sentence)
{
    now.reply.answer = {};
    now.reply.answer.fault = std::move(sentence);
    now.reply.broken = true;
}

void take_refusal(exchange& now, bytes payload)
{
    const auto refusal = mysql::decode_err(payload);
    if (!refusal) {
        return break_off(now, "the server sent a malformed error");
    }
    now.reply.answer = {};
    now.reply.answer.fault = one_line(refusal->message);
    if (now.reply.answer.fault.empty()) {
        now.reply.answer.fault = "the server refused the query without a reason";
    }
    now.reply.answer.sqlstate = refusal->sqlstate.empty() ? "HY000" : std::string{refusal->sqlstate};
    now.reply.answer.error_number = refusal->code;
}

void send_command(exchange& now, command which, bytes body)
{
    std::string payload{static_cast<char>(which)};
    payload.append(body);
    now.sequence = mysql::append_packet(now.line.output(), 0, payload);
}

/// The next packet, whole and not empty; an empty view where there is a fault. ERR packets are faults too.
conversation<bytes> next_packet(exchange& now)
{
    const auto packet = co_await mysql::read_login_packet(now.line, now.sequence++, most_mysql_octets);
    now.octets += packet.payload.size();
    using state = mysql::login_packet::state;
    if (packet.how == state::too_long || now.octets > most_mysql_octets) {
        break_off(now, "the server's answer is larger than expected");
    } else if (packet.how == state::gone) {
        break_off(now, "the server closed the connection");
    } else if (packet.how == state::out_of_order || packet.payload.empty()) {
        break_off(now, "the server answered with packets that are not in order");
    } else if (mysql::is_err(packet.payload)) {
        take_refusal(now, packet.payload);
    }
    co_return now.failed() ? bytes{} : packet.payload;
}

bool read_column(bytes payload, mysql_column& column)
{
    constexpr std::uint16_t unsigned_flag = 0x20;
    constexpr std::size_t longest_name = 1024;
    mysql::wire_reader in{payload};
    for (int part = 0; part < 4; ++part) {  // catalog, schema, table, table's own name
        static_cast<void>(in.lenenc_string());
    }
    const auto name = in.lenenc_string();
    static_cast<void>(in.lenenc_string());  // the column's own name
    in.lenenc();                            // length of what follows
    in.skip(2 + 4);                         // character set, width
    column.name = name.substr(0, longest_name);
    column.type = in.u8();
    column.is_unsigned = (in.u16() & unsigned_flag) != 0;
    in.skip(1 + 2);  // decimals, filler
    return !in.failed();
}

/// Definitions of columns or parameters, and the EOF packet behind them where there is one.
conversation<progress> read_columns(exchange& now, std::size_t count)
{
    now.columns.clear();
    for (std::size_t place = 0; place < count; ++place) {
        const auto payload = co_await next_packet(now);
        mysql_column column;
        if (!now.failed() && !read_column(payload, column)) {
            break_off(now, "the server sent a malformed column definition");
        }
        if (now.failed()) {
            co_return progress::ended;
        }
        now.columns.push_back(std::move(column));
    }
    if (count > 0 && !now.ends_by_ok()) {
        const auto payload = co_await next_packet(now);
        if (!now.failed() && !mysql::decode_eof(payload)) {
            break_off(now, "the server sent no end of the column definitions");
        }
    }
    co_return now.failed() ? progress::ended : progress::goes_on;
}

bool read_text_row(bytes payload, std::size_t columns, sql_row& row)
{
    mysql::wire_reader in{payload};
    for (std::size_t place = 0; place < columns && !in.failed(); ++place) {
        const auto value = in.nullable_string();
        row.push_back(value ? sql_value{std::string{*value}} : sql_value{});
    }
    return in.finished_cleanly();
}

bool read_binary_row(bytes payload, const std::vector<mysql_column>& columns, sql_row& row)
{
    constexpr std::size_t bits_before = 2;  // of the map of NULLs
    mysql::wire_reader in{payload};
    if (in.u8() != 0) {
        return false;
    }
    const auto nulls = in.take((columns.size() + bits_before + 7) / 8);
    for (std::size_t place = 0; place < columns.size() && !in.failed(); ++place) {
        const auto bit = place + bits_before;
        const bool is_null = (static_cast<unsigned char>(nulls[bit / 8]) >> (bit % 8) & 1) != 0;
        row.push_back(is_null ? sql_value{} : sql_value{binary_value(in, columns[place])});
    }
    return in.finished_cleanly();
}

/// What the packet that ends a result says of further ones.
bool take_end(exchange& now, bytes payload)
{
    std::optional<std::uint16_t> status;
    if (now.ends_by_ok()) {
        if (const auto ok = mysql::decode_ok(payload, now.agreed)) {
            status = ok->status;
        }
    } else if (const auto eof = mysql::decode_eof(payload)) {
        status = eof->status;
    }
    if (!status) {
        break_off(now, "the server sent a malformed end of its rows");
        return false;
    }
    now.more_results = (*status & mysql::server_status::more_results_exist) != 0;
    return true;
}

void take_row(exchange& now, bytes payload)
{
    sql_row row;
    const bool sound =
        now.is_binary ? read_binary_row(payload, now.columns, row) : read_text_row(payload, now.columns.size(), row);
    now.octets += row.size() * sizeof(sql_value);
    if (!sound) {
        break_off(now, "the server sent a malformed row");
    } else if (now.octets > most_mysql_octets || now.reply.answer.rows.size() >= most_mysql_rows) {
        break_off(now, "the server's answer is larger than expected");
    } else if (!now.has_rows) {
        now.reply.answer.rows.push_back(std::move(row));
    }
}

conversation<progress> read_rows(exchange& now)
{
    if (!now.has_rows) {
        now.reply.answer.columns.clear();
        for (const auto& column : now.columns) {
            now.reply.answer.columns.push_back(column.name);
        }
    }
    while (!now.failed()) {
        const auto payload = co_await next_packet(now);
        if (now.failed()) {
            break;
        }
        // No row can begin with the first octet of an end: such a value would be longer than a packet may be.
        if (static_cast<std::uint8_t>(payload[0]) == mysql::eof_header) {
            now.has_rows = take_end(now, payload);
            break;
        }
        take_row(now, payload);
    }
    co_return progress::ended;
}

/// One result: OK, or columns and rows.
conversation<progress> read_result(exchange& now)
{
    const auto payload = co_await next_packet(now);
    if (now.failed()) {
        co_return progress::ended;
    }
    const auto first = static_cast<std::uint8_t>(payload[0]);
    now.more_results = false;
    if (first == mysql::ok_header) {
        const auto ok = mysql::decode_ok(payload, now.agreed);
        if (!ok) {
            break_off(now, "the server sent a malformed OK packet");
        } else {
            now.more_results = (ok->status & mysql::server_status::more_results_exist) != 0;
        }
    } else if (first == mysql::local_infile_header) {
        break_off(now, "the server asked for a file of this host, which is never given");
    } else {
        mysql::wire_reader in{payload};
        const auto count = in.lenenc();
        if (!in.finished_cleanly() || count == 0) {
            break_off(now, "the server answered with something that is no rows");
        } else if (count > most_mysql_columns) {
            break_off(now, "the server's answer is larger than expected");
        } else if (co_await read_columns(now, static_cast<std::size_t>(count)) == progress::goes_on) {
            co_await read_rows(now);
        }
    }
    co_return now.more_results && !now.failed() ? progress::goes_on : progress::ended;
}

conversation<progress> read_results(exchange& now)
{
    auto step = progress::goes_on;
    while (step == progress::goes_on) {
        step = co_await read_result(now);
    }
    co_return progress::ended;
}

/// The numbers in the answer to a prepare.
struct prepared {
    std::uint32_t id = 0;
    std::size_t columns = 0;
    std::size_t parameters = 0;
};

std::optional<prepared> decode_prepared(bytes payload)
{
    mysql::wire_reader in{payload};
    prepared statement;
    const auto header = in.u8();
    statement.id = in.u32();
    statement.columns = in.u16();
    statement.parameters = in.u16();
    return header == mysql::ok_header && !in.failed() ? std::optional{statement} : std::nullopt;
}

/// Prepares and reads what describes the statement, up to the point where it can be executed.
conversation<std::optional<prepared>> prepare(exchange& now, const sql_query& query)
{
    send_command(now, command::stmt_prepare, query.text);
    const auto payload = co_await next_packet(now);
    if (now.failed()) {
        co_return std::nullopt;
    }
    const auto statement = decode_prepared(payload);
    if (!statement) {
        break_off(now, "the server sent a malformed answer to a prepare");
        co_return std::nullopt;
    }
    if (statement->columns > most_mysql_columns || statement->parameters > most_mysql_columns) {
        break_off(now, "the server's answer is larger than expected");
        co_return std::nullopt;
    }
    if (co_await read_columns(now, statement->parameters) == progress::ended ||
        co_await read_columns(now, statement->columns) == progress::ended) {
        co_return std::nullopt;
    }
    co_return statement;
}

/// Every value is bound as a string; the server converts where it must.
std::string encode_execute(const prepared& statement, const sql_query& query)
{
    constexpr std::uint8_t no_cursor = 0, new_types = 1, var_string = 0xfd;
    std::string body;
    mysql::wire_writer to{body};
    to.u32(statement.id).u8(no_cursor).u32(1);
    to.zeros((query.parameters.size() + 7) / 8).u8(new_types);
    for (std::size_t place = 0; place < query.parameters.size(); ++place) {
        to.u8(var_string).u8(0);
    }
    for (const auto& value : query.parameters) {
        to.lenenc_string(value);
    }
    return body;
}

void close_statement(exchange& now, const prepared& statement)
{
    std::string id;
    mysql::wire_writer{id}.u32(statement.id);
    send_command(now, command::stmt_close, id);  // has no answer
}

conversation<progress> ask_prepared(exchange& now, const sql_query& query)
{
    const auto statement = co_await prepare(now, query);
    if (!statement) {
        co_return progress::ended;
    }
    if (statement->parameters != query.parameters.size()) {
        now.reply.answer.fault = "the query has " + std::to_string(statement->parameters) + " parameters (?); " +
                                 std::to_string(query.parameters.size()) + " are given";
    } else {
        now.is_binary = true;
        const auto body = encode_execute(*statement, query);
        send_command(now, command::stmt_execute, body);
        co_await read_results(now);
    }
    if (!now.reply.broken) {
        close_statement(now, *statement);
    }
    co_return progress::ended;
}

}  // namespace

conversation<mysql_reply> ask_mysql(dialogue& line, sql_query query, mysql::capability_flags agreed)
{
    exchange now{.line = line, .agreed = agreed};
    if (query.parameters.empty()) {
        send_command(now, command::query, query.text);
        co_await read_results(now);
    } else {
        co_await ask_prepared(now, query);
    }
    co_return std::move(now.reply);
}

}  // namespace penstock::control
