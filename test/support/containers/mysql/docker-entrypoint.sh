#!/bin/sh
# Understands MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD and the *.sql files of
# /docker-entrypoint-initdb.d, all on the first start, and server options as arguments.
set -eu

case "${1:-mariadbd}" in
  -*) ;;
  mariadbd | mysqld) shift ;;
  *) exec "$@" ;;
esac

first_start=/var/lib/mysql/.first-start
if [ -e "$first_start" ]; then
  setup=/run/mysqld/first-start.sql
  {
    echo 'SET sql_log_bin = 0;'
    if [ -n "${MYSQL_ROOT_PASSWORD:-}" ]; then
      echo "CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
      echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    fi
    if [ -n "${MYSQL_DATABASE:-}" ]; then
      echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
    fi
    if [ -n "${MYSQL_USER:-}" ]; then
      echo "CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '${MYSQL_PASSWORD:-}';"
      if [ -n "${MYSQL_DATABASE:-}" ]; then
        echo "GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';"
      fi
    fi
    find /docker-entrypoint-initdb.d -name '*.sql' | sort | xargs -r cat
  } > "$setup"
  rm "$first_start"
  set -- "$@" "--init-file=$setup"
fi

exec mariadbd --user=mysql "$@"
