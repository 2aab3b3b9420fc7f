// SPDX-License-Identifier: Apache-2.0
//
// What is known of texts, by their shape: whether they are reads. One per worker and database; of one thread.
//
// A text that differs from a known one in nothing but literals is known at a glance (known_texts). Another is brought
// to its shape, and the shape is looked up; only one that is not known is classified, which takes tens of microseconds.
// What the catalogue of functions says of a shape is asked once per version of the catalogue.
// Bounded: what has not been used while half as many others were is forgotten.
//
// `Dialect` gives the rules of one product: make_shape(text, mode, shape), literals_of(text, mode), classify(shape,
// mode), leaves_nothing(shape, mode), which is false for whatever may leave something in the session, be it a read or
// not, is_plain(text), for request_facts::is_plain, and parses_relations, where classify() tells of relations.
#pragma once

#include "protocols/wire/function_catalogue.hpp"
#include "protocols/wire/known_texts.hpp"
#include "protocols/wire/request_facts.hpp"
#include "protocols/wire/route_comment.hpp"
#include "protocols/wire/route_rules.hpp"
#include "protocols/wire/statement_class.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock {

template <class Dialect>
class read_judge {
public:
    using lexical = typename Dialect::lexical;

    /// Shapes that are kept, and octets of them.
    static constexpr std::size_t most_shapes = 4096;
    static constexpr std::size_t most_octets = 4 << 20;
    /// Longer texts are not looked at.
    static constexpr std::size_t longest_text = 64 * 1024;

    explicit read_judge(function_catalogue_ptr functions) : functions_{std::move(functions)} {}

    /// What is believed of functions from now on.
    void use(function_catalogue_ptr functions)
    {
        functions_ = std::move(functions);
        ++version_;
    }
    /// The rules of the configuration from now on, and the nodes that comments may name.
    void follow(route_rules_ptr rules)
    {
        rules_ = std::move(rules);
        ++version_;
    }
    [[nodiscard]] const route_rules& rules() const { return *rules_; }
    /// Grows when what was said of a text may be another thing now.
    [[nodiscard]] std::uint64_t version() const { return version_; }

    [[nodiscard]] request_facts judge(std::string_view text, const lexical& mode);

    /// A replica has refused this text, so those of its shape go to the primary.
    void note_refused(std::string_view text, const lexical& mode);

    /// What was seen of transactions that begin with a statement of this shape.
    enum class blocks : std::uint8_t {
        unseen,
        read,   ///< they did nothing but read
        write,  ///< or asked at least for what a replica does not have
    };
    [[nodiscard]] blocks blocks_behind(std::string_view text, const lexical& mode);
    void note_blocks(std::string_view text, const lexical& mode, blocks seen);

    [[nodiscard]] std::size_t size() const { return young_.shapes.size() + old_.shapes.size(); }
    [[nodiscard]] std::uint64_t hits() const { return hits_; }
    [[nodiscard]] std::uint64_t misses() const { return misses_; }

private:
    struct finding {
        read_verdict text = read_verdict::unparsed;  ///< as far as the text itself tells
        read_verdict with_functions = text;          ///< and as `version` of the catalogue says
        std::uint64_t version = 0;
        std::uint64_t rules = 0;  ///< that hold for it, of that version
        blocks seen = blocks::unseen;
        std::vector<function_name> functions{};
        std::vector<std::string> relations{};
    };
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view shape) const { return std::hash<std::string_view>{}(shape); }
    };
    struct generation {
        std::unordered_map<std::string, finding, hash, std::equal_to<>> shapes;
        std::size_t octets = 0;
    };

    request_facts judge_by_shape(std::string_view text, const lexical& mode, known_texts::entry* outdated);
    void learn(std::string_view text, const lexical& mode, const request_facts& facts);
    finding& find(const lexical& mode);
    finding& remember(finding found);
    [[nodiscard]] finding examine(const lexical& mode) const;
    void ask_again(finding& of) const;
    [[nodiscard]] bool names_one_of(const relation_names& those, const std::vector<std::string>& relations) const;
    request_facts read_comment(std::string_view hint) const;

    function_catalogue_ptr functions_;
    route_rules_ptr rules_ = std::make_shared<const route_rules>();
    std::uint64_t version_ = 1;
    known_texts texts_;
    generation young_;
    generation old_;
    std::string shape_;  ///< of the text at hand; its last octet stands for the mode
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
};

template <class Dialect>
request_facts read_judge<Dialect>::judge(std::string_view text, const lexical& mode)
{
    if (Dialect::is_ambiguous(mode)) {
        return judge_by_shape(text, mode, nullptr);
    }
    auto* const known = texts_.find(text, Dialect::octet_of(mode));
    if (known == nullptr || known->version != version_) {
        return judge_by_shape(text, mode, known);
    }
    ++hits_;
    return known->facts;
}

