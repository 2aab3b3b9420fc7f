#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Run once by the MySQL image, when the primary's data folder is new: the application's user and database, and the user of the
# replicas. The passwords must hold neither quotes nor backslashes.
set -euo pipefail

mysql --user root --password="$MYSQL_ROOT_PASSWORD" <<SQL
create database app;
create user app@'%' identified by '$APP_PASSWORD';
grant all on app.* to app@'%';
create user replication@'%' identified by '$REPLICATION_PASSWORD';
grant replication slave on *.* to replication@'%';
SQL
