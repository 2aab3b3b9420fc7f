// SPDX-License-Identifier: Apache-2.0
//
// Which texts are taken for known ones, and how many are kept. That no two of different shapes are taken for each other
// is a matter of the dialects' shape makers, in their own tests.
#include "protocols/wire/known_texts.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using namespace penstock;

namespace {

/// Every run of digits and every '...' in it.
literal_places literals_of(std::string_view text)
{
    const auto is_digit = [](char octet) { return octet >= '0' && octet <= '9'; };
    literal_places found;
    for (const char* at = text.data(); at != text.data() + text.size();) {
        const char* const from = at++;
        const char* const end = text.data() + text.size();
        if (is_digit(*from)) {
            at = std::find_if_not(at, end, is_digit);
            found.add_number(from, at);
        } else if (*from == '\'') {
            at = std::find(at, end, '\'') + 1;
            found.add_string(from, at);
        }
    }
    return found;
}

class KnownTexts : public testing::Test {
protected:
    void learn(std::string_view text, read_verdict verdict = read_verdict::read, char mode = 0)
    {
        known_texts::entry known;
        known.facts.verdict = verdict;
        own.learn(text, mode, literals_of(text), known);
    }
    bool knows(std::string_view text, char mode = 0) { return own.find(text, mode) != nullptr; }

    known_texts own;
};

TEST_F(KnownTexts, DifferInTheirLiteralsAlone)
{
    EXPECT_FALSE(knows("a = 1"));
    learn("select b from the_table where a = 12345 and b = 'x' and c=7;");
    for (const char* const text : {"select b from the_table where a = 12345 and b = 'x' and c=7;",
                                   "select b from the_table where a = 0 and b = 'another' and c=1234567890123456789;",
                                   "select b from the_table where a = 5 and b = '' and c=7;",
                                   "select b from the_table where a = 5 and b = '\xff 1 \" --' and c=7;"}) {
        EXPECT_TRUE(knows(text)) << text;
    }
    for (const char* const text : {"select b from the_table where a =  and b = 'x' and c=7;",
                                   "select b from the_table where a = 1.5 and b = 'x' and c=7;",
                                   "select b from the_table where a = 1 and b = 'it''s' and c=7;",
                                   "select b from the_table where a = 1 and b = ''' and c=7;",
                                   "select b from the_table where a = 1 and b = '\\' and c=7;",
                                   "select b from the_table where a = 1 and b = 'x and c=7;",
                                   "select b from the_table where a = 1 and b = 'x' and c=7",
                                   "select b from the_table where a = 1 and b = 'x' and c=7;;",
                                   "select b from the_table where a = 1 and b = 'x' and c=",
                                   "select b from the_table where a = 1 and b = '",
                                   "select b from the_table where a = 1",
                                   "select c from the_table where a = 1 and b = 'x' and c=7;",
                                   "Select b from the_table where a = 1 and b = 'x' and c=7;",
                                   ""}) {
        EXPECT_FALSE(knows(text)) << text;
    }
    EXPECT_FALSE(knows("select b from the_table where a = 12345 and b = 'x' and c=7;", 1)) << "in another mode";
}

TEST_F(KnownTexts, AreToldApartThoughTheyHaveTheSameLetters)
{
    learn("select a from t order by b", read_verdict::read);
    learn("select b from t order by a", read_verdict::function);
    EXPECT_EQ(own.find("select a from t order by b", 0)->facts.verdict, read_verdict::read);
    EXPECT_EQ(own.find("select b from t order by a", 0)->facts.verdict, read_verdict::function);
}

TEST_F(KnownTexts, AreOfAnyLengthUpToABound)
{
    for (std::size_t size = 1; size <= known_texts::longest + 40; ++size) {
        const std::string text(size, 'x');
        learn(text);
        if (!knows(text)) {
            learn(text);  // there was no place, and now there is
        }
        EXPECT_EQ(knows(text), size <= known_texts::longest) << size;
    }
}

TEST_F(KnownTexts, AreNotTakenWhereTheirLiteralsAreOfOtherKinds)
{
    literal_places literals;
    literals.spoil();
    own.learn("a = 1.5", 0, literals, {});
    EXPECT_EQ(own.size(), 0U);
    std::string many = "1";
    for (std::size_t each = 0; each < literal_places::most; ++each) {
        many += ",1";
    }
    learn(many);
    EXPECT_EQ(own.size(), 0U);
    learn(many.substr(2));
    EXPECT_EQ(own.size(), 1U);
}

TEST_F(KnownTexts, AreForgottenWhereTooManyCome)
{
    const auto name_of = [](std::size_t number) {
        std::string name;
        for (; number > 0; number /= 26) {
            name.push_back(static_cast<char>('a' + number % 26));
        }
        return name;
    };
    std::size_t most = 0;
    for (std::size_t each = 1; each < 10000; ++each) {
        learn("select " + name_of(each) + " from t");
        most = std::max(most, own.size());
    }
    EXPECT_GT(most, 900U);
    EXPECT_LE(most, 1024U);
    const std::string newest = "select what_comes_now from t";
    learn(newest);
    learn(newest);
    EXPECT_TRUE(knows(newest)) << "whatever came before";
}

TEST_F(KnownTexts, MayBeToldAnew)
{
    learn("a = 1");
    auto* const known = own.find("a = 2", 0);
    ASSERT_NE(known, nullptr);
    *known = {.facts = {.verdict = read_verdict::writes}, .version = 7};
    EXPECT_EQ(own.find("a = 3", 0)->facts.verdict, read_verdict::writes);
    EXPECT_EQ(own.find("a = 3", 0)->version, 7U);
}

}  // namespace
