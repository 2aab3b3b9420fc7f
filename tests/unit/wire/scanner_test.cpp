// SPDX-License-Identifier: Apache-2.0
//
// Tokens are written as one word each: "id:name", "str:text", "op:=", so that a case is a line. Each case is read
// whole, in every two parts and octet by octet.
#include "protocols/wire/scanner.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

std::string_view prefix_of(token_kind kind)
{
    switch (kind) {
        case token_kind::none: return "none";
        case token_kind::identifier: return "id";
        case token_kind::quoted_identifier: return "qid";
        case token_kind::string: return "str";
        case token_kind::dollar_string: return "dollar";
        case token_kind::number: return "num";
        case token_kind::parameter: return "par";
        case token_kind::operation: return "op";
        case token_kind::comma: return ",";
        case token_kind::dot: return ".";
        case token_kind::semicolon: return ";";
        case token_kind::open: return "(";
        case token_kind::close: return ")";
        case token_kind::other: return "other";
    }
    return "?";
}

std::string write_token(const scanner& from, token_kind kind)
{
    std::string word{prefix_of(kind)};
    switch (kind) {
        case token_kind::number:
        case token_kind::parameter:
        case token_kind::operation: word.append(":").append(from.text()); break;
        case token_kind::identifier:
            word.append(":").append(from.text()).append(from.is_clipped() ? "#clipped" : "");
            break;
        case token_kind::quoted_identifier:
        case token_kind::string:
            word.append(":").append(from.text());
            word.append(from.has_doubled_quotes() ? "#doubled" : "").append(from.has_escapes() ? "#escapes" : "");
            word.append(from.is_clipped() ? "#clipped" : "");
            break;
        default: break;
    }
    return word;
}

class token_writer {
public:
    explicit token_writer(lexical_mode mode) { scanner_.begin(mode); }

    void feed(bytes chunk)
    {
        while (true) {
            const auto kind = scanner_.next(chunk);
            if (kind == token_kind::none) {
                EXPECT_TRUE(chunk.empty());
                return;
            }
            words_.append(words_.empty() ? "" : " ").append(write_token(scanner_, kind));
        }
    }

    std::string finish()
    {
        feed("\n");
        words_.append(scanner_.is_lost() ? " LOST" : scanner_.is_inside() ? " INSIDE" : "");
        return words_;
    }

private:
    scanner scanner_;
    std::string words_;
};

std::string whole(std::string_view text, lexical_mode mode)
{
    token_writer writer{mode};
    writer.feed(text);
    return writer.finish();
}

void expect_every_split_alike(std::string_view text, lexical_mode mode)
{
    const auto expected = whole(text, mode);
    for (std::size_t at = 0; at <= text.size(); ++at) {
        token_writer writer{mode};
        writer.feed(text.substr(0, at));
        writer.feed(text.substr(at));
        ASSERT_EQ(writer.finish(), expected) << text << " cut at " << at;
    }
    token_writer writer{mode};
    for (std::size_t at = 0; at < text.size(); ++at) {
        writer.feed(text.substr(at, 1));
    }
    ASSERT_EQ(writer.finish(), expected) << text << " octet by octet";
}

struct scan_case {
    std::string_view text;
    std::string_view tokens;
};

void expect_tokens(const std::vector<scan_case>& cases, lexical_mode mode = {})
{
    for (const auto& [text, tokens] : cases) {
        EXPECT_EQ(whole(text, mode), tokens) << text;
        expect_every_split_alike(text, mode);
    }
}

constexpr lexical_mode old_strings{.backslash_escapes = true};

TEST(Scanner, FindsNothingInAnEmptyText)
{
    expect_tokens({{"", ""}, {" \t\r\n\f\v", ""}});
}

TEST(Scanner, CutsAnOrdinaryStatement)
{
    expect_tokens({
        {"SELECT a.b, 12.5 FROM t WHERE x >= $1;",
         "id:SELECT id:a . id:b , num:12.5 id:FROM id:t id:WHERE id:x op:> op:= par:1 ;"},
        {"f(1)", "id:f ( num:1 )"},
        {"x::text[]", "id:x op:: op:: id:text op:[ op:]"},
        {"a-b/c*d", "id:a op:- id:b op:/ id:c op:* id:d"},
        {"\\ {", "other other"},
    });
}

TEST(Scanner, TakesDollarsAndHighOctetsIntoNames)
{
    expect_tokens({
        {"a$b$c", "id:a$b$c"},
        {"_x1 x_", "id:_x1 id:x_"},
        {"na\xC3\xAFve", "id:na\xC3\xAFve"},
        {"a$$b", "id:a$$b"},
    });
}

