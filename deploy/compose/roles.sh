#!/bin/sh
# Run once by the database's image: the roles that Seamline knows, neither of them a superuser.
set -eu
psql -v ON_ERROR_STOP=1 -v writer="$WRITER_PASSWORD" -v reader="$READER_PASSWORD" \
    --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE seamline_writer LOGIN NOSUPERUSER PASSWORD :'writer';
CREATE ROLE seamline_reader LOGIN NOSUPERUSER PASSWORD :'reader';
CREATE DATABASE seamline OWNER seamline_writer;
\connect seamline
CREATE EXTENSION IF NOT EXISTS timescaledb;
SQL
