// SPDX-License-Identifier: Apache-2.0
//
// mysqljs (the package "mysql"), which speaks the protocol as of MySQL 5.7: text queries, mysql_native_password, no CLIENT_PLUGIN_AUTH_LENENC.
"use strict";

const assert = require("node:assert/strict");
const { promisify } = require("node:util");
const mysql = require("mysql");
const { runChecks, fails } = require("./checks");
const { account, numbers, thousand } = require("./mysql_steps");

async function main() {
  const client = mysql.createConnection({ ...account, multipleStatements: true });
  const call = (name, ...given) => promisify(client[name]).call(client, ...given);
  const query = (sql, values) => call("query", sql, values);
  const value = async (sql, values) => Object.values((await query(sql, values))[0])[0];
  await call("connect");
  const failed = await runChecks({
    connects: async () => assert.match(await value("select current_user()"), /^app@/),
    "takes parameters": async () => {
      assert.equal(await value("select ? + ?", [40, 2]), 42);
      assert.equal(await value("select ?", ["snow \u2603 and a quote '"]), "snow \u2603 and a quote '");
      assert.equal(await value("select ?", [null]), null);
    },
    "commits and rolls back": async () => {
      await query("drop table if exists node_mysqljs; create table node_mysqljs(id int auto_increment primary key, x int unique)");
      await call("beginTransaction");
      await query("insert into node_mysqljs(x) values (?)", [1]);
      await call("commit");
      await call("beginTransaction");
      await query("insert into node_mysqljs(x) values (?)", [2]);
      await call("rollback");
      assert.equal(await value("select count(*) from node_mysqljs"), 1);
    },
    "learns of its last insert": async () => {
      const result = await query("insert into node_mysqljs(x) values (?)", [3]);
      assert.equal(await value("select last_insert_id()"), result.insertId);
    },
    "goes on after an error": async () => {
      await fails(query("select * from nowhere"), "ER_NO_SUCH_TABLE");
      assert.equal(await value("select 1"), 1);
    },
    "sends several statements at once": async () => {
      const results = await query("select 1 a; select 2 b; select 3 c");
      assert.deepEqual(results.map((rows) => Object.values(rows[0])[0]), [1, 2, 3]);
    },
    "keeps its variables": async () => {
      await query("set @mine = 'kept', sql_mode = 'ANSI_QUOTES'");
      assert.deepEqual([await value("select @mine"), await value("select @@sql_mode")], ["kept", "ANSI_QUOTES"]);
    },
    "starts anew when the user changes": async () => {
      await call("changeUser", { database: "other" });
      assert.equal(await value("select database()"), "other");
      assert.equal(await value("select @mine"), null);
    },
    "streams rows": async () => {
      let sum = 0;
      await new Promise((resolve, reject) => client.query(thousand).stream()
        .on("data", (row) => { sum += row.x; }).on("end", resolve).on("error", reject));
      assert.equal(sum, 499500);
    },
    "shares a pool": async () => {
      const pool = mysql.createPool({ ...account, connectionLimit: 20 });
      const answers = await Promise.all(numbers(100).map((n) => promisify(pool.query).call(pool, "select ? n", [n])));
      assert.deepEqual(answers.map((rows) => rows[0].n), numbers(100));
      await promisify(pool.end).call(pool);
    },
  });
  await query("drop table if exists app.node_mysqljs");
  await call("end");
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => { console.log(`not ok everything: ${error.stack}`); process.exitCode = 1; });