TEST(Scanner, EndsANumberBeforeALetter)
{
    expect_tokens({
        {"1e5", "num:1 id:e5"},
        {"0x1F", "num:0 id:x1F"},
        {"1..5", "num:1..5"},
        {"1from", "num:1 id:from"},
        {"1e'a\\'b'", "num:1 str:a\\'b#escapes"},
    });
}

TEST(Scanner, ReadsStrings)
{
    expect_tokens({
        {"'abc'", "str:abc"},
        {"''", "str:"},
        {"'it''s'", "str:it''s#doubled"},
        {"''''", "str:''#doubled"},
        {"'a' 'b'", "str:a str:b"},
        {"'a;--b/*c'", "str:a;--b/*c"},
        {"'a\\'", "str:a\\"},
        {"'a\nb'", "str:a\nb"},
        {"x'1F' X'1F' b'01' B'01' n'a' N'a'", "str:1F str:1F str:01 str:01 str:a str:a"},
        {"xx'1'", "id:xx str:1"},
        {"a 'b'", "id:a str:b"},
        {"e 'b\\'", "id:e str:b\\"},
    });
}

TEST(Scanner, ReadsBackslashesInEscapeStrings)
{
    expect_tokens({
        {"E'a\\'b'", "str:a\\'b#escapes"},
        {"e'a\\\\'", "str:a\\\\#escapes"},
        {"E'a'", "str:a"},
        {"E'a''b'", "str:a''b#doubled"},
        {"E'\\\\\\''", "str:\\\\\\'#escapes"},
        {"re'a\\'", "id:re str:a\\"},
        {"$1e'a\\''", "par:1 str:a\\'#escapes"},
    });
}

TEST(Scanner, ReadsBackslashesEverywhereWhereStringsAreNotStandard)
{
    expect_tokens(
        {
            {"'a\\'b'", "str:a\\'b#escapes"},
            {"N'a\\'b'", "str:a\\'b#escapes"},
            {"E'a\\'b'", "str:a\\'b#escapes"},
            {"x'1\\' b'1\\'", "str:1\\ str:1\\"},
            {"\"a\\\"", "qid:a\\"},
            {"$$a\\$$", "dollar"},
        },
        old_strings);
}

TEST(Scanner, GoesOnInAStringAfterALineBreak)
{
    expect_tokens({
        {"E'a'\n'b\\'c'", "str:a str:b\\'c#escapes"},
        {"E'a' -- note\n 'b\\'c'", "str:a str:b\\'c#escapes"},
        {"E'a'\r'b\\'c'", "str:a str:b\\'c#escapes"},
        {"E'a' 'b\\'", "str:a str:b\\"},
        {"E'a' /* */\n 'b\\'", "str:a str:b\\"},
        {"E'a'\n/* */ 'b\\'", "str:a str:b\\"},
        {"E'a'\n, 'b\\'", "str:a , str:b\\"},
        {"'a'\n'b\\'", "str:a str:b\\"},
        {"E'a'\n$$x$$ 'b\\'", "str:a dollar str:b\\"},
        {"E'a'\nE'b\\''", "str:a str:b\\'#escapes"},
    });
    expect_tokens({{"x'1'\n'2\\'", "str:1 str:2\\"}}, old_strings);
}

TEST(Scanner, ReadsQuotedNames)
{
    expect_tokens({
        {"\"Aa\"", "qid:Aa"},
        {"\"a\"\"b\"", "qid:a\"\"b#doubled"},
        {"\"a'b\" 'c\"d'", "qid:a'b str:c\"d"},
        {"\"a\".\"b\"", "qid:a . qid:b"},
        {"\"a\\\"", "qid:a\\"},
        {"\"a\"\n\"b\"", "qid:a qid:b"},
    });
}

TEST(Scanner, ReadsUnicodeForms)
{
    expect_tokens({
        {"U&'d\\0061t'", "str:d\\0061t#escapes"},
        {"u&\"d\\0061t\"", "qid:d\\0061t#escapes"},
        {"U&'a\\'", "str:a\\#escapes"},
        {"u & 'a'", "id:u op:& str:a"},
        {"u&a", "id:u op:& id:a"},
        {"u&", "id:u op:&"},
        {"u&&'a'", "id:u op:& op:& str:a"},
        {"xu&'a'", "id:xu op:& str:a"},
    });
}

