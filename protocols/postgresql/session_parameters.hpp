// SPDX-License-Identifier: Apache-2.0
//
// The parameters of one session as they follow it from server to server.
//
// What a statement may have changed is noted by name ("dirty"); when the transaction has ended, the server itself is
// asked for the values (the probe), so ROLLBACK, savepoints, SET LOCAL and functions count as they did there. A RESET
// goes back to what the client asked for at start-up, which servers do not know: it is sent after the RESET (reapply).
// Every injected change is one SELECT of set_config() calls between exit_on_error on and off ("Developer Options" in
// the manual): were one refused, the server would end its session before it ran the client's own statement under wrong
// parameters.
#pragma once

#include "protocols/postgresql/text_effects.hpp"
#include "protocols/wire/parameter_set.hpp"

#include "core/bytes.hpp"

#include <string>
#include <utility>
#include <vector>

namespace penstock::postgresql {

class session_parameters {
public:
    explicit session_parameters(parameter_set_ptr startup) : startup_{std::move(startup)}, current_{startup_} {}

    /// What the session has set, start-up parameters included.
    [[nodiscard]] const parameter_set_ptr& current() const { return current_; }
    [[nodiscard]] const parameter_set_ptr& startup() const { return startup_; }

    /// A request with these effects has succeeded.
    void note(const text_effects& effects);
    /// A request with these effects has failed, but may have succeeded in part.
    void note_touched(const text_effects& effects);
    /// DISCARD ALL has succeeded: the server is as new, the session as after its start.
    void note_discard_all();
    /// The server reported a change of a parameter that nothing here explains.
    void note_changed(std::string_view name);

    /// The client has been told that what has been noted so far is done.
    void note_acknowledged() { acknowledged_ = acknowledged_ || is_dirty(); }
    /// Whether a change that the client relies on is known to the server connection alone.
    [[nodiscard]] bool has_acknowledged() const { return acknowledged_; }
    /// The server is lost, and with it what it had not been asked for.
    void note_lost();

    /// Start-up values to be sent now, as a result of RESETs; empties the list.
    [[nodiscard]] parameter_list take_reapply();
    [[nodiscard]] bool has_reapply() const { return !reapply_.empty() || discarded_ || doubted_; }
    /// Whether code that nobody looks into may have reset start-up values since this was last asked.
    [[nodiscard]] bool take_doubted() { return std::exchange(doubted_, false); }
    /// Whether DISCARD ALL has taken the start-up values away since this was last asked. They have to come back on the
    /// same connection, for the client has been told that they are gone.
    [[nodiscard]] bool take_discarded() { return std::exchange(discarded_, false); }
    /// Whether a request with these effects makes a reapply necessary.
    [[nodiscard]] bool will_reapply(const text_effects& effects) const;
    /// Whether they take this parameter back to a start-up value.
    [[nodiscard]] bool goes_back_to_startup(const text_effects& effects, std::string_view name) const;

    /// Names whose values have to be asked for before the connection can be given back.
    [[nodiscard]] bool is_dirty() const { return !dirty_.empty() || !probing_.empty(); }
    [[nodiscard]] bool needs_probe() const { return !dirty_.empty(); }
    /// The settings that decide what texts mean; changes only with current().
    [[nodiscard]] const std::string& reading();
    /// And whether what they are now is not known.
    [[nodiscard]] bool is_reading_uncertain() const;
    /// Starts a probe: the names, in the order in which on_probe_row() expects the values.
    std::vector<std::string> begin_probe();
    /// DataRow's body; the connection's set is brought up to date too.
    /// False where the row is not what was asked for.
    bool on_probe_row(bytes body, parameter_set_ptr& on_server);
    /// The server has refused the probe: nobody knows the values.
    void on_probe_refused() { probing_.clear(); }
    /// More names or longer values than anybody carries from server to server.
    [[nodiscard]] bool is_too_large() const;

private:
    parameter_set_ptr startup_;
    parameter_set_ptr current_;
    parameter_list reapply_;
    bool discarded_ = false;
    bool doubted_ = false;
    bool acknowledged_ = false;       ///< of the dirty ones some
    parameter_set_ptr read_under_{};  ///< what reading_ is of
    std::string reading_;
    std::vector<std::string> dirty_;
    std::vector<std::string> probing_;
};

/// Whether it takes a superuser, or a right of its own, to set it: a session that can under another role cannot carry
/// it along, since settings are set by the user that has logged in. `name` is in lower case.
[[nodiscard]] bool is_privileged(std::string_view name);

/// What a session is pinned for as long as it has these values set: with pg_temp in the search path whatever is made
/// may be temporary.
[[nodiscard]] pin_set pins_of(const parameter_set& values);
/// The text that turns a connection with `from` set into one with `to` set; empty where nothing differs. All texts are
/// ASCII, for the connection's client_encoding may be another than the session's, which is `encoding` (empty: not
/// known).
std::string catch_up_query(const parameter_set& from, const parameter_set& to, std::string_view encoding = {});
/// A text of ours as it waits for nobody: under defaults of SERIALIZABLE, READ ONLY and DEFERRABLE a SELECT waits until
/// the transactions that write have ended. `settings` are the connection's, and those that may have `changed` since.
std::string without_waiting(std::string text,
                            const parameter_set& settings,
                            const std::vector<std::string>& changed = {});
/// The text that sets these values, on a connection and in a transaction that a RESET has just run in.
std::string reapply_query(const parameter_list& values, std::string_view encoding = {});
/// The text that sets those of these start-up values that are not set in the session any more; `known` is what was set
/// when the server was asked last.
std::string restore_query(const parameter_set& startup, const parameter_set& known, std::string_view encoding = {});
/// The text that asks for the values of these names; absent ones come as NULL.
std::string probe_query(const std::vector<std::string>& names, std::string_view encoding = {});

}  // namespace penstock::postgresql
