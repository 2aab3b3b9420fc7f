# SPDX-License-Identifier: Apache-2.0
#
# PyMySQL, mysqlclient, aiomysql, SQLAlchemy and Django on both products, with their own defaults: connect, parameters, server-side cursors,
# transactions, procedures, LOAD DATA LOCAL, errors, time-outs and killing, where the driver has them.

import asyncio
import contextlib
import pathlib
import tempfile
import threading
import unittest

import MySQLdb
import MySQLdb.cursors
import aiomysql
import pymysql
import sqlalchemy

from mysql_driver import each_driver
from mysql_products import PASSWORD
from wait import wait_until

THOUSAND = "with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n"


class DbApi:
    """What PyMySQL and mysqlclient are both asked; `module` is the driver, `unbuffered` its cursor that reads rows as they come."""

    asked_for = {"opaque": "call p()", "temporary_object": "create temporary table", "user_variable": "call p(@_p_0), which callproc makes"}

    def open(self, **options):
        connection = self.module.connect(**{"host": "127.0.0.1", "port": self.target.port, "user": "app", "password": PASSWORD,
                                            "database": "app", "local_infile": True, "charset": "utf8mb4"} | options)
        self.addCleanup(self.close, connection)
        return connection

    def close(self, connection):
        with contextlib.suppress(self.module.Error):
            connection.close()

    def setUp(self):
        super().setUp()
        self.connection = self.open()
        self.cursor = self.connection.cursor()

    def rows(self, statement, parameters=None):
        self.cursor.execute(statement, parameters)
        return list(self.cursor.fetchall())

    def test_parameters_and_types(self):
        text = "snow \u2603, a face \U0001f600 and a quote '"
        self.assertEqual(self.rows("select %s, %s, %s, %s", (42, text, None, 1.5)), [(42, text, None, 1.5)])

    def test_transactions(self):
        self.cursor.execute("drop table if exists python_t")
        self.cursor.execute("create table python_t(id int auto_increment primary key, x int unique)")
        self.cursor.execute("insert into python_t(x) values (1)")
        self.connection.commit()
        self.cursor.execute("insert into python_t(x) values (2)")
        self.connection.rollback()
        self.assertEqual(self.rows("select count(*) from python_t"), [(1,)])

    def test_batches_and_the_last_insert(self):
        self.cursor.execute("drop table if exists python_b")
        self.cursor.execute("create table python_b(id int auto_increment primary key, x int)")
        self.assertEqual(self.cursor.executemany("insert into python_b(x) values (%s)", [(n,) for n in range(500)]), 500)
        self.cursor.execute("insert into python_b(x) values (7)")
        told = self.cursor.lastrowid
        self.assertEqual(self.rows("select last_insert_id()"), [(told,)])
        self.assertEqual(self.rows("select count(*), sum(x) from python_b"), [(501, 124757)])

    def test_errors(self):
        with self.assertRaises(self.module.ProgrammingError) as caught:
            self.cursor.execute("select * from nowhere")
        self.assertEqual(caught.exception.args[0], 1146)
        self.assertEqual(self.rows("select 1"), [(1,)])

    def test_rows_as_they_come(self):
        cursor = self.connection.cursor(self.unbuffered)
        cursor.execute(THOUSAND)
        self.assertEqual(sum(row[0] for row in cursor), 499500)
        cursor.close()

    def test_procedures_and_their_results(self):
        self.cursor.execute("drop procedure if exists python_p")
        self.cursor.execute("create procedure python_p(in a int) begin select a; select a + 1; end")
        self.cursor.callproc("python_p", (41,))
        found = [self.cursor.fetchall()]
        while self.cursor.nextset():
            found.append(self.cursor.fetchall())
        self.assertEqual([rows for rows in found if rows], [((41,),), ((42,),)])
        self.cursor.execute("drop procedure python_p")

    def test_local_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows"
            path.write_text("1\tone\n2\ttwo\n")
            self.cursor.execute("create temporary table python_l(x int, y text)")
            self.cursor.execute("load data local infile %s into table python_l", (str(path),))
            self.assertEqual(self.rows("select * from python_l order by x"), [(1, "one"), (2, "two")])

    def test_settings_and_variables(self):
        self.cursor.execute("set @mine = 'kept', time_zone = '+02:00', sql_mode = 'ANSI_QUOTES'")
        self.assertEqual(self.rows("select @mine, @@time_zone, @@sql_mode"), [("kept", "+02:00", "ANSI_QUOTES")])
        self.connection.autocommit(True)
        self.assertEqual(self.rows("select @@autocommit"), [(1,)])
        self.connection.select_db("other")
        self.assertEqual(self.rows("select database()"), [("other",)])

    def test_large_values(self):
        self.assertEqual(self.rows("select length(%s)", ("x" * 20000000,)), [(20000000,)])
        self.assertEqual(len(self.rows("select repeat('y', 20000000)")[0][0]), 20000000)

    def test_pings(self):
        self.connection.ping()
        self.assertEqual(self.rows("select 1"), [(1,)])

    def test_encrypted(self):
        connection = self.open(ssl={"ca": str(self.cluster.authority.certificate)})
        cursor = connection.cursor()
        cursor.execute("show session status like 'Ssl_cipher'")
        self.assertNotEqual(cursor.fetchone()[1], "")

    def test_a_query_is_killed(self):
        number = self.connection.thread_id()
        self.assertEqual(self.rows("select connection_id()"), [(number,)])
        other = self.open()

        def kill():
            self.wait_until_it_runs()
            other.cursor().execute(f"kill query {number}")
        timer = threading.Thread(target=kill)
        timer.start()
        with self.assertRaises(self.module.OperationalError) as caught:
            self.cursor.execute("select sleep(30) from (select 1 union all select 2) two")
        timer.join()
        self.assertEqual(caught.exception.args[0], 1317)
        self.assertEqual(self.rows("select 1"), [(1,)])

    def wait_until_it_runs(self):
        wait_until(lambda: self.server.sql("select 1 from information_schema.processlist where user = 'app' and info like %s",
                                           ("%sleep(30)%",)), "the query runs")

    def test_a_session_is_killed(self):
        victim = self.open()
        self.cursor.execute(f"kill {victim.thread_id()}")
        with self.assertRaises(self.module.OperationalError):
            wait_until(lambda: victim.cursor().execute("select 1") is None, "the connection is gone")
        self.assertEqual(self.rows("select 1"), [(1,)])


