// SPDX-License-Identifier: Apache-2.0
//
// Runs named checks one after another and prints "ok <name>" or "not ok <name>: <why>" for each.
"use strict";

async function runChecks(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${name}: ${String(error.stack || error).replace(/\n/g, " | ")}`);
    }
  }
  return failed;
}

async function fails(promise, code) {
  try {
    await promise;
  } catch (error) {
    if (code && error.code !== code) throw new Error(`failed with ${error.code}, not ${code}: ${error.message}`);
    return error;
  }
  throw new Error("it did not fail");
}

module.exports = { runChecks, fails };
