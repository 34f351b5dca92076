#!/bin/sh
# The first process of a container that starts servers: it passes signals on, collects what ends, and ends as its command does.
"$@" &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM
trap 'kill -INT "$child" 2>/dev/null' INT
# A signal interrupts the wait: it goes on until the command has ended.
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || exit "$code"
done
