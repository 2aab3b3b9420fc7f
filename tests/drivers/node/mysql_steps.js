// SPDX-License-Identifier: Apache-2.0
//
// What the MySQL drivers of npm have in common: where to connect, and statements that more than one of them runs.
"use strict";

const address = new URL(process.env.DATABASE_URL);

const account = {
  host: address.hostname,
  port: Number(address.port),
  user: decodeURIComponent(address.username),
  password: decodeURIComponent(address.password),
  database: address.pathname.slice(1),
};

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/// A statement that gives the numbers below 1000, on both products.
const thousand = "with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n";

module.exports = { account, numbers, thousand };
