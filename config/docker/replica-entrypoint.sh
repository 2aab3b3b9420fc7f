#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts a streaming replica: the first time it copies the primary, then it is an ordinary server. REPLICA_NAME is the name of its slot
# on the primary.
set -euo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    install --directory --owner postgres --group postgres --mode 0700 "$PGDATA"
    until PGPASSWORD=$REPLICATION_PASSWORD gosu postgres pg_basebackup --host primary --username replication --pgdata "$PGDATA" \
        --wal-method stream --write-recovery-conf --checkpoint fast --slot "$REPLICA_NAME"; do
        echo "the primary is not ready yet" >&2
        sleep 1
        rm -rf "${PGDATA:?}"/*
    done
    echo "primary_conninfo = 'host=primary user=replication password=$REPLICATION_PASSWORD application_name=$REPLICA_NAME'" \
        >>"$PGDATA/postgresql.auto.conf"
fi
exec docker-entrypoint.sh postgres -c hot_standby=on -c max_connections=50 -c max_wal_senders=10
