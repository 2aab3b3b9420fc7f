# SPDX-License-Identifier: Apache-2.0
#
# psycopg 2, psycopg 3, asyncpg, SQLAlchemy and Django through Penstock, by DATABASE_URL and with their own defaults: connect, parameters,
# prepared statements, transactions, batches, COPY, errors, time-outs and cancelling, where the driver has them.

import asyncio
import io
import threading
import unittest

import asyncpg
import django
import psycopg
import psycopg2
import sqlalchemy

from cluster import PASSWORD
from fixture import ProxyTest
from wait import wait_until


class DriverTest(ProxyTest):
    pool_size = 2

    @property
    def url(self):
        return self.penstock.url()

    def wait_until_asleep(self):
        wait_until(lambda: self.server.sql("select 1 from pg_stat_activity where usename = 'app' and query like '%pg_sleep(30)%' and "
                                           "state = 'active'"), "the query runs")


class Psycopg2(DriverTest):
    def setUp(self):
        super().setUp()
        self.connection = psycopg2.connect(self.url)
        self.addCleanup(self.connection.close)
        self.cursor = self.connection.cursor()

    def test_parameters_and_types(self):
        self.cursor.execute("select %s, %s, %s, %s", (42, "text", None, [1, 2]))
        self.assertEqual(self.cursor.fetchone(), (42, "text", None, [1, 2]))

    def test_transactions(self):
        self.cursor.execute("create table if not exists psycopg2_t(x int); delete from psycopg2_t")
        self.connection.commit()
        with self.connection:
            self.cursor.execute("insert into psycopg2_t values (1)")
        self.cursor.execute("insert into psycopg2_t values (2)")
        self.connection.rollback()
        self.cursor.execute("select count(*) from psycopg2_t")
        self.assertEqual(self.cursor.fetchone(), (1,))

    def test_a_server_side_cursor(self):
        named = self.connection.cursor("walk")
        named.itersize = 100
        named.execute("select generate_series(1, 1000)")
        self.assertEqual(sum(row[0] for row in named), 500500)
        self.connection.commit()

    def test_copy(self):
        self.cursor.execute("create temp table copied(x int, y text) on commit drop")
        self.cursor.copy_expert("copy copied from stdin", io.StringIO("1\ta\n2\tb\n"))
        out = io.StringIO()
        self.cursor.copy_expert("copy copied to stdout", out)
        self.assertEqual(out.getvalue(), "1\ta\n2\tb\n")

    def test_errors_and_cancelling(self):
        with self.assertRaises(psycopg2.errors.DivisionByZero):
            self.cursor.execute("select 1/0")
        self.connection.rollback()
        timer = threading.Thread(target=lambda: (self.wait_until_asleep(), self.connection.cancel()))
        timer.start()
        with self.assertRaises(psycopg2.errors.QueryCanceled):
            self.cursor.execute("select pg_sleep(30)")
        timer.join()


class Psycopg3(DriverTest):
    def setUp(self):
        super().setUp()
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.addCleanup(self.connection.close)

    def test_parameters_and_types(self):
        row = self.connection.execute("select %s::int, %s::text, %s::text, %s::int[]", (42, "text", None, [1, 2])).fetchone()
        self.assertEqual(row, (42, "text", None, [1, 2]))

    def test_it_prepares_after_five_times_and_goes_on_working(self):
        for number in range(20):
            self.assertEqual(self.connection.execute("select %s::int + 1", (number,)).fetchone(), (number + 1,))
        for number in range(20):
            self.assertEqual(self.connection.execute("select %s::int * 2", (number,), prepare=True).fetchone(), (number * 2,))

    def test_transactions_and_savepoints(self):
        self.connection.execute("create table if not exists psycopg3_t(x int); delete from psycopg3_t")
        with self.connection.transaction():
            self.connection.execute("insert into psycopg3_t values (1)")
            with self.assertRaises(psycopg.errors.DivisionByZero), self.connection.transaction():
                self.connection.execute("insert into psycopg3_t values (2)")
                self.connection.execute("select 1/0")
        self.assertEqual(self.connection.execute("select count(*) from psycopg3_t").fetchone(), (1,))

    def test_pipeline(self):
        with self.connection.pipeline():
            cursors = [self.connection.execute("select %s::int", (number,)) for number in range(50)]
        self.assertEqual([cursor.fetchone()[0] for cursor in cursors], list(range(50)))

    def test_executemany(self):
        self.connection.execute("create table if not exists psycopg3_m(x int); delete from psycopg3_m")
        self.connection.cursor().executemany("insert into psycopg3_m values (%s)", [(n,) for n in range(200)])
        self.assertEqual(self.connection.execute("select count(*), sum(x) from psycopg3_m").fetchone(), (200, 19900))

    def test_copy(self):
        self.connection.execute("create table if not exists psycopg3_c(x int, y text); delete from psycopg3_c")
        with self.connection.cursor() as cursor:
            with cursor.copy("copy psycopg3_c from stdin") as copy:
                for number in range(1000):
                    copy.write_row((number, f"name {number}"))
            with cursor.copy("copy (select * from psycopg3_c order by x) to stdout") as copy:
                self.assertEqual(sum(1 for _ in copy.rows()), 1000)

    def test_errors_and_cancelling(self):
        with self.assertRaises(psycopg.errors.UndefinedTable):
            self.connection.execute("select * from nowhere")
        timer = threading.Thread(target=lambda: (self.wait_until_asleep(), self.connection.cancel()))
        timer.start()
        with self.assertRaises(psycopg.errors.QueryCanceled):
            self.connection.execute("select pg_sleep(30)")
        timer.join()
        self.assertEqual(self.connection.execute("select 1").fetchone(), (1,))