@each_driver
class PyMySql(DbApi):
    module = pymysql
    unbuffered = pymysql.cursors.SSCursor


@each_driver
class MySqlClient(DbApi):
    module = MySQLdb
    unbuffered = MySQLdb.cursors.SSCursor

    def test_user_changes(self):
        self.cursor.execute("set @mine = 1")
        self.connection.change_user("other", PASSWORD, "other")
        found = self.rows("select current_user(), database(), @mine")
        self.assertEqual(found, [("other@%", "other", None)])

    def test_compressed(self):
        cursor = self.open(compress=True).cursor()
        with self.assert_compressed(300000):
            cursor.execute("select length(%s), repeat('y', 300000)", ("x" * 300000,))
            self.assertEqual([value if isinstance(value, int) else len(value) for value in cursor.fetchone()], [300000, 300000])


@each_driver
class AioMySql:
    def play(self, story):
        async def run():
            connection = await aiomysql.connect(**self.account())
            try:
                await story(connection, await connection.cursor())
            finally:
                connection.close()
        asyncio.run(run())

    def account(self):
        return {"host": "127.0.0.1", "port": self.target.port, "user": "app", "password": PASSWORD, "db": "app"}

    def test_parameters_and_errors(self):
        async def story(connection, cursor):
            await cursor.execute("select %s, %s", (42, None))
            self.assertEqual(await cursor.fetchall(), ((42, None),))
            with self.assertRaises(pymysql.err.ProgrammingError):
                await cursor.execute("select * from nowhere")
            await cursor.execute("select 1")
            self.assertEqual(await cursor.fetchone(), (1,))
        self.play(story)

    def test_transactions(self):
        async def story(connection, cursor):
            await cursor.execute("drop table if exists aio_t")
            await cursor.execute("create table aio_t(x int)")
            await connection.begin()
            await cursor.execute("insert into aio_t values (1)")
            await connection.rollback()
            await cursor.execute("select count(*) from aio_t")
            self.assertEqual(await cursor.fetchone(), (0,))
        self.play(story)

    def test_its_pool(self):
        async def run():
            async with aiomysql.create_pool(**self.account(), minsize=5, maxsize=10) as pool:
                async def one(number):
                    async with pool.acquire() as connection, connection.cursor() as cursor:
                        await cursor.execute("select %s", (number,))
                        return (await cursor.fetchone())[0]
                self.assertEqual(await asyncio.gather(*(one(n) for n in range(100))), list(range(100)))
        asyncio.run(run())


class Alchemy:
    """What SQLAlchemy is asked over each driver; `dialect` names it."""

    def test_a_small_application(self):
        engine = sqlalchemy.create_engine(self.target.url().replace("mysql://", f"{self.dialect}://"), pool_size=5)
        self.addCleanup(engine.dispose)
        metadata = sqlalchemy.MetaData()
        people = sqlalchemy.Table("alchemy_people", metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
                                  sqlalchemy.Column("name", sqlalchemy.String(50)))
        metadata.drop_all(engine)
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(people.insert(), [{"name": f"person {n}"} for n in range(50)])
        with self.assertRaises(sqlalchemy.exc.ProgrammingError), engine.connect() as connection:
            connection.execute(sqlalchemy.text("select * from nowhere"))
        counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(people)
        with engine.connect() as connection:
            self.assertEqual(connection.execute(counted).scalar(), 50)
            nested = connection.begin()
            connection.execute(people.delete())
            nested.rollback()
            self.assertEqual(connection.execute(counted).scalar(), 50)
        self.assertIn("alchemy_people", sqlalchemy.inspect(engine).get_table_names())
        metadata.drop_all(engine)


@each_driver
class AlchemyOverPyMySql(Alchemy):
    dialect = "mysql+pymysql"


@each_driver
class AlchemyOverMySqlClient(Alchemy):
    dialect = "mysql+mysqldb"


if __name__ == "__main__":
    unittest.main()
