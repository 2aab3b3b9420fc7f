# SPDX-License-Identifier: Apache-2.0
#
# Messages a server sends unasked: notices, notifications, changed parameters. They reach the client they belong to, in their place.

import unittest

from fixture import ProxyTest, rows
from pgwire import query
from wait import wait_until


class AsynchronousMessages(ProxyTest):
    pool_size = 2

    def test_notices_arrive_before_the_answer_they_belong_to(self):
        wire = self.wire()
        wire.send(query("do $$ begin raise notice 'one'; raise warning 'two'; end $$"))
        types = []
        while not types or types[-1] != "Z":
            types.append(wire.receive().type)
        self.assertEqual([t for t in types if t != "S"], ["N", "N", "C", "Z"])
        self.assertEqual([m.fields()["M"] for m in wire.asynchronous], ["one", "two"])

    def test_notices_of_one_client_do_not_reach_another(self):
        one, two = self.wire(), self.wire()
        for _ in range(10):
            one.simple("do $$ begin raise notice 'for one'; end $$")
            two.simple("select 1")
        self.assertEqual(len(one.asynchronous), 10)
        self.assertEqual(two.asynchronous, [])

    def test_many_notices(self):
        wire = self.wire()
        wire.simple("do $$ begin for i in 1..20000 loop raise notice 'number %', i; end loop; end $$")
        self.assertEqual(len(wire.asynchronous), 20000)
        self.assert_works(wire)

    def test_client_min_messages_follows_the_session(self):
        silent, talkative = self.wire(), self.wire()
        silent.simple("set client_min_messages = error")
        for _ in range(5):
            for wire in (silent, talkative):
                wire.simple("do $$ begin raise notice 'heard'; end $$")
        self.assertEqual((len(silent.asynchronous), len(talkative.asynchronous)), (0, 5))

    def test_a_notification_arrives_with_the_senders_own_answer(self):
        connection = self.connect()
        rows(connection, "listen here")
        rows(connection, "notify here, 'self'")
        connection.poll()
        self.assertEqual([(n.channel, n.payload) for n in connection.notifies], [("here", "self")])

    def test_a_notification_arrives_while_the_listener_is_idle(self):
        listener, sender = self.connect(), self.connect()
        rows(listener, "listen mail")
        rows(sender, "notify mail, 'idle'")

        def arrived():
            listener.poll()
            return listener.notifies
        wait_until(arrived, "the notification arrives", 5)

    def test_notifications_go_to_listeners_only(self):
        listener, bystander = self.wire(), self.wire()
        listener.simple("listen news")
        for number in range(5):
            bystander.simple(f"notify news, '{number}'")
        wait_until(lambda: listener.simple("select 1") and len(listener.asynchronous) == 5, "five notifications")
        self.assertEqual(bystander.asynchronous, [])
        listener.simple("unlisten *")
        bystander.simple("notify news, 'unheard'")
        listener.simple("select 1")
        self.assertEqual(len(listener.asynchronous), 5)


if __name__ == "__main__":
    unittest.main()
