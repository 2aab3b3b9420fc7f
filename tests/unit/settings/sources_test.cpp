// SPDX-License-Identifier: Apache-2.0
//
// Environment variables in texts, secrets in files.
#include "settings/sources.hpp"

#include "support.hpp"

namespace penstock::settings {
namespace {

std::string put_in(std::string_view written)
{
    const auto out = substitute(written, variables({{"A", "one"}, {"B_2", "two"}, {"NEST", "${A}"}, {"EMPTY", ""}}));
    EXPECT_EQ(out.fault, "");
    return out.text;
}

TEST(Substitute, PutsVariablesIn)
{
    EXPECT_EQ(put_in("${A}"), "one");
    EXPECT_EQ(put_in("x${A}y${B_2}${A}z"), "xoneytwoonez");
    EXPECT_EQ(put_in("${EMPTY}"), "");
    EXPECT_EQ(put_in(""), "");
}

TEST(Substitute, LeavesOtherDollarsAlone)
{
    EXPECT_EQ(put_in("where name = $1"), "where name = $1");
    EXPECT_EQ(put_in("$A $ $$ a$"), "$A $ $$ a$");
    EXPECT_EQ(put_in("SCRAM-SHA-256$4096:x$y:z"), "SCRAM-SHA-256$4096:x$y:z");
}

TEST(Substitute, CanBeEscaped)
{
    EXPECT_EQ(put_in("$${A}"), "${A}");
    EXPECT_EQ(put_in("a$${A}${A}"), "a${A}one");
}

TEST(Substitute, LooksAtNothingTwice)
{
    EXPECT_EQ(put_in("${NEST}"), "${A}");
}

TEST(Substitute, TellsWhatIsMissingByName)
{
    EXPECT_EQ(substitute("${GONE}", variables({})).fault, "the environment variable GONE is not set");
    for (const auto* text : {"${", "${}", "${A", "${A B}", "${1}", "x${-}"}) {
        EXPECT_NE(substitute(text, variables({{"A", "x"}})).fault, "") << text;
    }
}

TEST(SecretFile, LosesOneFinalNewline)
{
    const temporary_folder folder;
    EXPECT_EQ(read_secret_file(folder.file("a", "pw\n")).text.reveal(), "pw");
    EXPECT_EQ(read_secret_file(folder.file("b", "pw\r\n")).text.reveal(), "pw");
    EXPECT_EQ(read_secret_file(folder.file("c", "pw")).text.reveal(), "pw");
    EXPECT_EQ(read_secret_file(folder.file("d", "p w\n\n")).text.reveal(), "p w\n");
}

TEST(SecretFile, MustHoldASecret)
{
    const temporary_folder folder;
    EXPECT_NE(read_secret_file(folder.path("gone")).fault.find("No such file"), std::string::npos);
    EXPECT_NE(read_secret_file(folder.path("")).fault.find("folder"), std::string::npos);
    EXPECT_NE(read_secret_file(folder.file("a", "\n")).fault.find("empty"), std::string::npos);
    EXPECT_NE(read_secret_file(folder.file("b", std::string_view{"x\0y", 3})).fault.find("zero"), std::string::npos);
    EXPECT_NE(read_secret_file(folder.file("c", "12345"), 4).fault.find("larger"), std::string::npos);
}

TEST(PathFrom, StartsRelativePathsAtTheFolder)
{
    EXPECT_EQ(path_from("/etc/penstock", "a.crt"), "/etc/penstock/a.crt");
    EXPECT_EQ(path_from("/etc/penstock", "../a.crt"), "/etc/a.crt");
    EXPECT_EQ(path_from("/etc/penstock", "/a.crt"), "/a.crt");
    EXPECT_EQ(path_from("", "a.crt"), "a.crt");
}

}  // namespace
}  // namespace penstock::settings
