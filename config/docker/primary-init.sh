#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Run once by the PostgreSQL image, when the primary's data folder is new: the application's user and database, the user of
# the replicas, and their way in.
set -euo pipefail

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set app="$APP_PASSWORD" --set replication="$REPLICATION_PASSWORD" <<'SQL'
create role app login password :'app';
create database app owner app;
create role replication login replication password :'replication';
select pg_create_physical_replication_slot('replica1'), pg_create_physical_replication_slot('replica2');
SQL
echo "host replication replication all scram-sha-256" >>"$PGDATA/pg_hba.conf"
