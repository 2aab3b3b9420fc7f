#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Run once by the MySQL image, when the replica's data folder is new: forgets what setting it up has written, and follows the primary from
# its first transaction on. Replication starts by itself with the server that the image starts next.
set -euo pipefail

mysql --user root --password="$MYSQL_ROOT_PASSWORD" <<SQL
reset binary logs and gtids;
change replication source to source_host = 'mysql-primary', source_user = 'replication', source_password = '$REPLICATION_PASSWORD',
    source_auto_position = 1, source_ssl = 1;
set persist_only super_read_only = on;
SQL
