// SPDX-License-Identifier: Apache-2.0
//
// Which settings a text changes for the session: SET, RESET and set_config() in all their forms.
#include "effects_support.hpp"

namespace penstock::postgresql {
namespace {

TEST(EffectsOfSet, NameTheSetting)
{
    expect_effects({
        {"SET statement_timeout = 100", "set touched:statement_timeout"},
        {"SET statement_timeout TO '5s'", "set touched:statement_timeout"},
        {"set Statement_Timeout=0;", "set touched:statement_timeout"},
        {"SET SESSION work_mem = '1MB'", "set touched:work_mem"},
        {"SET\n--c\nSESSION /* x */ work_mem\tTO DEFAULT", "set touched:work_mem resets:work_mem"},
        {"SET search_path TO a, b, \"C\"", "set touched:search_path"},
        {"SET \"DateStyle\" = 'ISO, MDY'", "set touched:datestyle"},
        {"SET DateStyle FROM CURRENT", "set touched:datestyle"},
        {"SET seq_page_cost = -1.5e3", "set touched:seq_page_cost"},
        {"SET application_name = 'SET x = 1; RESET ALL'", "set touched:application_name"},
        {"SET sort_mem = 64", "set touched:work_mem"},
        {"SET vacuum_mem = 64", "set touched:maintenance_work_mem"},
    });
}

TEST(EffectsOfSet, NameCustomSettings)
{
    expect_effects({
        {"SET app.tenant = '1'", "set touched:app.tenant"},
        {"SET App.Tenant TO 1", "set touched:app.tenant"},
        {"SET \"App\".\"x\" = 1", "set touched:app.x"},
        {"SET app . tenant = 1", "set touched:app.tenant"},
        {"SET a.b.c = 1", "set touched:a.b.c"},
        {"SET session.x = 1", "set touched:session.x"},
        {"SET local.x = 1", "set touched:local.x"},
        {"SET role.x = 1", "set touched:role.x"},
        {"SET time.zone = 1", "set touched:time.zone"},
        {"SET transaction.x = 1", "set touched:transaction.x"},
        {"SET SESSION session.x = 1", "set touched:session.x"},
        {"SET LOCAL local.x = 1", "set"},
    });
}

TEST(EffectsOfSet, KnowTheSpecialForms)
{
    expect_effects({
        {"SET TIME ZONE 'UTC'", "set touched:timezone"},
        {"SET TIME ZONE -7", "set touched:timezone"},
        {"SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE", "set touched:timezone"},
        {"SET TIME ZONE LOCAL", "set touched:timezone resets:timezone"},
        {"SET TIME ZONE DEFAULT", "set touched:timezone resets:timezone"},
        {"SET SESSION TIME ZONE 'UTC'", "set touched:timezone"},
        {"SET NAMES 'UTF8'", "set touched:client_encoding"},
        {"SET NAMES DEFAULT", "set touched:client_encoding resets:client_encoding"},
        {"SET NAMES", "set touched:client_encoding resets:client_encoding"},
        {"SET NAMES; SELECT 1", "set*2 touched:client_encoding resets:client_encoding"},
        {"SET SCHEMA 'app'", "set touched:search_path"},
        {"SET XML OPTION DOCUMENT", "set touched:xmloption"},
        {"SET SESSION XML OPTION CONTENT", "set touched:xmloption"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
         "set touched:default_transaction_isolation,default_transaction_read_only,default_transaction_deferrable"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
         "set touched:default_transaction_isolation,default_transaction_read_only,default_transaction_deferrable"},
        {"SET LOCAL SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "set"},
        {"SET SEED TO 0.5", "set pins:setseed"},
        {"SET LOCAL seed = 0.5", "set pins:setseed"},
    });
}

TEST(EffectsOfSet, KnowRolesAndUsers)
{
    expect_effects({
        {"SET ROLE app", "set touched:role"},
        {"SET ROLE 'App'", "set touched:role"},
        {"SET ROLE NONE", "set touched:role"},
        {"SET ROLE 'none'", "set touched:role"},
        {"SET ROLE \"none\"", "set touched:role"},
        {"SET ROLE 'NONE'", "set touched:role"},
        {"SET role = app", "set touched:role"},
        {"SET role TO none", "set touched:role"},
        {"SET role TO DEFAULT", "set touched:role resets:role"},
        {"SET SESSION ROLE app", "set touched:role"},
        {"SET LOCAL ROLE app", "set"},
        {"SET SESSION AUTHORIZATION app", "set touched:session_authorization,role"},
        {"SET SESSION AUTHORIZATION 'App'", "set touched:session_authorization,role"},
        {"SET SESSION SESSION AUTHORIZATION app", "set touched:session_authorization,role"},
        {"SET SESSION AUTHORIZATION DEFAULT",
         "set touched:session_authorization,role resets:session_authorization,role"},
        {"SET session_authorization = app", "set touched:session_authorization,role"},
        {"SET LOCAL SESSION AUTHORIZATION app", "set"},
    });
}

TEST(EffectsOfSet, LeaveOutWhatEndsWithTheTransaction)
{
    expect_effects({
        {"SET LOCAL statement_timeout = 100", "set"},
        {"SET LOCAL app.tenant = '1'", "set"},
        {"SET LOCAL TIME ZONE 'UTC'", "set"},
        {"SET LOCAL NAMES 'UTF8'", "set"},
        {"SET LOCAL SCHEMA 'x'", "set"},
        {"SET LOCAL x TO DEFAULT", "set"},
        {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "set"},
        {"SET TRANSACTION READ ONLY", "set"},
        {"SET TRANSACTION SNAPSHOT '00000003-0000001B-1'", "set"},
        {"SET SESSION TRANSACTION READ ONLY", "set"},
        {"SET CONSTRAINTS ALL DEFERRED", "set"},
        {"SET CONSTRAINTS a.b, c IMMEDIATE", "set"},
        {"SET transaction_isolation = 'serializable'", "set"},
        {"SET transaction_read_only = on", "set"},
        {"SET transaction_deferrable TO on", "set"},
    });
}

TEST(EffectsOfSet, AreNoneWhereItIsNoStatement)
{
    expect_effects({
        {"SET", "set"},
        {"SET SESSION", "set"},
        {"SET x", "set"},
        {"SET x.y", "set"},
        {"SET 'x' = 1", "set"},
        {"SET x y = 1", "set"},
        {"UPDATE t SET statement_timeout = 1", "update"},
        {"INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET search_path = 'x'", "insert"},
        {"ALTER ROLE app SET search_path = a, pg_temp", "alter"},
        {"ALTER DATABASE app SET work_mem = 1", "alter"},
        {"ALTER SYSTEM SET work_mem = 1", "alter"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = 1 AS 'select 1'", "create"},
        {"SHOW search_path", "show"},
        {"\"SET\" x = 1", "other"},
    });
}

TEST(EffectsOfSet, AreUnknownWhereTheNameCannotBeRead)
{
    const std::string long_name = "SET a" + std::string(62, 'x') + ".b" + std::string(62, 'y') + ".c = 1";
    expect_effects({
        {"SET U&\"w\\006Frk_mem\" = 1", "set pins:unknown_setting,opaque"},
        {"SET \"a\"\"b\" = 1", "set pins:unknown_setting"},
        {long_name, "set pins:unknown_setting"},
    });
}

TEST(EffectsOfReset, NameTheSetting)
{
    expect_effects({
        {"RESET statement_timeout", "reset touched:statement_timeout resets:statement_timeout"},
        {"RESET \"DateStyle\"", "reset touched:datestyle resets:datestyle"},
        {"RESET app.tenant", "reset touched:app.tenant resets:app.tenant"},
        {"RESET TIME ZONE", "reset touched:timezone resets:timezone"},
        {"RESET timezone", "reset touched:timezone resets:timezone"},
        {"RESET time.x", "reset touched:time.x resets:time.x"},
        {"RESET ROLE", "reset touched:role resets:role"},
        {"RESET session_authorization", "reset touched:session_authorization,role resets:session_authorization,role"},
        {"RESET SESSION AUTHORIZATION", "reset touched:session_authorization,role resets:session_authorization,role"},
        {"RESET TRANSACTION ISOLATION LEVEL", "reset"},
        {"RESET", "reset"},
        {"RESET a b", "reset"},
        {"RESET a.", "reset"},
    });
}

TEST(EffectsOfReset, CoverWhatWasSetBefore)
{
    expect_effects({
        {"RESET ALL", "reset reset_all"},
        {"RESET \"all\"", "reset touched:all resets:all"},
        {"SET a = 1; RESET ALL", "set*2 touched:a resets:a reset_all"},
        {"SET ROLE x; RESET ALL", "set*2 touched:role reset_all"},
        {"RESET ALL; SET a = 1", "reset*2 touched:a reset_all"},
        {"SET a = 1; RESET a", "set*2 touched:a resets:a"},
        {"RESET a; SET a = 1", "reset*2 touched:a"},
        {"SET a = 1; SET A = 2; SET \"a\" = 3", "set*3 touched:a"},
    });
}

TEST(EffectsOfSet, AreBoundedInNumber)
{
    std::string text;
    std::string names;
    for (std::size_t setting = 0; setting < text_effects::most_names; ++setting) {
        const auto name = "a" + std::to_string(setting);
        text.append("SET ").append(name).append(" = 1;");
        names.append(names.empty() ? "" : ",").append(name);
    }
    expect_effects({{text, "set*16 touched:" + names}});
    text.append("SET a0 = 2;");
    expect_effects({{text, "set*17 touched:" + names}});
    text.append("SET more = 1");
    expect_effects({{text, "set*18 touched:" + names + " pins:unknown_setting"}});
}

TEST(EffectsOfSetConfig, NameTheSetting)
{
    expect_effects({
        {"SELECT set_config('app.tenant', '1', false)", "select touched:app.tenant"},
        {"SELECT set_config('App.Tenant', $1, FALSE)", "select touched:app.tenant"},
        {"SELECT pg_catalog.set_config('search_path', '', false)", "select touched:search_path"},
        {"SELECT \"set_config\"('a', 'b', false)", "select touched:a"},
        {"SELECT pg_catalog . \"set_config\" /* x */ ('a', 'b', false)", "select touched:a"},
        {"SELECT Set_Config ( E'a' , 'b' , false )", "select touched:a"},
        {"SELECT set_config('a'::text, 'b'::text, false::boolean)", "select touched:a"},
        {"SELECT set_config('a', f(1, 'x', (2)), false)", "select touched:a"},
        {"SELECT set_config('a', 'b', false), set_config('c', 'd', false)", "select touched:a,c"},
        {"SELECT 1 WHERE EXISTS (SELECT set_config('a', 'b', false))", "select touched:a"},
        {"WITH x AS (SELECT set_config('a', 'b', false)) SELECT * FROM x", "with touched:a"},
        {"INSERT INTO t SELECT set_config('a', 'b', false)", "insert touched:a"},
        {"EXPLAIN ANALYZE SELECT set_config('a', 'b', false)", "explain touched:a"},
        {"SELECT set_config('role', 'none', false)", "select touched:role"},
        {"SELECT set_config('session_authorization', 'x', false)", "select touched:session_authorization,role"},
        {"SELECT set_config('a', NULL, false)", "select touched:a"},
        {"SELECT set_config('seed', '0.5', false)", "select pins:setseed"},
        {"SELECT set_config('seed', '0.5', true)", "select pins:setseed"},
    });
}

TEST(EffectsOfSetConfig, AreNoneForTheTransaction)
{
    expect_effects({
        {"SELECT set_config('a', 'b', true)", "select"},
        {"SELECT set_config('a', 'b', TRUE)", "select"},
        {"SELECT set_config('a', 'b', 'true')", "select"},
        {"SELECT set_config('a', 'b', 't')", "select"},
        {"SELECT set_config('a', 'b', true::bool)", "select"},
        {"SELECT set_config($1, $2, true)", "select binds_path binds_name"},
        {"SELECT set_config($1, $2, true), set_config('x', $3, true)", "select binds_path binds_name"},
        {"SELECT set_config(f('a', 1), 'b', true)", "select"},
        {"SELECT set_config('a', set_config('b', 'c', true), true)", "select touched:a"},
    });
}

TEST(EffectsOfSetConfig, CountWhereLocalityIsNotCertain)
{
    expect_effects({
        {"SELECT set_config('a', 'b', $1)", "select touched:a"},
        {"SELECT set_config('a', 'b', true AND false)", "select touched:a"},
        {"SELECT set_config('a', 'b', NOT true)", "select touched:a"},
        {"SELECT set_config('a', 'b', (true))", "select touched:a"},
        {"SELECT set_config('a', 'b', true = false)", "select touched:a"},
        {"SELECT set_config('a', 'b', 'tr' 'ue')", "select touched:a"},
        {"SELECT set_config('a', 'b', E'\\x66')", "select touched:a"},
        {"SELECT set_config('a', 'b', true::text::bool AND x)", "select touched:a"},
        {"SELECT set_config('a', 'b')", "select touched:a"},
        {"SELECT set_config('a', 'b', is_local => true)", "select touched:a"},
    });
}

TEST(EffectsOfSetConfig, AreUnknownWhereTheNameIsNotALiteral)
{
    expect_effects({
        {"SELECT set_config($1, $2, false)", "select binds_path binds_name pins:unknown_setting"},
        {"SELECT set_config($1, $2, $3)", "select binds_path binds_name pins:unknown_setting"},
        {"SELECT set_config($1, 'c', false)", "select binds_name pins:unknown_setting"},
        {"SELECT set_config('app.' || $1, $2, false)", "select pins:unknown_setting"},
        {"SELECT set_config('a' || 'b', 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config('a'\n'b', 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config(name, setting, false) FROM saved", "select pins:temporary_object,unknown_setting"},
        {"SELECT set_config(E'\\x61', 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config(U&'\\0061', 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config('a''b', 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config($$a$$, 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config(('a'), 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config(setting_name => 'a', new_value => 'b', is_local => false)",
         "select pins:temporary_object,unknown_setting"},
        {"SELECT set_config('a'::mytype, 'c', false)", "select pins:unknown_setting"},
        {"SELECT set_config(set_config('a', 'b', true), 'c', true)", "select pins:temporary_object,unknown_setting"},
        {"SELECT set_config('', 'c', false)", "select pins:unknown_setting"},
        {"UPDATE pg_settings SET setting = 'x' WHERE name = 'a'", "update pins:unknown_setting"},
        {"UPDATE ONLY pg_catalog.pg_settings SET setting = 'x'", "update pins:unknown_setting"},
        {"WITH x AS (UPDATE \"pg_settings\" SET setting = 'x' RETURNING 1) SELECT 1", "with pins:unknown_setting"},
        {"SELECT * FROM pg_settings", "select"},
    });
}

TEST(EffectsOfSetConfig, CountOnlyForCalls)
{
    expect_effects({
        {"SELECT set_config FROM t", "select"},
        {"SELECT 'set_config(''a'', ''b'', false)'", "select"},
        {"SELECT 1 -- set_config('a', 'b', false)", "select"},
        {"SELECT \"SET_CONFIG\"('a', 'b', false)", "select"},
        {"SELECT my_set_config('a', 'b', false)", "select"},
        {"SELECT set_config_('a', 'b', false)", "select"},
        {"SELECT set_config + ('a')", "select"},
        {"SELECT set_config, ('a')", "select"},
        {"SELECT $$ set_config('a', 'b', false) $$", "select"},
    });
}

TEST(EffectsOfSetConfig, AreCautiousWhereTheTextEnds)
{
    expect_effects({
        {"SELECT set_config('a'", "select touched:a"},
        {"SELECT set_config(", "select pins:unknown_setting"},
        {"SELECT set_config('a', 'b", "select touched:a unterminated"},
    });
}

TEST(EffectsOfSetLimit, AreTheThreshold)
{
    expect_effects({{"SELECT set_limit(0.4)", "select touched:pg_trgm.similarity_threshold"}});
}

TEST(EffectsOfSearchPath, IncludeTheTemporarySchema)
{
    expect_effects({
        {"SET search_path = pg_temp, public", "set touched:search_path pins:temporary_object"},
        {"SET search_path = 'pg_temp', public", "set touched:search_path pins:temporary_object"},
        {"SET search_path = public, E'pg\\x5ftemp'", "set touched:search_path pins:temporary_object"},
        {"SET LOCAL search_path = \"pg_temp\"", "set pins:temporary_object"},
        {"SET SCHEMA 'pg_temp'", "set touched:search_path pins:temporary_object"},
        {"SET search_path = public, 'my schema'", "set touched:search_path"},
        {"SET application_name = 'pg_temp'", "set touched:application_name"},
        {"SELECT set_config('search_path', 'public, pg_temp', false)",
         "select touched:search_path pins:temporary_object"},
        {"SELECT set_config('search_path', 'PG_TEMP', true)", "select pins:temporary_object"},
        {"SELECT set_config('application_name', 'pg_temp', true)", "select"},
    });
}

TEST(EffectsOfSearchPath, AreDoubtedWhereNoTextShowsIt)
{
    for (const auto& value :
         {"$$pg_temp$$", "'pg_'\n'temp'", "public, 'a'\n'b'", "'my'\n-- more\n' schema'", "E'pg\\137temp'"}) {
        const auto text = std::string{"SET search_path = "} + value;
        expect_effects({{text, "set touched:search_path pins:temporary_object"}});
        EXPECT_TRUE(inspect(text, {}).may_end.has(pin_reason::temporary_object));
    }
    for (const auto& value : {"'pg_' || 'temp'",
                              "'pg_'\n'temp'",
                              "$$x$$",
                              "f('x')",
                              "x",
                              "NULL",
                              "(SELECT 'x')",
                              "$1 || 'x'",
                              "'x'::name"}) {
        const auto text = std::string{"SELECT set_config('search_path', "} + value + ", true)";
        expect_effects({{text, "select pins:temporary_object"}});
        EXPECT_TRUE(inspect(text, {}).may_end.has(pin_reason::temporary_object));
    }
    expect_effects({
        {"SET search_path = 'a', 'b', c", "set touched:search_path"},
        {"SELECT set_config('search_path', 'a'::text, true)", "select"},
        {"SELECT set_config('search_path', $1, true)", "select binds_path"},
        {"SELECT set_config('search_path', $1::text, true), set_config('a', x, true)", "select binds_path"},
        {"SELECT set_config('app.' || key, value, true) FROM json_each_text($1)", "select"},
        {"SELECT set_config('app' || key, value, true) FROM json_each_text($1)", "select pins:temporary_object"},
        {"SELECT set_config('app.a', $1, true)", "select"},
    });
}

TEST(EffectsOfSearchPath, DependOnWhatIsBound)
{
    const auto pins = [](std::string_view text, std::optional<bytes> values) {
        return with_bound(std::make_shared<const text_effects>(inspect(text, {})), values)->pins;
    };
    constexpr std::string_view path = "SELECT set_config('search_path', $1, true)";
    EXPECT_TRUE(pins(path, "public, seed").empty());
    EXPECT_EQ(pins(path, "public, PG_Temp"), pin_set{pin_reason::temporary_object});
    EXPECT_EQ(pins(path, {}), pin_set{pin_reason::temporary_object});
    constexpr std::string_view any = "SELECT set_config($1, $2, true)";
    EXPECT_TRUE(pins(any, "app.tenant 7").empty());
    EXPECT_EQ(pins(any, "Seed 0.5"), pin_set{pin_reason::setseed});
    EXPECT_TRUE(pins("SELECT $1", "pg_temp").empty());
    EXPECT_EQ(with_bound(nullptr, {}), nullptr);
}

}  // namespace
}  // namespace penstock::postgresql
