# SPDX-License-Identifier: Apache-2.0
#
# Ruby's mysql2 (over MariaDB's C library): text and prepared statements.

require "mysql2"
require "tempfile"
require "uri"

address = URI.parse(ENV.fetch("DATABASE_URL"))
ACCOUNT = { host: address.host, port: address.port, username: address.user, password: URI.decode_www_form_component(address.password),
            database: address.path.delete_prefix("/"), encoding: "utf8mb4", flags: Mysql2::Client::MULTI_STATEMENTS, local_infile: true }.freeze
$failed = 0

def check(name)
  yield
  puts "ok #{name}"
rescue StandardError => e
  $failed += 1
  puts "not ok #{name}: #{e.class}: #{e.message.tr("\n", '|')}"
end

def expect(expected, found)
  raise "expected #{expected.inspect}, found #{found.inspect}" unless expected == found
end

client = Mysql2::Client.new(**ACCOUNT)
value = ->(sql) { client.query(sql).first.values.first }
executed = ->(sql, *given) { client.prepare(sql).execute(*given).first.values.first }

check("connects") { expect(0, value.call("select current_user()").index("app@")) }
check("takes parameters") do
  expect(42, executed.call("select cast(? as signed) + 2", 40))
  expect("snow \u2603 and a quote '", value.call("select '#{client.escape("snow \u2603 and a quote '")}'"))
  expect(nil, executed.call("select ?", nil))
end
check("repeats a prepared statement") do
  statement = client.prepare("select cast(? as signed) * 2 as twice")
  50.times { |n| expect(n * 2, statement.execute(n).first["twice"]) }
  statement.close
end
check("commits and rolls back") do
  ["drop table if exists ruby_t", "create table ruby_t(id int auto_increment primary key, x int)", "begin", "insert into ruby_t(x) values (1)",
   "commit", "begin", "insert into ruby_t(x) values (2)", "rollback"].each { |sql| client.query(sql) }
  expect(1, value.call("select count(*) from ruby_t"))
end
check("learns of its last insert") do
  client.query("insert into ruby_t(x) values (7)")
  expect(1, client.affected_rows)
  expect(client.last_id, value.call("select last_insert_id()"))
end
check("goes on after an error") do
  begin
    client.query("select * from nowhere")
    raise "it did not fail"
  rescue Mysql2::Error => e
    expect([1146, "42S02"], [e.error_number, e.sql_state])
  end
  expect(1, value.call("select 1"))
end
check("reads several results") do
  expect({ "a" => 1 }, client.query("select 1 a; select 2 b").first)
  client.next_result
  expect({ "b" => 2 }, client.store_result.first)
end
check("keeps its variables") do
  client.query("set @mine = 'kept', time_zone = '+02:00'")
  expect("kept+02:00", value.call("select concat(@mine, @@time_zone)"))
end
check("streams rows") do
  rows = client.query("with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n", stream: true, cache_rows: false)
  expect(499_500, rows.sum { |row| row["x"] })
end
check("loads a local file") do
  Tempfile.create("rows") do |file|
    file.write("5\n6\n")
    file.flush
    client.query("load data local infile '#{file.path}' into table ruby_t(x)")
    expect(2, client.affected_rows)
  end
end
check("pings and selects another database") do
  expect(true, client.ping)
  client.select_db("other")
  expect("other", value.call("select database()"))
end

client.query("drop table if exists app.ruby_t")
client.close
exit($failed.zero? ? 0 : 1)
