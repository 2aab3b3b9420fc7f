// SPDX-License-Identifier: Apache-2.0
//
// Three sources in order, a cache in front of the last. Questions about one user of one cluster that come while a query
// for that user is under way share its answer.
//
// Found and unknown users have caches of their own, so that a flood of made-up names cannot push out the real ones.
#include "control/credentials.hpp"

#include "control/look_up_answer.hpp"
#include "control/mysql_look_up.hpp"
#include "control/user_cache.hpp"
#include "control/userlist.hpp"
#include "telemetry/log.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::control {
namespace {

constexpr std::size_t longest_name = 63;          ///< PostgreSQL's NAMEDATALEN - 1: no role has a longer one
constexpr std::size_t longest_mysql_name = 512;   ///< MariaDB's 128 characters of at most four octets
constexpr std::size_t most_asked_at_once = 1000;  ///< users; further questions are told to come again
constexpr duration forget_grace = seconds{1};
constexpr duration complaint_interval = seconds{1};

/// The sources that need no query, as one immutable table.
struct user_table {
    credential_options options{};
    std::unordered_map<std::string, user_record> users{};
    std::uint64_t generation = 0;  ///< tells an answer that an older configuration asked for

    [[nodiscard]] bool asks_database() const
    {
        return !options.auth_query.empty() || !options.mysql_auth_query.empty();
    }
    [[nodiscard]] const std::string& query_for(engine of) const
    {
        return of == engine::mysql ? options.mysql_auth_query : options.auth_query;
    }
    /// No database that can be asked has a user of this name.
    [[nodiscard]] bool is_impossible(const std::string& name) const
    {
        return name.empty() || name.size() > (options.mysql_auth_query.empty() ? longest_name : longest_mysql_name);
    }
};

/// Under what a user is remembered: neither name can hold a zero octet.
std::string key_of(const user_question& who)
{
    return who.cluster + '\0' + who.user;
}

user_record absent_record(const credential_options& options)
{
    user_record record;
    record.method = options.default_method;
    return record;
}

user_record unavailable_record(const credential_options& options)
{
    auto record = absent_record(options);
    record.temporarily_unavailable = true;
    return record;
}

void add_file(user_table& table)
{
    const auto& path = table.options.users_file;
    if (path.empty()) {
        return;
    }
    const auto list = read_userlist(path);
    for (const auto& fault : list.faults) {
        log::warning("a line of the users file is not used",
                     {{"file", path}, {"line", fault.line}, {"reason", fault.sentence}});
    }
    for (const auto& listed : list.users) {
        user_record record;
        record.exists = true;
        record.method = fitting_method(listed.stored.reveal(), table.options.default_method);
        record.stored = listed.stored;
        table.users.emplace(listed.name, std::move(record));  // the configuration's own users stay
    }
}

std::shared_ptr<const user_table> make_table(credential_options options, std::uint64_t generation)
{
    auto table = std::make_shared<user_table>();
    table->options = std::move(options);
    table->generation = generation;
    for (const auto& user : table->options.users) {
        user_record record;
        record.exists = true;
        record.method = fitting_method(user.stored.reveal(), user.method);
        record.stored = user.stored;
        table->users.emplace(user.name, std::move(record));
    }
    add_file(*table);
    return table;
}

}  // namespace

struct credentials::state : std::enable_shared_from_this<state> {
    state(loop& where, credential_options options, credential_surroundings around)
        : on{where},
          surroundings{std::move(around)},
          table{make_table(std::move(options), 1)},
          found{table->options.cache_size},
          unknown{table->options.cache_size}
    {
    }

    std::optional<user_record> known(const user_question& who);
    std::optional<user_record> cached(const user_question& who);
    void configure(credential_options options);
    void forget(const user_question& who);

    struct connection {
        std::unique_ptr<sql_client> client{};
        sql_target target{};
    };

    // On the control thread only:
    void look_up(const user_question& who, std::function<void(user_record)> answer);
    void ask(const user_question& who);
    void send(const connection& to, const user_question& who);
    user_record take(const user_question& who, const look_up_verdict& verdict, const user_table& asked_under);
    void remember(const user_question& who, const look_up_verdict& verdict, const user_table& asked_under);
    void give(const user_question& who, const user_record& record);
    void complain(const std::string& user, std::string_view reason);
    std::shared_ptr<const user_table> current_table();

    loop& on;
    credential_surroundings surroundings;

    std::mutex mutex{};  ///< guards the table's pointer and both caches
    std::shared_ptr<const user_table> table;
    user_cache found;
    user_cache unknown;

    /// A user whose record is being asked for, and those who wait for it.
    struct open_question {
        user_question who{};
        std::vector<std::function<void(user_record)>> answers{};
    };
    std::unordered_map<std::string, open_question> asked{};     ///< by key_of()
    std::unordered_map<std::string, connection> connections{};  ///< by cluster
    std::optional<time_point> last_complaint{};
};

credentials::credentials(loop& on, credential_options options, credential_surroundings surroundings)
    : state_{std::make_shared<state>(on, std::move(options), std::move(surroundings))}
{
}

credentials::~credentials()
{
    state_->connections.clear();
}

std::optional<user_record> credentials::known(const user_question& question) const
{
    return state_->known(question);
}

void credentials::look_up(user_question question, std::function<void(user_record)> answer)
{
    state_->on.post([weak = std::weak_ptr{state_}, who = std::move(question), answer = std::move(answer)] {
        if (const auto self = weak.lock()) {
            self->look_up(who, answer);
        }
    });
}

void credentials::forget(const user_question& who)
{
    state_->forget(who);
}

