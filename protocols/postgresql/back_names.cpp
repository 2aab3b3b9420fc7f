// SPDX-License-Identifier: Apache-2.0
//
// Statements under the names that a client gives them, which SQL's EXECUTE and DEALLOCATE need.
//
// What was prepared by the protocol is prepared under that name, too. What was prepared by SQL is so again: its text is
// run as a portal of ours, since a simple query would end the batch that it may be in the middle of.
#include "protocols/postgresql/back.hpp"

#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

namespace {

/// Of our statement and portal; no client's name is like it.
constexpr std::string_view maker = "ps_00000000000000000000000000000000";

void append_named(std::string& out, char type, std::string_view before, std::string_view name, bytes after = {})
{
    const auto place = begin_frame(out, type);
    out.append(before).append(name).push_back('\0');
    out.append(after);
    end_frame(out, place);
}

}  // namespace

void back::name_statement(std::string_view name,
                          const statement_ptr& wanted,
                          front& client,
                          outbox& to_server,
                          outbox& to_client,
                          reply_disposition on_reply)
{
    if (own.may_hold(name)) {
        close_name(name, client, to_server, to_client);
    }
    if (!wanted) {
        return;
    }
    client.count_prepared(true);
    const auto expect = [&](reply_kind kind) {
        announce(expected_reply{kind, on_reply, purpose::name}, client, to_client);
    };
    own.insert(name, wanted, batch_);
    auto& out = to_server.made();
    expected_reply reply{reply_kind::parse, on_reply, purpose::name};
    reply.extra().own_name = name;
    reply.extra().own = wanted;
    if (wanted->origin == statement_origin::protocol) {
        append_parse(out, name, wanted->definition);
        announce(std::move(reply), client, to_client);
        return;
    }
    append_named(out, from_client::close, "S", maker);  // one that has failed may have left it
    expect(reply_kind::close);
    append_parse(out, maker, wanted->definition);
    expect(reply_kind::parse);
    append_named(out, from_client::bind, std::string{maker} + '\0', maker, bytes{"\0\0\0\0\0\0", 6});
    expect(reply_kind::bind);
    append_named(out, from_client::execute, {}, maker, bytes{"\0\0\0\0", 4});
    reply.kind = reply_kind::execute;
    announce(std::move(reply), client, to_client);
    append_named(out, from_client::close, "P", maker);
    expect(reply_kind::close);
    append_named(out, from_client::close, "S", maker);
    expect(reply_kind::close);
}

void back::close_name(std::string_view name, front& client, outbox& to_server, outbox& to_client)
{
    append_named(to_server.made(), from_client::close, "S", name);
    own.insert(name, nullptr, batch_);
    expected_reply reply{reply_kind::close, reply_disposition::swallow, purpose::name};
    reply.extra().own_name = name;
    announce(std::move(reply), client, to_client);
}

void back::end_naming(front& client, outbox& to_server, outbox& to_client)
{
    append_frame(to_server.made(), from_client::sync, {});
    announce(expected_reply{reply_kind::sync, reply_disposition::swallow, purpose::name}, client, to_client);
}

void back::doubt_own_name(const expected_reply& failed)
{
    if (!failed.extras->own_name.empty()) {
        own.doubt(failed.extras->own_name);
    }
}

}  // namespace penstock::postgresql
