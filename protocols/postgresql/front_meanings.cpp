// SPDX-License-Identifier: Apache-2.0
//
// What a text means to the server that prepares it, and with whom a named statement is shared.
//
// PostgreSQL analyses a text once, when it is prepared: literals become values, and names what they stand for at that
// moment. So clients share a statement only where its text means the same to all of them. What decides is part of its
// digest: the settings that literals are read by, and how often a client of this process has changed what names stand
// for. Where that does not tell enough, the statement is private: its text mentions the moment, or the session has, or
// may have, temporary objects that hide others, or changes of its transaction that nobody else sees yet. A private
// statement costs its server a Parse of its own; it is closed with the client's name for it, or when the server has too
// many.
#include "protocols/postgresql/front.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// A quote, or a dollar that begins no parameter.
bool may_have_literals(std::string_view text)
{
    for (auto at = text.find_first_of("'$"); at != std::string_view::npos; at = text.find_first_of("'$", at + 1)) {
        const bool is_parameter = text[at] == '$' && at + 1 < text.size() && text[at + 1] >= '0' && text[at + 1] <= '9';
        if (!is_parameter) {
            return true;
        }
    }
    return false;
}

/// It may have made temporary objects, or set anything.
bool is_opaque(pin_set pins)
{
    return pins.has(pin_reason::temporary_object) || pins.has(pin_reason::opaque) ||
           pins.has(pin_reason::unknown_setting);
}

}  // namespace

bool front::may_make_temporary(const text_effects& effects)
{
    return effects.makes_temporary || is_opaque(effects.pins);
}

/// What decides, beside the lexical mode, what a text means to the server that prepares it.
std::string front::reading_of(bytes definition)
{
    const auto text = definition.substr(0, definition.find('\0'));
    std::string reading = parameters_.reading();
    if (may_have_literals(text)) {
        for (const auto* name : {"TimeZone", "DateStyle", "IntervalStyle"}) {
            reading.append(told(name)).push_back('\0');
        }
    }
    if (std::any_of(text.begin(), text.end(), [](char letter) { return static_cast<unsigned char>(letter) > 127; })) {
        reading.append(client_encoding()).push_back('\0');
    }
    return reading;
}

/// The named statement that a Parse makes.
statement_ptr front::intern(bytes definition)
{
    auto made = store_.intern(definition, mode_, reading_of(definition));
    if (made->effects && made->effects->has(name_use::executes)) {
        made = store_.intern(definition, mode_, reading_of(definition) + names_reading(*made->effects));
    }
    const bool is_own =
        made->is_of_its_moment || meaning_ != meaning::shared || is_opaque(pins_) || parameters_.is_reading_uncertain();
    return is_own ? statement_store::make_private(*made) : made;
}

/// temp_buffers can be set only on a connection that has not used them yet, whosever temporary objects they were for.
front_need front::leave_used_buffers(const text_effects& effects, back& server)
{
    if (!effects.sets_temp_buffers || !server.had_temporary || server.in_transaction() || server.is_unsynced() ||
        must_stay()) {
        return front_need::more;
    }
    return server.is_quiet() ? front_need::server : front_need::answers;
}

/// A request that was just sent, or is about to be, may change what texts mean.
void front::announce_meanings(const text_effects& effects, back& server)
{
    if (!effects.changes_meanings() && !effects.reset_all && !effects.discard_all && !is_opaque(effects.pins)) {
        return;
    }
    if (may_make_temporary(effects) && !has_made_temporary_) {
        // A session's first temporary object changes its search path, so PostgreSQL analyses all statements anew; but
        // the connection may have had such objects of another session.
        has_made_temporary_ = true;
        statements_.make_private();
        server.own.doubt_all();
    }
    if (effects.defines) {
        meaning_ = meaning::defining;
    } else if (meaning_ == meaning::shared) {
        meaning_ = meaning::own;
    }
}

/// A transaction is over. `more`: something of the session is under way.
void front::settle_meanings(bool more)
{
    if (meaning_ == meaning::defining) {
        statement_store::note_definition();
    }
    if (!more) {
        meaning_ = meaning::shared;
    }
}

}  // namespace penstock::postgresql