/// `outdated`: what was known of it before something else was said, for what is said now.
template <class Dialect>
request_facts read_judge<Dialect>::judge_by_shape(std::string_view text,
                                                  const lexical& mode,
                                                  known_texts::entry* outdated)
{
    request_facts facts;
    if (text.size() > longest_text) {
        facts.verdict = facts.text = read_verdict::too_large;
        return facts;
    }
    const auto made = Dialect::make_shape(text, mode, shape_);
    if (!made.hint.empty()) {
        facts = read_comment(made.hint);
    }
    if (!made.understood) {
        facts.text = read_verdict::unparsed;
        facts.verdict = facts.hint == route_hint::primary ? read_verdict::hint : facts.text;
        return facts;
    }
    const auto met_before = hits_;
    auto& found = find(mode);
    if (found.version != version_) {
        shape_.pop_back();
        ask_again(found);
    }
    facts.text = found.text;
    facts.is_harmless = found.with_functions == read_verdict::read;
    facts.verdict = facts.hint == route_hint::none      ? found.with_functions
                    : facts.hint == route_hint::primary ? read_verdict::hint
                                                        : found.text;
    facts.rules = found.rules;
    // What a replica has refused is asked for by its shape each time, so that it is not forgotten while it is in use.
    const bool may_keep = made.hint.empty() && found.text != read_verdict::refused;
    if (may_keep && outdated != nullptr) {
        facts.is_plain = outdated->facts.is_plain;
        *outdated = {.facts = facts, .version = version_};
    } else if (may_keep && hits_ != met_before) {
        learn(text, mode, facts);
    }
    return facts;
}

template <class Dialect>
void read_judge<Dialect>::learn(std::string_view text, const lexical& mode, const request_facts& facts)
{
    if (Dialect::is_ambiguous(mode) || text.size() > known_texts::longest) {
        return;
    }
    known_texts::entry known{.facts = facts, .version = version_};
    known.facts.is_plain = Dialect::is_plain(text);
    texts_.learn(text, Dialect::octet_of(mode), Dialect::literals_of(text, mode), known);
}

/// A comment that is wrong in a part counts for the rest.
template <class Dialect>
request_facts read_judge<Dialect>::read_comment(std::string_view hint) const
{
    const auto said = read_route_comment(hint);
    request_facts facts{.hint = said.hint, .no_retry = said.no_retry, .wrong_hint = said.is_wrong};
    if (said.hint == route_hint::node) {
        const auto place = rules_->place_of(said.node);
        facts.wrong_hint = facts.wrong_hint || place == route_rules::unknown;
        facts.hint = place == route_rules::unknown ? route_hint::none : said.hint;
        facts.node = static_cast<node_place>(place);
    }
    return facts;
}

template <class Dialect>
void read_judge<Dialect>::note_refused(std::string_view text, const lexical& mode)
{
    if (text.size() <= longest_text && Dialect::make_shape(text, mode, shape_).understood) {
        auto& found = find(mode);
        found.text = found.with_functions = read_verdict::refused;
        ++version_;  // prepared statements remember what was said of them
    }
}

template <class Dialect>
typename read_judge<Dialect>::blocks read_judge<Dialect>::blocks_behind(std::string_view text, const lexical& mode)
{
    const bool is_known = text.size() <= longest_text && Dialect::make_shape(text, mode, shape_).understood;
    return is_known ? find(mode).seen : blocks::write;
}

template <class Dialect>
void read_judge<Dialect>::note_blocks(std::string_view text, const lexical& mode, blocks seen)
{
    if (text.size() <= longest_text && Dialect::make_shape(text, mode, shape_).understood) {
        auto& found = find(mode);
        found.seen = std::max(found.seen, seen);  // what was seen once may be seen again
    }
}

template <class Dialect>
typename read_judge<Dialect>::finding& read_judge<Dialect>::find(const lexical& mode)
{
    shape_.push_back(Dialect::octet_of(mode));
    if (const auto known = young_.shapes.find(shape_); known != young_.shapes.end()) {
        ++hits_;
        return known->second;
    }
    if (const auto known = old_.shapes.find(shape_); known != old_.shapes.end()) {
        ++hits_;
        auto found = std::move(known->second);
        old_.shapes.erase(known);
        return remember(std::move(found));
    }
    ++misses_;
    shape_.pop_back();
    auto found = examine(mode);
    shape_.push_back(Dialect::octet_of(mode));
    return remember(std::move(found));
}

template <class Dialect>
typename read_judge<Dialect>::finding& read_judge<Dialect>::remember(finding found)
{
    if (young_.shapes.size() >= most_shapes / 2 || young_.octets + shape_.size() > most_octets / 2) {
        old_ = std::exchange(young_, {});
    }
    young_.octets += shape_.size();
    return young_.shapes.insert_or_assign(shape_, std::move(found)).first->second;
}

template <class Dialect>
typename read_judge<Dialect>::finding read_judge<Dialect>::examine(const lexical& mode) const
{
    finding found;
    auto what = Dialect::classify(shape_, mode);
    found.text = verdict_of(what.obstacle);
    found.functions = std::move(what.functions);
    found.relations = std::move(what.relations);
    if (found.text == read_verdict::read && !Dialect::leaves_nothing(shape_, mode)) {
        found.text = read_verdict::lasting;
    }
    ask_again(found);
    return found;
}

/// The text of that shape, which names these relations if anybody has parsed it for them.
template <class Dialect>
bool read_judge<Dialect>::names_one_of(const relation_names& those, const std::vector<std::string>& relations) const
{
    return Dialect::parses_relations
               ? std::any_of(
                     relations.begin(), relations.end(), [&those](const auto& each) { return those.contains(each); })
               : those.occur_in(shape_);
}

/// What the catalogue and the rules say of it; shape_ is its shape.
template <class Dialect>
void read_judge<Dialect>::ask_again(finding& of) const
{
    of.version = version_;
    of.rules = rules_->of_shape(shape_);
    of.with_functions = of.text;
    for (const auto& each : of.functions) {
        if (of.text == read_verdict::read && !functions_->harmless(each, {})) {
            of.with_functions = read_verdict::function;
        }
    }
    if (of.with_functions == read_verdict::read && names_one_of(functions_->of_primary(), of.relations)) {
        of.with_functions = read_verdict::relation;
    }
}

}  // namespace penstock
