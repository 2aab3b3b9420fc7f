# SPDX-License-Identifier: Apache-2.0
#
# Penstock in front of a MySQL or MariaDB cluster; as it is for `through` in mysql_fixture.py, or with settings.

import pymysql

import processes
from mysql_products import PASSWORD
from penstock import Penstock, merged


class MySqlPenstock(Penstock):
    """A running Penstock whose clients speak MySQL's protocol, with so many server connections for each pool."""

    def __init__(self, cluster, settings=None, pool_size=5):
        super().__init__(cluster, merged({"pool": {"pool_size": pool_size}}, settings or {}))

    @classmethod
    def between(cls, cluster):
        return cls(cluster).start()

    def default_settings(self, cluster, nodes):
        settings = super().default_settings(cluster, nodes)
        settings["listen"] = {"mysql": [f"127.0.0.1:{self.port}"]}
        self.console_port = processes.free_port()
        settings["admin"]["console"] = [f"127.0.0.1:{self.console_port}"]
        settings["cluster"][0] |= {"engine": "mysql", "monitor_user": "monitor", "monitor_password": PASSWORD}
        return settings

    def url(self, user="app", database="app", password=PASSWORD, options=""):
        return f"mysql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}{options}"

    def connect(self, user="app", database="app", password=PASSWORD, autocommit=True, **options):
        """A PyMySQL connection through Penstock."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, password=password, database=database,
                               autocommit=autocommit, **options)
