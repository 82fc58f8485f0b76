#!/bin/sh
# Make a cluster in $PGDATA if there is none, then become the command: postgres with its arguments. Reads the variables
# that the official image reads, as far as the toolkit sets them: POSTGRES_USER, POSTGRES_PASSWORD,
# POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD.
set -eu

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -n "${POSTGRES_PASSWORD-}" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
        POSTGRES_INITDB_ARGS="${POSTGRES_INITDB_ARGS-} --pwfile=/tmp/password"
    fi
    # shellcheck disable=SC2086 # several arguments in one variable
    initdb --pgdata "$PGDATA" --username "${POSTGRES_USER:-postgres}" ${POSTGRES_INITDB_ARGS-}
    rm -f /tmp/password
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:?say how clients prove who they are}" >>"$PGDATA/pg_hba.conf"
fi

exec "$@"
