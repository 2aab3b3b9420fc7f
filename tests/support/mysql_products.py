# SPDX-License-Identifier: Apache-2.0
#
# What differs between MySQL and MariaDB where the tests run a server of either: the programs, the options, how a data folder is made, the
# users with each way of logging in, and the statements of replication. MySqlCluster uses one of these and knows no difference itself.

import pathlib
import pwd
import os
import shutil

import mysql_fetch

PASSWORD = "correct horse"
SERVER_USER = "mysql"

# What both products run with. No fsync (a commit survives the end of the server, not of the machine), small buffers, but room for packets
# above 16 MiB.
SHARED_OPTIONS = {
    "bind_address": "127.0.0.1", "skip_name_resolve": "ON", "local_infile": "ON", "secure_file_priv": "", "max_allowed_packet": "64M",
    "innodb_buffer_pool_size": "32M", "innodb_log_buffer_size": "2M", "innodb_flush_log_at_trx_commit": "2", "innodb_doublewrite": "OFF",
    "log_slave_updates": "ON", "sync_binlog": "0", "log_bin": "binlog", "binlog_format": "ROW",
    "log_bin_trust_function_creators": "ON", "performance_schema": "ON", "character_set_server": "utf8mb4", "default_time_zone": "+00:00",
    "max_connections": "200",
    "innodb_use_native_aio": "OFF",  # of a server that is stopped the kernel has no write under way, so that its folder can be copied
}


class MySql:
    """MySQL 9, out of the folder that mysql_fetch keeps."""

    name = "mysql"
    # user -> (how the user logs in, what the account requires besides); `empty_user` has no password, the others have PASSWORD
    users = {
        "app": ("caching_sha2_password", ""), "other": ("caching_sha2_password", ""), "lookup": ("caching_sha2_password", ""),
        "monitor": ("caching_sha2_password", ""), "sha256_user": ("sha256_password", ""), "empty_user": ("caching_sha2_password", ""),
        "tls_user": ("caching_sha2_password", "require ssl"), "cert_user": ("caching_sha2_password", "require x509"),
    }
    grants = (
        "grant reload, xa_recover_admin on *.* to app",
        "grant replication client, process on *.* to monitor",
        "grant select on mysql.user to lookup",
    )
    forget_history = "reset binary logs and gtids"
    written_so_far = "select @@global.gtid_executed"
    has_replayed = "select wait_for_executed_gtid_set(%s, 0.01) = 0"
    replication_status = "show replica status"
    stop_replication = ("stop replica", "reset replica all")
    writable = ("set global super_read_only = off", "set global read_only = off")
    read_only = ("set global super_read_only = on",)

    def __init__(self):
        self.folder = mysql_fetch.find()
        self.server = self.folder / "usr/sbin/mysqld"
        self.client = self.folder / "usr/bin/mysql"
        self.dump = self.folder / "usr/bin/mysqldump"

    def options(self):
        share = self.folder / "usr/share/mysql"
        return SHARED_OPTIONS | {
            "innodb_flush_method": "O_DIRECT_NO_FSYNC", "innodb_redo_log_capacity": "32M", "basedir": self.folder / "usr",
            "lc_messages_dir": share, "character_sets_dir": share / "charsets", "plugin_dir": self.folder / "usr/lib/mysql/plugin",
            # One cache of open tables: else it depends on a connection's number which TABLE it meets, and InnoDB keeps the
            # auto_increment_increment of whoever had that last for the counter behind an explicit value.
            "table_open_cache_instances": "1", "mysqlx": "OFF", "gtid_mode": "ON", "enforce_gtid_consistency": "ON",
        }

    def initialise(self, defaults):
        return [self.server, f"--defaults-file={defaults}", "--initialize-insecure"]

    def create_user(self, user):
        how, requirement = self.users[user]
        secret = "" if user == "empty_user" else PASSWORD
        return f"create user {user} identified with {how} by '{secret}' {requirement}"

    def follow(self, port):
        return (f"change replication source to source_host = '127.0.0.1', source_port = {port}, source_user = 'replicator', "
                f"source_password = '{PASSWORD}', source_auto_position = 1, source_ssl = 1, source_connect_retry = 1, "
                "source_retry_count = 100000", "start replica")

    def delay(self, seconds):
        """Makes a replica replay so much later than the primary wrote."""
        return ("stop replica sql_thread", f"change replication source to source_delay = {seconds}", "start replica sql_thread")


class MariaDb:
    """The MariaDB that the machine's Debian has; its own service is not touched."""

    name = "mariadb"
    users = {
        "app": ("mysql_native_password", ""), "other": ("mysql_native_password", ""), "lookup": ("mysql_native_password", ""),
        "monitor": ("mysql_native_password", ""), "ed25519_user": ("ed25519", ""), "empty_user": ("mysql_native_password", ""),
        "tls_user": ("mysql_native_password", "require ssl"), "cert_user": ("mysql_native_password", "require x509"),
    }
    grants = (
        "grant reload on *.* to app",
        "grant binlog monitor, slave monitor, process on *.* to monitor",
        "grant select on mysql.* to lookup",
    )
    forget_history = "reset master"
    written_so_far = "select @@global.gtid_binlog_pos"
    has_replayed = "select master_gtid_wait(%s, 0.01) = 0"
    replication_status = "show slave status"
    stop_replication = ("stop slave", "reset slave all")
    writable = ("set global read_only = off",)
    read_only = ("set global read_only = on",)

    def __init__(self):
        found = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/libexec")
        if not found:
            raise RuntimeError("MariaDB is not installed: ./dev setup installs it")
        self.server = pathlib.Path(found)
        self.client = pathlib.Path(shutil.which("mariadb") or "mariadb")
        self.dump = pathlib.Path(shutil.which("mariadb-dump") or "mariadb-dump")

    def options(self):
        return SHARED_OPTIONS | {"innodb_flush_method": "nosync", "innodb_log_file_size": "32M", "gtid_strict_mode": "ON", "plugin_load_add": "auth_ed25519"}

    def initialise(self, defaults):
        return [shutil.which("mariadb-install-db") or "mariadb-install-db", f"--defaults-file={defaults}", "--skip-test-db",
                "--auth-root-authentication-method=normal", "--skip-name-resolve"]

    def create_user(self, user):
        how, requirement = self.users[user]
        secret = "" if user == "empty_user" else PASSWORD
        return f"create user {user} identified via {how} using password('{secret}') {requirement}"

    def follow(self, port):
        return ("set global gtid_slave_pos = @@global.gtid_current_pos", f"change master to master_host = '127.0.0.1', master_port = {port}, master_user = 'replicator', "
                f"master_password = '{PASSWORD}', master_use_gtid = slave_pos, master_ssl = 1, master_ssl_verify_server_cert = 0, "
                "master_connect_retry = 1", "start slave")

    def delay(self, seconds):
        """Makes a replica replay so much later than the primary wrote."""
        return ("stop slave", f"change master to master_delay = {seconds}", "start slave")


PRODUCTS = {"mysql": MySql, "mariadb": MariaDb}


def product(name):
    """The product of that name; mysql_fetch.NotAvailable where MySQL could not be brought."""
    return PRODUCTS[name]()


def owner():
    """The user that servers run as: another one where the tests run as root."""
    return pwd.getpwnam(SERVER_USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
