// SPDX-License-Identifier: Apache-2.0
//
// node-postgres (the package "pg") through Penstock.
"use strict";

const assert = require("node:assert/strict");
const { pipeline } = require("node:stream/promises");
const { Readable, Writable } = require("node:stream");
const { Client, Pool } = require("pg");
const copy = require("pg-copy-streams");
const { runChecks, fails } = require("./checks");

const connectionString = process.env.DATABASE_URL;

async function main() {
  const client = new Client({ connectionString });
  await client.connect();
  const value = async (text, values) => Object.values((await client.query(text, values)).rows[0])[0];
  const failed = await runChecks({
    connects: async () => assert.equal(await value("select current_user"), "app"),
    "takes parameters": async () => {
      assert.equal(await value("select $1::int + $2::int", [40, 2]), 42);
      assert.equal(await value("select $1::text", [null]), null);
      assert.deepEqual(await value("select $1::int[]", [[1, 2]]), [1, 2]);
    },
    "keeps prepared statements": async () => {
      for (let number = 0; number < 20; number++) {
        const result = await client.query({ name: "double", text: "select $1::int * 2 as twice", values: [number] });
        assert.equal(result.rows[0].twice, number * 2);
      }
    },
    "commits and rolls back": async () => {
      await client.query("drop table if exists node_pg; create table node_pg(x int)");
      await client.query("begin");
      await client.query("insert into node_pg values ($1)", [1]);
      await client.query("commit");
      await client.query("begin");
      await client.query("insert into node_pg values ($1)", [2]);
      await client.query("rollback");
      assert.equal(await value("select count(*)::int from node_pg"), 1);
    },
    "goes on after an error": async () => {
      await fails(client.query("select 1/0"), "22012");
      await fails(client.query("select $1::int", ["x"]), "22P02");
      assert.equal(await value("select 1"), 1);
    },
    "sends several queries at once": async () => {
      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => client.query("select $1::int as n", [n])));
      assert.deepEqual(results.map((result) => result.rows[0].n), Array.from({ length: 50 }, (_, n) => n));
    },
    "copies in and out": async () => {
      await client.query("truncate node_pg");
      await pipeline(Readable.from(["1\n", "2\n", "3\n"]), client.query(copy.from("copy node_pg from stdin")));
      let text = "";
      await pipeline(client.query(copy.to("copy node_pg to stdout")),
        new Writable({ write(chunk, _, done) { text += chunk; done(); } }));
      assert.equal(text, "1\n2\n3\n");
    },
    "hears notifications": async () => {
      const heard = new Promise((resolve) => client.once("notification", (message) => resolve(message.payload)));
      await client.query("listen node_news");
      await client.query("notify node_news, 'hello'");
      assert.equal(await heard, "hello");
    },
    "keeps its settings": async () => {
      await client.query("set application_name = 'node'");
      assert.equal(await value("show application_name"), "node");
    },
    "gives up in time": async () => {
      const hasty = new Client({ connectionString, statement_timeout: 100 });
      await hasty.connect();
      await fails(hasty.query("select pg_sleep(30)"), "57014");
      await hasty.end();
    },
    "shares a pool": async () => {
      const pool = new Pool({ connectionString, max: 20 });
      const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => pool.query("select $1::int as n", [n])));
      assert.deepEqual(answers.map((answer) => answer.rows[0].n), Array.from({ length: 100 }, (_, n) => n));
      await pool.end();
    },
  });
  await client.query("drop table if exists node_pg");
  await client.end();
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => { console.log(`not ok everything: ${error.stack}`); process.exitCode = 1; });