TEST(Scanner, PassesOverComments)
{
    expect_tokens({
        {"a -- 'b\nc", "id:a id:c"},
        {"a -- b\rc", "id:a id:c"},
        {"a--b", "id:a"},
        {"a - -b", "id:a op:- op:- id:b"},
        {"a /* ' \" ; */ b", "id:a id:b"},
        {"a/**/b", "id:a id:b"},
        {"a /* b /* c */ d */ e", "id:a id:e"},
        {"a /*/ b */ c", "id:a id:c"},
        {"a /* **/ b", "id:a id:b"},
        {"a /* /*/ */ */ b", "id:a id:b"},
        {"a */ b", "id:a op:* op:/ id:b"},
        {"a /* -- */ b", "id:a id:b"},
        {"a -- /* \n b", "id:a id:b"},
    });
}

TEST(Scanner, FindsCommentsInsideOperators)
{
    expect_tokens({
        {"a+--b\nc", "id:a op:+ id:c"},
        {"a<--b\nc", "id:a op:< id:c"},
        {"a@/*b*/c", "id:a op:@ id:c"},
        {"a*/*b*/c", "id:a op:* id:c"},
        {"a//*b*/c", "id:a op:/ id:c"},
        {"a-/*b*/c", "id:a op:- id:c"},
        {"a---b\nc", "id:a id:c"},
    });
}

TEST(Scanner, ReadsDollarQuotes)
{
    expect_tokens({
        {"$$a;b$$", "dollar"},
        {"$$$$", "dollar"},
        {"$a$ x $$ y $b$ $a$", "dollar"},
        {"$a$x$a$ b", "dollar id:b"},
        {"$a$x$aa$y$a$", "dollar"},
        {"$a$ $a $a$", "dollar"},
        {"$a$ $$a$", "dollar"},
        {"$A$ $a$ $A$ b", "dollar id:b"},
        {"$\xC3\xA9$x$\xC3\xA9$ b", "dollar id:b"},
        {"$a1_$x$a1_$ b", "dollar id:b"},
        {"1$$x$$", "num:1 dollar"},
        {"$1$$x$$", "par:1 dollar"},
        {"f$$x$$", "id:f$$x$$"},
        {"$ab", "other"},
        {"$ 1", "other num:1"},
        {"$a-b$", "other op:- id:b$"},
        {"$", "other"},
    });
}

TEST(Scanner, SaysThatTheTextEndsInside)
{
    expect_tokens({
        {"a 'b", "id:a INSIDE"},
        {"a 'b''", "id:a INSIDE"},
        {"E'b\\'", " INSIDE"},
        {"E'b\\", " INSIDE"},
        {"\"b", " INSIDE"},
        {"/* a", " INSIDE"},
        {"/* a /* b */", " INSIDE"},
        {"/*/", " INSIDE"},
        {"$a$ b", " INSIDE"},
        {"$a$ b $a", " INSIDE"},
        {"-- a", ""},
        {"a -", "id:a op:-"},
        {"a /", "id:a op:/"},
    });
}

TEST(Scanner, ClipsLongTexts)
{
    const std::string exact(scanner::most_text, 'x');
    const std::string longer = exact + "y";
    expect_tokens({
        {exact, "id:" + exact},
        {"'" + exact + "'", "str:" + exact},
        {"'" + longer + "'", "str:" + exact + "#clipped"},
        {"\"" + longer + "\" 'b'", "qid:" + exact + "#clipped str:b"},
        {longer + "('a')", "id:" + exact + "#clipped ( str:a )"},
        {exact + "('a')", "id:" + exact + " ( str:a )"},
    });
}

TEST(Scanner, GivesUpOnAnAbsurdDollarTag)
{
    const std::string tag(scanner::most_text, 'x');
    const auto fits = "$" + tag + "$ a $" + tag + "$ b";
    const auto absurd = "$" + tag + "y$ a $" + tag + "y$ b";
    expect_tokens({{fits, "dollar id:b"}, {absurd, " LOST"}});
}

std::string filtered(std::string_view text, const token_filter& filter)
{
    scanner from;
    from.begin({});
    const auto padded = std::string{text} + "\n";
    std::string words;
    std::string first;
    for (std::size_t cut = 0; cut <= padded.size(); ++cut) {
        words.clear();
        from.begin({});
        for (auto part : {std::string_view{padded}.substr(0, cut), std::string_view{padded}.substr(cut)}) {
            for (auto kind = from.next(part, filter); kind != token_kind::none; kind = from.next(part, filter)) {
                words.append(words.empty() ? "" : " ")
                    .append(from.is_adjacent() ? "" : "~")
                    .append(write_token(from, kind));
            }
        }
        first = cut == 0 ? words : first;
        EXPECT_EQ(words, first) << text << " cut at " << cut;
    }
    return first;
}

