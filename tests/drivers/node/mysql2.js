// SPDX-License-Identifier: Apache-2.0
//
// mysql2 of npm: query (text) and execute (prepared statements, binary rows), with its own defaults.
"use strict";

const assert = require("node:assert/strict");
const { Readable } = require("node:stream");
const mysql = require("mysql2/promise");
const { runChecks, fails } = require("./checks");
const { account, numbers, thousand } = require("./mysql_steps");

async function main() {
  const client = await mysql.createConnection({ ...account, multipleStatements: true, maxPreparedStatements: 100 });
  const value = async (sql, values) => Object.values((await client.query(sql, values))[0][0])[0];
  const executed = async (sql, values) => Object.values((await client.execute(sql, values))[0][0])[0];
  const failed = await runChecks({
    connects: async () => assert.match(await value("select current_user()"), /^app@/),
    "takes parameters": async () => {
      assert.equal(await value("select ? + ?", [40, 2]), 42);
      assert.equal(await value("select ?", ["snow \u2603, a face \u{1F600} and a quote '"]), "snow \u2603, a face \u{1F600} and a quote '");
      assert.equal(await value("select ?", [null]), null);
    },
    "reads binary rows of many types": async () => {
      const [rows] = await client.execute("select cast(? as signed) i, cast(? as decimal(10,2)) d, cast(? as datetime(6)) t, " +
        "cast(? as char) c, ? n, cast(? as binary) b, 1.5e0 f", [-7, "12.30", "2024-02-29 12:34:56.123456", "text", null, "raw"]);
      assert.equal(rows[0].i, -7);
      assert.equal(rows[0].d, "12.30");
      assert.equal(rows[0].t.getMonth(), 1);
      assert.deepEqual([rows[0].c, rows[0].n, rows[0].b.toString(), rows[0].f], ["text", null, "raw", 1.5]);
    },
    "keeps prepared statements": async () => {
      for (const n of numbers(50)) assert.equal(await executed("select cast(? as signed) * 2", [n]), n * 2);
      const statement = await client.prepare("select 1 + cast(? as signed)");
      assert.equal(Object.values((await statement.execute([41]))[0][0])[0], 42);
      await statement.close();
    },
    "prepares more than it remembers": async () => {
      for (const n of numbers(300)) assert.equal(await executed(`select cast(? as signed) + ${n}`, [1]), n + 1);
    },
    "commits and rolls back": async () => {
      await client.query("drop table if exists node_mysql2; create table node_mysql2(id int auto_increment primary key, x int unique)");
      await client.beginTransaction();
      await client.execute("insert into node_mysql2(x) values (?)", [1]);
      await client.commit();
      await client.beginTransaction();
      await client.execute("insert into node_mysql2(x) values (?)", [2]);
      await client.rollback();
      assert.equal(await value("select count(*) from node_mysql2"), 1);
    },
    "learns of its last insert": async () => {
      const [result] = await client.query("insert into node_mysql2(x) values (?)", [3]);
      assert.equal(result.affectedRows, 1);
      assert.equal(await value("select last_insert_id()"), result.insertId);
    },
    "goes on after an error": async () => {
      assert.equal((await fails(client.query("select * from nowhere"), "ER_NO_SUCH_TABLE")).sqlState, "42S02");
      await fails(client.execute("insert into node_mysql2(x) values (?)", [1]), "ER_DUP_ENTRY");
      await fails(client.execute("select from"), "ER_PARSE_ERROR");
      assert.equal(await executed("select 1"), 1);
    },
    "sends several statements at once": async () => {
      const [results] = await client.query("select 1 a; select 2 b; select 3 c");
      assert.deepEqual(results.map((rows) => Object.values(rows[0])[0]), [1, 2, 3]);
    },
    "queues queries without waiting": async () => {
      const answers = await Promise.all(numbers(50).map((n) => client.query("select ? n", [n])));
      assert.deepEqual(answers.map(([rows]) => rows[0].n), numbers(50));
    },
    "calls a procedure": async () => {
      await client.query("drop procedure if exists node_mysql2_p; create procedure node_mysql2_p(in a int, out b int) " +
        "begin select a; select a + 1; set b = a + 2; end");
      const [results] = await client.query("call node_mysql2_p(1, @out)");
      assert.deepEqual([results[0][0].a, Object.values(results[1][0])[0]], [1, 2]);
      assert.equal(await value("select @out"), 3);
    },
    "keeps its variables": async () => {
      await client.query("set @mine = 'kept', sql_mode = 'ANSI_QUOTES', time_zone = '+02:00'");
      assert.deepEqual([await value("select @mine"), await value("select @@sql_mode"), await value("select @@time_zone")],
        ["kept", "ANSI_QUOTES", "+02:00"]);
    },
    "starts anew when the user changes": async () => {
      await client.changeUser({ user: account.user, password: account.password, database: "other" });
      assert.equal(await value("select database()"), "other");
      assert.equal(await value("select @mine"), null);
      await client.changeUser({ ...account });
    },
    "loads a local file": async () => {
      await client.query("create temporary table node_loaded(x int, y text)");
      const lines = ["1\tone\n", "2\ttwo\n"].map((line) => Buffer.from(line));
      await client.query({ sql: "load data local infile 'rows' into table node_loaded", infileStreamFactory: () => Readable.from(lines) });
      assert.equal(Number(await value("select sum(x) from node_loaded")), 3);
      await client.query("drop temporary table node_loaded");
    },
    "reads large values": async () => assert.equal((await value("select repeat('x', 20000000)")).length, 20000000),
    "writes large values": async () => assert.equal(await executed("select length(?)", ["y".repeat(20000000)]), 20000000),
    "streams rows": async () => {
      let sum = 0;
      for await (const row of client.connection.query(thousand).stream()) sum += row.x;
      assert.equal(sum, 499500);
    },
    "pings and resets": async () => {
      await client.ping();
      await client.query("set @mine = 1");
      await client.reset();
      assert.equal(await value("select @mine"), null);
    },
    "is killed by another connection": async () => {
      const other = await mysql.createConnection(account);
      const [{ id }] = (await other.query("select connection_id() id"))[0];
      const slept = fails(other.query("select sleep(30) from (select 1 union all select 2) two"));
      await client.query("kill query ?", [id]).catch(() => {});
      const again = setInterval(() => client.query("kill query ?", [id]).catch(() => {}), 50);
      assert.equal((await slept).code, "ER_QUERY_INTERRUPTED");
      clearInterval(again);
      await other.end();
    },
    "shares a pool": async () => {
      const pool = mysql.createPool({ ...account, connectionLimit: 20 });
      const answers = await Promise.all(numbers(100).map((n) => pool.execute("select cast(? as signed) n", [n])));
      assert.deepEqual(answers.map(([rows]) => rows[0].n), numbers(100));
      await pool.end();
    },
    "compresses": async () => {
      const packed = await mysql.createConnection({ ...account, compress: true });
      const [rows] = await packed.query("select repeat('x', 200000) s");
      assert.equal(rows[0].s.length, 200000);
      await packed.end();
    },
  });
  await client.query("drop table if exists node_mysql2; drop procedure if exists node_mysql2_p");
  await client.end();
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => { console.log(`not ok everything: ${error.stack}`); process.exitCode = 1; });
