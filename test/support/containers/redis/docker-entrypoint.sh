#!/bin/sh
# Server options as arguments, or a command.
set -eu

case "${1:-valkey-server}" in
  -*) set -- valkey-server "$@" ;;
esac
exec "$@"