TEST(Scanner, PassesOverWhatIsNotWanted)
{
    token_filter filter{.kinds = kinds_of({token_kind::identifier, token_kind::open, token_kind::semicolon})};
    EXPECT_EQ(filtered("a + 1, 'x' b(;c;", filter), "id:a ~id:b ( ; id:c ;");
    EXPECT_EQ(filtered("a 1 2 3 /* x */ b -- c\n d \"e\" f $1 $$x$$ g", filter), "id:a ~id:b id:d ~id:f ~id:g");
}

TEST(Scanner, GivesOnlyNamesThatMayBeWanted)
{
    token_filter filter{.kinds = kinds_of({token_kind::identifier, token_kind::quoted_identifier})};
    filter.want_only({"into", "setval"});
    EXPECT_EQ(filtered("SELECT a FROM b INTO c SetVal x setvalu \"into\" \"intos\" into", filter),
              "id:SELECT ~id:INTO ~id:SetVal ~qid:into ~id:into");
    EXPECT_EQ(filtered("U&\"x\" y", filter), "qid:x#escapes");
}

TEST(Scanner, GivesOnlyParenthesesOfCalls)
{
    token_filter filter{.kinds = kinds_of({token_kind::identifier, token_kind::open}), .calls_only = true};
    filter.want_only({"f"});
    EXPECT_EQ(filtered("x (g(1), f /* x */ ((2), f + (3))", filter), "~id:f ( ( ~id:f");
}

TEST(Scanner, CountsParentheses)
{
    scanner from;
    for (const bytes text : {"(", "((1)", ")(", "'(' (", "a(b(c)", "-- (\n ("}) {
        from.begin({});
        auto rest = text;
        while (from.next(rest, {.kinds = 0}) != token_kind::none) {
        }
        EXPECT_EQ(from.depth(), 1U) << text;
    }
}

TEST(Scanner, StartsAfreshWithEachText)
{
    scanner words;
    for (const bytes unfinished : {"'a", "/* /*", "$x$", "u&", "E'a'\n", "$toolong", "\"", "-", "/"}) {
        words.begin({});
        auto rest = unfinished;
        while (words.next(rest) != token_kind::none) {
        }
        words.begin({});
        bytes text = "'b\\' ";
        EXPECT_EQ(words.next(text), token_kind::string) << unfinished;
        EXPECT_EQ(words.text(), "b\\");
        EXPECT_FALSE(words.is_inside());
    }
}

TEST(Scanner, ReadsRandomTextsAlikeHoweverTheyAreCut)
{
    const std::vector<std::string_view> pieces{"'",  "\"",       "$",  "$$", "$a$", "-",  "--",   "/",   "*",
                                               "/*", "*/",       "\\", "\n", " ",   "E'", "u&",   "U&'", "e",
                                               "x",  "a1",       "1",  ".",  ",",   ";",  "(",    ")",   "=",
                                               ":",  "\xC3\xA9", "b'", "n'", "$1",  "''", "\"\"", "\r",  "select"};
    std::mt19937 random{4711};
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        const auto length = random() % 24;
        for (unsigned piece = 0; piece < length; ++piece) {
            text.append(pieces[random() % pieces.size()]);
        }
        expect_every_split_alike(text, {.backslash_escapes = round % 2 == 1});
        if (HasFatalFailure()) {
            return;
        }
    }
}

TEST(DecodeName, FoldsOnlyUnquotedNames)
{
    EXPECT_EQ(decode_name("Abc_1", false), "abc_1");
    EXPECT_EQ(decode_name("Abc", true), "Abc");
    EXPECT_EQ(decode_name("a\"\"b", true), "a\"b");
    EXPECT_EQ(decode_name("\xC3\x84", false), "\xC3\x84");
    EXPECT_EQ(decode_name("", true), "");
}

TEST(DecodeName, CutsLongNamesBetweenCharacters)
{
    const std::string sixty_two(62, 'a');
    EXPECT_EQ(decode_name(sixty_two + "bc", false), sixty_two + "b");
    EXPECT_EQ(decode_name(sixty_two + "b", false), sixty_two + "b");
    EXPECT_EQ(decode_name(sixty_two + "\xC3\xA9", false), sixty_two);
    EXPECT_EQ(decode_name(sixty_two + "\"\"cd", true), sixty_two + "\"");
}

}  // namespace
}  // namespace penstock
