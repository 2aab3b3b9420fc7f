// SPDX-License-Identifier: Apache-2.0
//
// postgres.js through Penstock. It prepares every statement, pipelines by itself and cancels.
"use strict";

const assert = require("node:assert/strict");
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const postgres = require("postgres");
const { runChecks, fails } = require("./checks");

async function main() {
  const sql = postgres(process.env.DATABASE_URL, { max: 5, onnotice: () => {} });
  const failed = await runChecks({
    connects: async () => assert.equal((await sql`select current_user as name`)[0].name, "app"),
    "takes parameters": async () => {
      assert.equal((await sql`select ${40}::int + ${2}::int as n`)[0].n, 42);
      assert.equal((await sql`select ${null}::text as t`)[0].t, null);
    },
    "keeps prepared statements": async () => {
      for (let number = 0; number < 50; number++) assert.equal((await sql`select ${number}::int * 2 as n`)[0].n, number * 2);
    },
    "sends queries in pipelines": async () => {
      const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => sql`select ${n}::int as n`));
      assert.deepEqual(answers.map((rows) => rows[0].n), Array.from({ length: 200 }, (_, n) => n));
    },
    "commits and rolls back": async () => {
      await sql`drop table if exists postgres_js`;
      await sql`create table postgres_js(x int)`;
      await sql.begin(async (tx) => {
        await tx`insert into postgres_js values (1)`;
        await tx.savepoint(async (inner) => {
          await inner`insert into postgres_js values (2)`;
          throw new Error("not this one");
        }).catch(() => {});
      });
      await fails(sql.begin(async (tx) => {
        await tx`insert into postgres_js values (3)`;
        throw new Error("nor this one");
      }));
      assert.equal((await sql`select count(*)::int as n from postgres_js`)[0].n, 1);
    },
    "goes on after an error": async () => {
      await fails(sql`select 1/0`, "22012");
      await fails(sql`select * from nowhere`, "42P01");
      assert.equal((await sql`select 1 as n`)[0].n, 1);
    },
    "copies in": async () => {
      await sql`truncate postgres_js`;
      await pipeline(Readable.from(["1\n", "2\n", "3\n"]), await sql`copy postgres_js from stdin`.writable());
      assert.equal((await sql`select sum(x)::int as n from postgres_js`)[0].n, 6);
    },
    "walks by a cursor": async () => {
      let sum = 0;
      for await (const rows of sql`select generate_series(1, 100) as n`.cursor(10)) for (const row of rows) sum += row.n;
      assert.equal(sum, 5050);
    },
    "hears notifications": async () => {
      let hear;
      const heard = new Promise((resolve) => { hear = resolve; });
      const listening = await sql.listen("js_news", hear);
      await sql.notify("js_news", "hello");
      assert.equal(await heard, "hello");
      await listening.unlisten();
    },
    cancels: async () => {
      const query = sql`select pg_sleep(30)`.execute();
      const running = async () => (await sql`select 1 from pg_stat_activity where query like 'select pg_sleep(30)%'
                                             and state = 'active'`).length > 0;
      while (!(await running())) { /* until the server has it */ }
      query.cancel();
      await fails(query, "57014");
    },
  });
  await sql`drop table if exists postgres_js`;
  await sql.end();
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => { console.log(`not ok everything: ${error.stack}`); process.exitCode = 1; });
