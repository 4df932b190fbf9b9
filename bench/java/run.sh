#!/usr/bin/env bash
# Starts a FlyMQ broker and a Kafka node, and Bench.java between them. Arguments go to the JVM:
# -Drecords=, -Dsync=, -Drounds=, and -Dfsync=true for acknowledging only what is on the disk.
set -euo pipefail
cd "$(dirname "$0")/../.."

durability=os
for option in "$@"; do
    [ "$option" = -Dfsync=true ] && durability=fsync
done
data=$(mktemp -d)
target/release/flymq broker --listen 127.0.0.1:0 --data-dir "$data/data" --durability "$durability" \
    > "$data/log" 2>&1 &
broker=$!
trap 'kill "$broker"; wait "$broker" || true; rm -rf "$data"' EXIT
until address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$data/log" | head -n 1) && [ -n "$address" ]; do
    kill -0 "$broker"
    sleep 0.1
done

kafka=$(python3 tools/kafka/kafka.py fetch)
client=bindings-java/flymq-client/target
python3 tools/kafka/kafka.py run --standard-jvm -- bash -c '
    exec java -Dorg.slf4j.simpleLogger.defaultLogLevel=error "$@" "$KAFKA_BOOTSTRAP_SERVERS"' bash \
    "$@" -cp "$client/classes:$client/slf4j/*:$kafka/*" bench/java/Bench.java "$address"
