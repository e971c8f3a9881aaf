#!/bin/sh
# Server options as arguments, or a command.
set -eu

case "${1:-redis-server}" in
  -*) set -- redis-server "$@" ;;
esac
exec "$@"