void credentials::configure(credential_options options)
{
    state_->configure(std::move(options));
}

std::optional<user_record> credentials::state::known(const user_question& who)
{
    const std::scoped_lock lock{mutex};
    if (const auto place = table->users.find(who.user); place != table->users.end()) {
        return place->second;
    }
    if (!table->asks_database() || table->is_impossible(who.user)) {
        return absent_record(table->options);
    }
    return cached(who);
}

/// From the caches; a user whose time has come since the look-up counts as unknown.
std::optional<user_record> credentials::state::cached(const user_question& who)
{
    const auto now = surroundings.now();
    const auto key = key_of(who);
    if (const auto* entry = found.find(key, now)) {
        const bool expired = entry->valid_until && *entry->valid_until <= surroundings.today();
        return expired ? absent_record(table->options) : entry->record;
    }
    if (const auto* entry = unknown.find(key, now)) {
        return entry->record;
    }
    return std::nullopt;
}

void credentials::state::configure(credential_options options)
{
    const auto generation = current_table()->generation + 1;
    auto fresh = make_table(std::move(options), generation);  // reads the file: not under the lock
    const std::scoped_lock lock{mutex};
    table = std::move(fresh);
    found = user_cache{table->options.cache_size};
    unknown = user_cache{table->options.cache_size};
}

void credentials::state::forget(const user_question& who)
{
    const std::scoped_lock lock{mutex};
    found.forget(key_of(who), surroundings.now(), forget_grace);
}

void credentials::state::look_up(const user_question& who, std::function<void(user_record)> answer)
{
    if (auto record = known(who)) {
        return answer(std::move(*record));
    }
    const auto place = asked.find(key_of(who));
    if (place != asked.end()) {
        place->second.answers.push_back(std::move(answer));
        return;
    }
    if (asked.size() >= most_asked_at_once) {
        complain(who.user, "too many look-ups are under way");
        return answer(unavailable_record(current_table()->options));
    }
    auto& fresh = asked[key_of(who)];
    fresh.who = who;
    fresh.answers.push_back(std::move(answer));
    ask(who);
}

/// Asks at the place to ask now. Where that has changed, the old client goes, and what was under way there is asked
/// again.
void credentials::state::ask(const user_question& who)
{
    auto target = surroundings.where_to_ask ? surroundings.where_to_ask(who.cluster) : std::nullopt;
    if (!target) {
        complain(who.user, "no server to ask is known");
        return give(who, unavailable_record(current_table()->options));
    }
    if (current_table()->query_for(target->engine).empty()) {
        return give(who, absent_record(current_table()->options));
    }
    auto& own = connections[who.cluster];
    if (own.client && own.target == *target) {
        return send(own, who);
    }
    own.client = surroundings.make_client(*target);
    own.target = std::move(*target);
    for (const auto& [key, each] : asked) {
        if (each.who.cluster == who.cluster) {
            send(own, each.who);
        }
    }
}

void credentials::state::send(const connection& to, const user_question& who)
{
    const auto asked_under = current_table();
    const auto product = to.target.engine;
    sql_query query{.text = asked_under->query_for(product), .parameters = {who.user}};
    to.client->ask(std::move(query),
                   asked_under->options.query_timeout,
                   [weak = weak_from_this(), who, asked_under, product](const sql_answer& answer) {
                       if (const auto self = weak.lock()) {
                           const auto method = asked_under->options.default_method;
                           const auto verdict = product == engine::mysql ? judge_mysql(answer, who.user, method)
                                                                         : judge(answer, who.user, method);
                           self->give(who, self->take(who, verdict, *asked_under));
                       }
                   });
}

user_record credentials::state::take(const user_question& who,
                                     const look_up_verdict& verdict,
                                     const user_table& asked_under)
{
    if (!verdict.reason.empty()) {
        complain(who.user, verdict.reason);
    }
    if (verdict.how == look_up_verdict::kind::unavailable) {
        return unavailable_record(asked_under.options);
    }
    remember(who, verdict, asked_under);
    const bool expired = verdict.user.valid_until && *verdict.user.valid_until <= surroundings.today();
    if (verdict.how == look_up_verdict::kind::absent || expired) {
        return absent_record(asked_under.options);
    }
    return verdict.user.record;
}

void credentials::state::remember(const user_question& who,
                                  const look_up_verdict& verdict,
                                  const user_table& asked_under)
{
    const std::scoped_lock lock{mutex};
    if (table->generation != asked_under.generation) {
        return;
    }
    const auto& options = table->options;
    if (verdict.how == look_up_verdict::kind::found) {
        found.remember(key_of(who), verdict.user, surroundings.now(), options.cache_time);
    } else {
        found_user nobody;
        nobody.record = absent_record(options);
        unknown.remember(key_of(who), std::move(nobody), surroundings.now(), options.unknown_cache_time);
    }
}

void credentials::state::give(const user_question& who, const user_record& record)
{
    const auto place = asked.find(key_of(who));
    if (place == asked.end()) {
        return;
    }
    const auto answers = std::move(place->second.answers);
    asked.erase(place);
    for (const auto& answer : answers) {
        answer(record);
    }
}

/// At most a line a second, since a dead database makes every login complain.
void credentials::state::complain(const std::string& user, std::string_view reason)
{
    const auto now = surroundings.now();
    if (last_complaint && now - *last_complaint < complaint_interval) {
        return;
    }
    last_complaint = now;
    log::warning("looking up a user failed", {{"user", user}, {"reason", reason}});
}

std::shared_ptr<const user_table> credentials::state::current_table()
{
    const std::scoped_lock lock{mutex};
    return table;
}

}  // namespace penstock::control
