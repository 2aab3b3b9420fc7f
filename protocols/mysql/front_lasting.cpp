// SPDX-License-Identifier: Apache-2.0
//
// What outlasts COM_RESET_CONNECTION: roles, resource groups, and what servers have written down of statements.
//
// Products reset neither, so a connection that has another session's cannot be cleaned, only closed; and a session that
// resets itself keeps them. SET says so in its text. Code that nobody looks into (stored, or prepared of a string) may
// set a role, too, of which servers tell nothing they would not tell of much else: behind a reset such a connection is
// asked whether its role is the one that its login gave it. Sessions need not wait for that, and it stays in use.
//
// Profiles and optimizer traces have the texts of statements, literals and all. Of them MySQL forgets the former with a
// reset and MariaDB the latter. Connections that have written any down serve nobody else.
#include "protocols/mysql/front.hpp"

#include "protocols/wire/parameter_set.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

constexpr std::uint16_t er_parse_error = 1064, er_invalid_role = 1959, er_no_such_function = 1305;

/// What these pin for may have run code that has set a role.
constexpr pin_set hiding()
{
    pin_set all;
    for (const auto each :
         {pin_reason::opaque, pin_reason::sql_prepare, pin_reason::large_statement, pin_reason::state_change}) {
        all.add(each);
    }
    return all;
}

/// MariaDB goes through a list up to what fails there, after it has looked at all of it.
bool has_begun(const expected_reply& reply, const back& server)
{
    const bool is_refused = reply.error_code == er_parse_error || reply.error_code == er_invalid_role;
    return !reply.failed || reply.effects->statements > 1 || (server.is_mariadb() && !is_refused);
}

/// Variables by which a session has its statements written down.
bool is_recording(std::string_view name)
{
    return name == "profiling" || name == "optimizer_trace";
}

/// The text has told of one that no report does: it is back by now, or MariaDB is silent about "@@name =".
bool has_recorded(const text_effects& effects)
{
    return std::any_of(effects.for_one.begin(), effects.for_one.end(), is_recording) ||
           (effects.statements > 1 && std::any_of(effects.unscoped.begin(), effects.unscoped.end(), is_recording));
}

}  // namespace

void front::note_lasting(const expected_reply& reply, back& server)
{
    if (reply.effects && !reply.effects->lasting.empty() && has_begun(reply, server)) {
        pins_.add(reply.effects->lasting);
        server.lasting.add(reply.effects->lasting);
    }
    if (reply.effects && has_recorded(*reply.effects)) {
        pins_.add(pin_reason::unknown_setting);
        server.lasting.add(pin_reason::unknown_setting);
    }
    if (!pins_.common_with(hiding()).empty()) {
        server.may_have_role = true;
        store_.note_code();
    }
}

/// True where it was one of those. They are not carried: what they are for is on this server only.
bool front::note_recording(const session_change& change, const expected_reply& during, back& server)
{
    if (!is_recording(lower_case(change.name))) {
        return false;
    }
    const bool is_off = change.value == "OFF" || change.value == "0" || change.value.starts_with("enabled=off");
    const bool may_have_been_on = during.effects && runs_code(*during.effects, server);
    if (!is_off || may_have_been_on) {
        pins_.add(pin_reason::unknown_setting);
        server.lasting.add(pin_reason::unknown_setting);
    }
    return true;
}

/// The client has reset its session.
void front::keep_lasting(const back& server)
{
    pins_.add(server.lasting);
    asks_role_ = server.may_have_role && !pins_.has(pin_reason::role);
}

/// One column: nothing on MariaDB and 'NONE' on MySQL where there is none.
void front::on_role(bytes row, const expected_reply& during, back& server)
{
    constexpr std::string_view none = "4E4F4E45";
    wire_reader answer{row};
    const auto role = answer.nullable_string().value_or("");
    learn_role(role == none ? bytes{} : bytes{role}, during.why, server);
}

/// Servers that do not know the question know no roles.
void front::on_role_asked(const expected_reply& reply, back& server)
{
    if (!reply.failed) {
        return;
    }
    if (reply.error_code == er_no_such_function || reply.error_code == er_parse_error) {
        learn_role({}, reply.why, server);
    } else if (reply.why == purpose::check_role) {
        server.must_close = true;
    } else if (server.may_have_role) {
        pins_.add(pin_reason::role);
        server.lasting.add(pin_reason::role);
    }
}

/// Where it is not known what the login gave, it is taken to have been none.
void front::learn_role(std::string_view role, purpose why, back& server)
{
    if (!server.may_have_role) {
        server.login_role = role;
    } else if (role == server.login_role.value_or("")) {
        server.may_have_role = false;
    } else if (why == purpose::check_role) {
        server.must_close = true;
    } else {
        pins_.add(pin_reason::role);
        server.lasting.add(pin_reason::role);
    }
}

}  // namespace penstock::mysql
