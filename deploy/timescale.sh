#!/bin/sh
# Bring up a real TimescaleDB for tests, from Debian 13 packages in a folder of its own.
#
#   deploy/timescale.sh start DIR PORT   install what is missing, start, print the DSN as the last line
#   deploy/timescale.sh stop DIR         stop the server and take the mounts away; the folder stays
#
# Needs root on Debian 12 or later. Listens on 127.0.0.1 only; the data live in DIR/data. For tests
# alone: it does not wait for the disk and runs no background jobs. SEAMLINE_DEBIAN_MIRROR names
# another mirror than debootstrap's own.
set -eu

SUITE=trixie
MIRROR=${SEAMLINE_DEBIAN_MIRROR:-}
BIN=/usr/lib/postgresql/17/bin
PACKAGES="postgresql-17 postgresql-17-timescaledb"

die() { echo "timescale.sh: $*" >&2; exit 1; }
say() { echo "timescale.sh: $*" >&2; }

mounted() { grep -q " $1 " /proc/mounts; }

mount_all() {
    mounted "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
    mounted "$ROOT/dev/shm" || { mkdir -p "$ROOT/dev/shm"; mount -t tmpfs -o size=512m tmpfs "$ROOT/dev/shm"; }
    mkdir -p "$DIR/data" "$ROOT/data"
    mounted "$ROOT/data" || mount --bind "$DIR/data" "$ROOT/data"
}

umount_all() {
    for place in data dev/shm proc; do
        if mounted "$ROOT/$place"; then umount "$ROOT/$place"; fi
    done
}

inside() { chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
as_postgres() { inside setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
sql() { as_postgres "$BIN/psql" -qAtX -v ON_ERROR_STOP=1 -h /data -p "$PORT" "$@"; }

install_packages() {
    [ -e "$DIR/.installed" ] && return
    command -v debootstrap >/dev/null || die "debootstrap is missing; run: apt-get install debootstrap"
    say "installing Debian $SUITE with $PACKAGES into $ROOT"
    umount_all
    rm -rf --one-file-system "$ROOT"
    mkdir -p "$DIR/cache"
    debootstrap --variant=minbase --cache-dir="$DIR/cache" "$SUITE" "$ROOT" ${MIRROR:+"$MIRROR"} >"$DIR/install.log" 2>&1 \
        || die "debootstrap failed; see $DIR/install.log"
    mount_all
    cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
    apt-config dump | grep -i '^Acquire::http::Proxy' >"$ROOT/etc/apt/apt.conf.d/90proxy" || :
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod 755 "$ROOT/usr/sbin/policy-rc.d"
    mkdir -p "$ROOT/etc/postgresql-common"
    echo "create_main_cluster = false" >"$ROOT/etc/postgresql-common/createcluster.conf"
    # shellcheck disable=SC2086
    inside env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $PACKAGES \
        >>"$DIR/install.log" 2>&1 || die "the packages could not be installed; see $DIR/install.log"
    rm -rf "$ROOT"/var/cache/apt/archives/*.deb "$DIR/cache"
    touch "$DIR/.installed"
}

create_data() {
    [ -e "$DIR/data/PG_VERSION" ] && return
    inside chown postgres:postgres /data
    inside chmod 700 /data
    as_postgres "$BIN/initdb" -D /data --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=peer --auth-host=scram-sha-256 >>"$DIR/install.log" 2>&1 \
        || die "initdb failed; see $DIR/install.log"
    cat >>"$DIR/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '/data'
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 0
max_worker_processes = 8
shared_buffers = 128MB
fsync = off
max_wal_size = 1GB
CONF
}

create_role() {
    [ -e "$DIR/password" ] || (umask 077; od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$DIR/password")
    password=$(cat "$DIR/password")
    [ "$(sql -d postgres -c "SELECT count(*) FROM pg_roles WHERE rolname = 'seamline_writer'")" = 1 ] \
        || sql -d postgres -c "CREATE ROLE seamline_writer LOGIN CREATEDB NOSUPERUSER"
    sql -d postgres -c "ALTER ROLE seamline_writer PASSWORD '$password'"
    # Tests drop databases while an autovacuum worker, which belongs to no role, may be inside.
    sql -d postgres -c "GRANT pg_signal_backend TO seamline_writer"
    [ "$(sql -d postgres -c "SELECT count(*) FROM pg_roles WHERE rolname = 'seamline_reader'")" = 1 ] \
        || sql -d postgres -c "CREATE ROLE seamline_reader LOGIN NOSUPERUSER"
    sql -d postgres -c "ALTER ROLE seamline_reader PASSWORD '$password'"
    [ "$(sql -d postgres -c "SELECT count(*) FROM pg_database WHERE datname = 'seamline'")" = 1 ] \
        || sql -d postgres -c "CREATE DATABASE seamline OWNER seamline_writer"
    sql -d seamline -c "CREATE EXTENSION IF NOT EXISTS timescaledb" 2>>"$DIR/install.log"
}

port_in_use() { sed -n 4p "$DIR/data/postmaster.pid"; }
running() { [ -e "$DIR/data/postmaster.pid" ] && as_postgres "$BIN/pg_ctl" -D /data status >/dev/null; }

start() {
    mkdir -p "$DIR"
    install_packages
    mount_all
    create_data
    if running && [ "$(port_in_use)" != "$PORT" ]; then
        as_postgres "$BIN/pg_ctl" -D /data -m fast -w stop >/dev/null
    fi
    if ! running; then
        as_postgres "$BIN/pg_ctl" -D /data -w -t 60 -o "-p $PORT" -l /data/server.log start >/dev/null \
            || die "the server did not start; see $DIR/data/server.log"
    fi
    create_role
    echo "postgresql://seamline_writer:$(cat "$DIR/password")@127.0.0.1:$PORT/seamline"
}

stop() {
    if [ -d "$ROOT/data" ] && mounted "$ROOT/data"; then
        if running; then as_postgres "$BIN/pg_ctl" -D /data -m fast -w stop >/dev/null; fi
    fi
    umount_all
}

[ "$(id -u)" = 0 ] || die "needs root, for chroot and mount"
[ $# -ge 2 ] || die "usage: timescale.sh start DIR PORT | stop DIR"
mkdir -p "$2"
DIR=$(cd "$2" && pwd)
ROOT=$DIR/root
PORT=${3:-5439}
case $1 in
    start) start ;;
    stop) stop ;;
    *) die "usage: timescale.sh start DIR PORT | stop DIR" ;;
esac
