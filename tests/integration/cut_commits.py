# SPDX-License-Identifier: Apache-2.0
#
# Whatever octet of a COMMIT's exchange is the last that passes between Penstock and the server: what the client is told is true. Every
# cut of every way to commit once, on each engine; ./dev chaos --fault cuts makes more of them.

import contextlib
import unittest

import commit_cuts
from fixture import shared_cluster
from mysql_fixture import each_product


class CommitCuts(unittest.TestCase):
    def test_what_clients_are_told_is_true(self):
        self.assert_true_to(commit_cuts.of("postgresql", shared_cluster().primary))

    def assert_true_to(self, cuts):
        with contextlib.closing(cuts):
            self.assertEqual(cuts.run(), [])
            self.assertGreater(cuts.counts[commit_cuts.UNKNOWN], 50)


@each_product
class MySqlCommitCuts:
    def test_what_clients_are_told_is_true(self):
        CommitCuts.assert_true_to(self, commit_cuts.of(self.product_name, self.server))


if __name__ == "__main__":
    unittest.main()
