#!/bin/sh
# Runs the *.sql files of /docker-entrypoint-initdb.d on the first start; server options as arguments.
set -eu

case "${1:-mysqld}" in
  -*) ;;
  mysqld) shift ;;
  *) exec "$@" ;;
esac

first_start=/var/lib/mysql/.first-start
if [ -e "$first_start" ]; then
  setup=/run/mysqld/first-start.sql
  {
    echo 'SET sql_log_bin = 0;'
    find /docker-entrypoint-initdb.d -name '*.sql' | sort | xargs -r cat
  } > "$setup"
  rm "$first_start"
  set -- "$@" "--init-file=$setup"
fi

exec mysqld --no-defaults --user=mysql --datadir=/var/lib/mysql --secure-file-priv=NULL \
  --socket=/run/mysqld/mysqld.sock --pid-file=/run/mysqld/mysqld.pid "$@"
