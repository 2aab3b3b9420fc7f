// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements as all clients of a worker share them, and the names servers know them by.
//
// A statement is its text, its parameter types and what it is read under: the lexical mode, and where the text has
// literals the parameters that tell what they mean. The digest of it all (128 bits of SHA-256) is its name on every
// server, so a connection handed to another worker brings its statements along. After a migration has made a plan stale
// ("cached plan must not change result type") the digest gets a new generation, and with it a new server name.
#pragma once

#include "protocols/postgresql/effects.hpp"
#include "protocols/wire/request_facts.hpp"

#include "core/bytes.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace penstock::postgresql {

/// How all names begin that servers know statements by.
inline constexpr std::string_view server_name_prefix = "ps_";

/// No statement of a client's goes to a server under such a name: "ps_" and 32 digits, as digests have.
[[nodiscard]] bool is_server_name(std::string_view name);

/// Who has prepared a statement, and so how a server is brought to know it.
enum class statement_origin : std::uint8_t {
    protocol,  ///< Parse
    sql,       ///< PREPARE, which is run again: its text is the definition
    server,    ///< one text with others: only the server that ran it knows what became of it
};

/// One prepared statement; immutable and shared by the clients that prepared it.
struct statement {
    std::string server_name;                        ///< "ps_" and the digest, and ".<generation>" from the second on
    std::string definition;                         ///< Parse's body behind the name: text, zero octet, parameter types
    std::string digest;                             ///< hexadecimal, for SHOW and logs
    std::shared_ptr<const text_effects> effects{};  ///< null where executing it changes nothing
    statement_verb verb = statement_verb::other;
    transaction_effect block{};
    lexical_mode mode{};  ///< that its text is read in
    statement_origin origin = statement_origin::protocol;
    bool is_of_its_moment = false;  ///< it may have literals that mean the moment of its preparation: 'now'
    bool is_private = false;        ///< no other client's, nor this one's under another name

    /// What the front that prepared it was told of it; of the worker that made it.
    struct judgement {
        const void* by = nullptr;
        std::uint64_t version = 0;
        request_facts facts{};
    };
    mutable judgement judged{};

    /// Octets it costs to keep.
    [[nodiscard]] std::size_t cost() const
    {
        return sizeof(statement) + server_name.size() + definition.size() + digest.size();
    }
};

using statement_ptr = std::shared_ptr<const statement>;

/// The statements that some client of this worker holds. One per worker; not for sharing between threads.
class statement_store {
public:
    /// The shared statement with this definition, made if nobody holds it. `reading` is whatever else decides what the
    /// text means: literals of times and dates are read once, when a statement is prepared, and not when it is
    /// executed.
    statement_ptr intern(bytes definition, const lexical_mode& mode, std::string_view reading = {});

    /// A copy that nobody else has, under a name that no server knows.
    [[nodiscard]] static statement_ptr make_private(const statement& like);

    /// Times that clients of this process were seen to change what names stand for: what is prepared from then on is
    /// shared with nothing that was prepared before.
    [[nodiscard]] static std::uint64_t definitions() { return definitions_.load(std::memory_order_relaxed); }
    static void note_definition() { definitions_.fetch_add(1, std::memory_order_relaxed); }

    /// What a text that is nothing but PREPARE makes; `effects` are the text's.
    [[nodiscard]] static statement_ptr make_by_sql(std::string_view text,
                                                   const text_effects& effects,
                                                   const lexical_mode& mode);
    /// What only the server at hand knows; `effects` are those of the text that may have made it.
    [[nodiscard]] static statement_ptr make_unknown(const text_effects& effects);

    /// The server found this statement's plan stale: whoever prepares the same text from now on gets a new server name.
    /// Returns the successor.
    statement_ptr succeed(const statement_ptr& stale);

    /// What inspect_whole() says of a text that is_plain_read().
    [[nodiscard]] static const text_effects& of_plain_read();
    /// For texts that come whole, one after the other. Valid until the next call.
    const text_effects& inspect_whole(std::string_view text, const lexical_mode& mode);

    [[nodiscard]] std::size_t size() const { return statements_.size(); }

    /// Some client of this worker uses sequences by name: from now on nobody finds another one's values of them.
    bool uses_sequences = false;
    /// Storage for whoever needs some names for a moment.
    std::vector<std::string_view> names;

private:
    struct entry {
        std::weak_ptr<const statement> current;
        std::uint32_t generation = 0;
    };

    statement_ptr make(bytes definition, std::string digest, std::uint32_t generation, const lexical_mode& mode);
    void sweep();

    static inline std::atomic<std::uint64_t> definitions_{0};
    static inline std::atomic<std::uint64_t> privates_{0};  ///< that were made

    std::unordered_map<std::string, entry> statements_;  ///< by digest; entries nobody holds go in the sweeps
    std::size_t sweep_at_ = 1024;
    effects_collector collector_;
    text_effects pinning_;  ///< what inspect_whole() gave last of a text that pins
};

}  // namespace penstock::postgresql
