#!/usr/bin/env bash
# The conformance scenarios through gateways to the Kafka cluster that FLYMQ_TEST_KAFKA names: tests/gateways.sh
# FOLDER, which holds what cargo has built. Part of `make test-kafka`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$(cd "$1" && pwd)
out=$root/.cache/c-gateways
rm -rf "$out" && mkdir -p "$out"
ln -s "$built/libflymq.so" "$out/libflymq.so.0"
ln -s libflymq.so.0 "$out/libflymq.so"
export LD_LIBRARY_PATH=$out FLYMQ_BIN=${FLYMQ_BIN:-$built/flymq}
: "${FLYMQ_TEST_KAFKA:?names no cluster; see tools/kafka/README.md}"

run() { # NAME SCENARIOS…
    local name=$1
    shift
    python3 "$here/scenarios.py" "$@" >"$out/$name.txt"
    gcc -std=c11 -D_GNU_SOURCE -g -Wall -Wextra -Werror -I"$here" -I"$here/../include" "$here/test_$name.c" \
        -o "$out/$name" -L"$out" -lflymq -lpthread -fsanitize=address,undefined -fno-sanitize-recover=all
    timeout -k 10 300 "$out/$name" "$out/$name.txt"
}
run scenarios "$root"/conformance/{groups,transactions}/scenarios.json
run failover "$root/conformance/failover/scenarios.json"
