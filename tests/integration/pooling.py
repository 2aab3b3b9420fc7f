# SPDX-License-Identifier: Apache-2.0
#
# Many clients on few connections: nobody is refused, limits are never exceeded, those who wait are served in turn or told after the
# time-out, and what a server connection costs is paid once.

import threading
import unittest

from fixture import ProxyTest, rows, value
from pgwire import query
from wait import wait_until


def in_threads(count, work):
    """Runs work(number) in so many threads and gives the results; the first failure is raised."""
    results, failures = [None] * count, []

    def body(number):
        try:
            results[number] = work(number)
        except Exception as error:  # handed to the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]
    return results


class HundredClients(ProxyTest):
    pool_size = 10

    def test_a_hundred_clients_work_on_ten_connections(self):
        peak = []
        stop = threading.Event()

        def watch():
            watcher = self.server.connect(user="postgres")
            while not stop.is_set():
                peak.append(value(watcher, "select count(*) from pg_stat_activity where usename = 'app'"))
            watcher.close()

        observer = threading.Thread(target=watch)
        observer.start()
        try:
            def work(number):
                connection = self.penstock.connect()
                try:
                    return [value(connection, "select %s::int from (select pg_sleep(0.001)) s", (number * 100 + i,))
                            for i in range(20)]
                finally:
                    connection.close()
            answers = in_threads(100, work)
        finally:
            stop.set()
            observer.join()
        self.assertEqual(answers, [[n * 100 + i for i in range(20)] for n in range(100)])
        self.assertLessEqual(max(peak), 10)

    def test_idle_clients_hold_no_connection(self):
        clients = [self.wire() for _ in range(60)]
        for client in clients:
            self.assert_works(client)
        self.assertLessEqual(len(self.server.backends()), 10)

    def test_the_limit_holds_while_connections_are_being_killed(self):
        stop, peak, killed = threading.Event(), [], set()

        def kill():
            watcher = self.server.connect(user="postgres")
            while not stop.is_set():
                peak.append(value(watcher, "select count(*) from pg_stat_activity where usename = 'app' and "
                                           "backend_type = 'client backend'"))
                killed.update(pid for pid, _ in rows(watcher, "select pid, pg_terminate_backend(pid) from pg_stat_activity "
                                                              "where usename = 'app' order by random() limit 1"))
            watcher.close()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            def work(number):
                answered = 0
                for _ in range(10):
                    try:
                        connection = self.penstock.connect()
                        self.assertEqual(value(connection, "select %s", (number,)), number)
                        answered += 1
                        connection.close()
                    except Exception as error:
                        if type(error).__module__.split(".")[0] != "psycopg2":
                            raise
                return answered
            answered = in_threads(30, work)
        finally:
            stop.set()
            killer.join()
        self.assertGreater(sum(answered), 0)
        wait_until(lambda: not killed & {pid for pid, in self.server.sql("select pid from pg_stat_activity")}, "the last one killed is gone")
        # A terminated backend leaves pg_stat_activity a moment after its client's end of the connection is closed.
        self.assertLessEqual(max(peak), 10 + 10)
        self.assert_others_unaffected()


class WaitingTooLong(ProxyTest):
    pool_size = 1
    settings = {"pool": {"connection_borrow_timeout": "1s"}}

    def test_waiting_too_long_is_told_and_the_session_stays(self):
        holder, waiter = self.wire(), self.wire()
        holder.simple("begin")
        self.refused(lambda: waiter.simple("select 1"))
        holder.simple("commit")
        self.assert_works(waiter)


class OneConnection(ProxyTest):
    pool_size = 1
    settings = {"pool": {"connection_borrow_timeout": "5min"}}  # nobody gives up, however slow the machine

    def test_those_who_wait_are_served_in_turn(self):
        holder = self.wire()
        holder.simple("begin")
        waiters = []
        for number in range(5):
            waiter = self.wire()
            waiter.send(query(f"insert into turns values ({number})"))
            waiters.append(waiter)
            wait_until(lambda n=number: self.waiting() == n + 1, f"{number + 1} clients wait")
        holder.simple("create table turns(n int, at serial); commit")
        for waiter in waiters:
            waiter.expect("CZ")
        self.assertEqual([r[0] for r in holder.simple("select n from turns order by at")], list("01234"))
        holder.simple("drop table turns")

    def waiting(self):
        return sum(int(row["cl_waiting"]) for row in self.penstock.console("SHOW POOLS") if row["user"] == "app")

    def test_one_connection_serves_everybody(self):
        clients = [self.wire() for _ in range(20)]
        pids = {client.simple("select pg_backend_pid()")[0] for client in clients}
        self.assertEqual(len(pids), 1)


class SessionPooling(ProxyTest):
    settings = {"pool": {"pool_mode": "session"}}

    def test_a_session_keeps_its_backend_and_gives_it_back_clean(self):
        first = self.wire()
        first.simple("create temp table mine(x int); set work_mem = '123kB'; prepare s as select 1; listen here")
        pids = {first.simple("select pg_backend_pid()")[0] for _ in range(5)}
        self.assertEqual(len(pids), 1)
        first.close()
        self.wait_for_no_lease()
        second = self.wire()
        self.assertEqual(second.simple("select count(*) from pg_class where relname = 'mine'"), [("0",)])
        self.assertNotEqual(second.simple("show work_mem"), [("123kB",)])
        self.assertEqual(second.simple("select count(*) from pg_prepared_statements where name = 's'"), [("0",)])
        self.assertEqual(second.simple("select * from pg_listening_channels()"), [])


class Limits(ProxyTest):
    settings = {"clients": {"max_client_connections": 5}}

    def test_one_client_too_many_is_refused_with_the_code_of_postgresql(self):
        clients = [self.wire() for _ in range(5)]
        self.refused(self.wire, "53300")
        clients[0].close()
        wait_until(self.one_more_fits, "the place is free again")

    def one_more_fits(self):
        try:
            self.wire().close()
            return True
        except Exception:
            return False


class InitQuery(ProxyTest):
    settings = {"pool": {"init_query": "set application_name = 'made ready'; select set_config('app.ready', 'yes', false)"}}

    def test_each_new_server_connection_is_made_ready_once(self):
        self.assertEqual(self.wire().simple("select current_setting('app.ready', true)"), [("yes",)])


if __name__ == "__main__":
    unittest.main()
