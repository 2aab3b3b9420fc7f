# SPDX-License-Identifier: Apache-2.0
#
# A short form of ./dev chaos: on each product all that is said is delayed for a while, and then the primary is killed once under load. What
# clients were told of their writes is what the tables have, nobody is stuck, no read fails, no connection ends, those who had nothing
# under way notice nothing, and there are never more server connections than allowed. A delay makes nothing fail at all.

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import mysql_fetch  # noqa: E402
from chaos import ENGINES  # noqa: E402
from mysql_products import product  # noqa: E402
from rounds import play_round  # noqa: E402


class Rounds(unittest.TestCase):
    engine = "postgresql"

    def test_delays_and_a_killed_primary(self):
        with ENGINES[self.engine]() as arena, arena.penstock(arena.cluster, arena.settings()) as penstock:
            for fault in ("delay", "kill"):
                with self.subTest(fault):
                    self.assertEqual(play_round(arena, penstock, fault).wrong, [])


class RoundsOnMariaDb(Rounds):
    engine = "mariadb"


class RoundsOnMySql(Rounds):
    engine = "mysql"

    @classmethod
    def missing(cls):
        """Why these tests cannot run on this machine, or None."""
        try:
            product("mysql")
        except mysql_fetch.NotAvailable as reason:
            return str(reason)
        return None


if __name__ == "__main__":
    unittest.main()