class Asyncpg(DriverTest):
    def play(self, story):
        async def run():
            connection = await asyncpg.connect(self.url)
            try:
                await story(connection)
            finally:
                await connection.close()
        asyncio.run(run())

    def test_parameters_and_its_statement_cache(self):
        async def story(connection):
            for number in range(300):
                self.assertEqual(await connection.fetchval(f"select $1::int + {number % 150}", number), number + number % 150)
            self.assertEqual(await connection.fetchrow("select $1::text, $2::int[]", None, [1, 2]), (None, [1, 2]))
        self.play(story)

    def test_prepared_statements(self):
        async def story(connection):
            statement = await connection.prepare("select $1::int * 2")
            for number in range(20):
                self.assertEqual(await statement.fetchval(number), number * 2)
        self.play(story)

    def test_transactions_and_cursors(self):
        async def story(connection):
            async with connection.transaction():
                self.assertEqual(sum([r[0] async for r in connection.cursor("select generate_series(1, 200)")]), 20100)
            with self.assertRaises(asyncpg.DivisionByZeroError):
                async with connection.transaction():
                    await connection.fetch("select 1/0")
            self.assertEqual(await connection.fetchval("select 1"), 1)
        self.play(story)

    def test_executemany_and_copy(self):
        async def story(connection):
            await connection.execute("create table if not exists asyncpg_t(x int, y text); delete from asyncpg_t")
            await connection.executemany("insert into asyncpg_t values ($1, $2)", [(n, str(n)) for n in range(100)])
            await connection.copy_records_to_table("asyncpg_t", records=[(n, "copied") for n in range(100)])
            out = io.BytesIO()
            await connection.copy_from_query("select * from asyncpg_t", output=out)
            self.assertEqual(len(out.getvalue().splitlines()), 200)
        self.play(story)

    def test_time_outs(self):
        async def story(connection):
            with self.assertRaises(asyncio.TimeoutError):
                await connection.fetch("select pg_sleep(30)", timeout=0.2)
            self.assertEqual(await connection.fetchval("select 1"), 1)
        self.play(story)

    def test_its_pool(self):
        async def run():
            async with asyncpg.create_pool(self.url, min_size=5, max_size=10) as pool:
                async def one(number):
                    return await pool.fetchval("select $1::int", number)
                self.assertEqual(await asyncio.gather(*(one(n) for n in range(100))), list(range(100)))
        asyncio.run(run())

    def test_notifications(self):
        async def story(connection):
            heard = asyncio.get_running_loop().create_future()
            await connection.add_listener("news", lambda *arguments: heard.set_result(arguments[3]))
            await connection.execute("notify news, 'heard'")
            self.assertEqual(await asyncio.wait_for(heard, 5), "heard")
        self.play(story)


class SqlAlchemy(DriverTest):
    def test_a_small_application(self):
        engine = sqlalchemy.create_engine(self.url.replace("postgres://", "postgresql://"), pool_size=5)
        self.addCleanup(engine.dispose)
        metadata = sqlalchemy.MetaData()
        people = sqlalchemy.Table("alchemy_people", metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
                                  sqlalchemy.Column("name", sqlalchemy.String))
        metadata.drop_all(engine)
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(people.insert(), [{"name": f"person {n}"} for n in range(50)])
        with self.assertRaises(sqlalchemy.exc.ProgrammingError), engine.connect() as connection:
            connection.execute(sqlalchemy.text("select * from nowhere"))
        with engine.connect() as connection:
            self.assertEqual(connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(people)).scalar(), 50)
            nested = connection.begin()
            connection.execute(people.delete())
            nested.rollback()
            self.assertEqual(connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(people)).scalar(), 50)
        self.assertIn("alchemy_people", sqlalchemy.inspect(engine).get_table_names())
        metadata.drop_all(engine)


class Django(DriverTest):
    def test_a_small_application(self):
        from django.conf import settings as django_settings  # at the top of the file the test loader would look into it
        django_settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "app", "USER": "app", "PASSWORD": PASSWORD,
                                   "HOST": "127.0.0.1", "PORT": str(self.penstock.port), "CONN_MAX_AGE": 60}},
            TIME_ZONE="Europe/Berlin", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
        django.setup()
        from django.db import IntegrityError, connection, models, transaction

        class Person(models.Model):
            name = models.CharField(max_length=50, unique=True)

            class Meta:
                app_label = "driver_test"

        self.addCleanup(connection.close)
        with connection.schema_editor() as editor:
            editor.create_model(Person)
        Person.objects.bulk_create(Person(name=f"person {n}") for n in range(50))
        with transaction.atomic():
            Person.objects.filter(name="person 1").update(name="renamed")
            with self.assertRaises(IntegrityError), transaction.atomic():
                Person.objects.create(name="person 2")
        self.assertEqual(Person.objects.filter(name__startswith="person").count(), 49)
        self.assertEqual(sum(1 for _ in Person.objects.order_by("name").iterator(chunk_size=10)), 50)
        self.assertEqual(list(Person.objects.order_by("id").values_list("name", flat=True)[:2]), ["person 0", "renamed"])
        with connection.schema_editor() as editor:
            editor.delete_model(Person)


if __name__ == "__main__":
    unittest.main()
