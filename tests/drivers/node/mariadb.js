// SPDX-License-Identifier: Apache-2.0
//
// MariaDB's own driver of npm ("mariadb"): text and prepared statements, batches (in bulk where the server can), pipelined queries, pools.
"use strict";

const assert = require("node:assert/strict");
const mariadb = require("mariadb");
const { runChecks, fails } = require("./checks");
const { account, numbers, thousand } = require("./mysql_steps");

async function main() {
  const client = await mariadb.createConnection({ ...account, allowPublicKeyRetrieval: true, multipleStatements: true });
  const value = async (sql, values) => Object.values((await client.query(sql, values))[0])[0];
  const failed = await runChecks({
    connects: async () => assert.match(await value("select current_user()"), /^app@/),
    "takes parameters": async () => {
      assert.equal(Number(await value("select ? + ?", [40, 2])), 42);
      assert.equal(await value("select ?", ["snow \u2603, a face \u{1F600} and a quote '"]), "snow \u2603, a face \u{1F600} and a quote '");
      assert.equal(await value("select ?", [null]), null);
    },
    "keeps prepared statements": async () => {
      const statement = await client.prepare("select cast(? as signed) * 2 as twice");
      for (const n of numbers(50)) assert.equal(Number((await statement.execute([n]))[0].twice), n * 2);
      statement.close();
      for (const n of numbers(300)) assert.equal(Number((await client.execute(`select cast(? as signed) + ${n} as s`, [1]))[0].s), n + 1);
    },
    "commits and rolls back": async () => {
      await client.query("drop table if exists node_mariadb; create table node_mariadb(id int auto_increment primary key, x int unique)");
      await client.beginTransaction();
      await client.execute("insert into node_mariadb(x) values (?)", [1]);
      await client.commit();
      await client.beginTransaction();
      await client.execute("insert into node_mariadb(x) values (?)", [2]);
      await client.rollback();
      assert.equal(Number(await value("select count(*) from node_mariadb")), 1);
    },
    "learns of its last insert": async () => {
      const result = await client.query("insert into node_mariadb(x) values (?)", [3]);
      assert.equal(result.affectedRows, 1);
      assert.equal(await value("select last_insert_id()"), result.insertId);
    },
    "goes on after an error": async () => {
      assert.equal((await fails(client.query("select * from nowhere"), "ER_NO_SUCH_TABLE")).sqlState, "42S02");
      await fails(client.execute("insert into node_mariadb(x) values (?)", [1]), "ER_DUP_ENTRY");
      assert.equal(Number(await value("select 1")), 1);
    },
    "sends several statements at once": async () => {
      const results = await client.query("select 1 a; select 2 b; select 3 c");
      assert.deepEqual(results.map((rows) => Number(Object.values(rows[0])[0])), [1, 2, 3]);
    },
    "sends queries ahead of their answers": async () => {
      const answers = await Promise.all(numbers(50).map((n) => client.query("select ? as n", [n])));
      assert.deepEqual(answers.map((rows) => Number(rows[0].n)), numbers(50));
    },
    "sends batches": async () => {
      await client.query("truncate node_mariadb");
      const result = await client.batch("insert into node_mariadb(x) values (?)", numbers(500).map((n) => [n]));
      assert.equal([result].flat().reduce((sum, part) => sum + part.affectedRows, 0), 500);
      assert.equal(Number(await value("select sum(x) from node_mariadb")), 124750);
      await fails(client.batch("insert into node_mariadb(x) values (?)", [[1000], [0], [1001]]), "ER_DUP_ENTRY");
    },
    "calls a procedure": async () => {
      await client.query("drop procedure if exists node_mariadb_p; create procedure node_mariadb_p(in a int) begin select a; select a + 1; end");
      const results = await client.query("call node_mariadb_p(1)");
      assert.deepEqual([results[0][0].a, Number(Object.values(results[1][0])[0])], [1, 2]);
    },
    "keeps its variables": async () => {
      await client.query("set @mine = 'kept', sql_mode = 'ANSI_QUOTES'");
      assert.deepEqual([await value("select @mine"), await value("select @@sql_mode")], ["kept", "ANSI_QUOTES"]);
      await client.reset();
      assert.equal(await value("select @mine"), null);
    },
    "starts anew when the user changes": async () => {
      if (!client.info.isMariaDB()) return fails(client.changeUser(account), undefined); // the driver refuses it there, MySQL bug 83472
      await client.changeUser({ user: account.user, password: account.password, database: "other" });
      assert.equal(await value("select database()"), "other");
      await client.changeUser({ ...account });
    },
    "streams rows": async () => {
      let sum = 0;
      for await (const row of client.queryStream(thousand)) sum += Number(row.x);
      assert.equal(sum, 499500);
    },
    "reads large values": async () => assert.equal((await value("select repeat('x', 20000000)")).length, 20000000),
    "shares a pool": async () => {
      const pool = mariadb.createPool({ ...account, allowPublicKeyRetrieval: true, connectionLimit: 20, resetAfterUse: true });
      const answers = await Promise.all(numbers(100).map((n) => pool.query("select ? as n", [n])));
      assert.deepEqual(answers.map((rows) => Number(rows[0].n)), numbers(100));
      await pool.end();
    },
  });
  await client.query("drop table if exists node_mariadb; drop procedure if exists node_mariadb_p");
  await client.end();
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => { console.log(`not ok everything: ${error.stack}`); process.exitCode = 1; });
