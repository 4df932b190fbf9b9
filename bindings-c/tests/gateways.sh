#!/usr/bin/env bash
# The conformance scenarios, users, rules and encryption through gateways to the Kafka cluster that
# FLYMQ_TEST_KAFKA names: tests/gateways.sh FOLDER, which holds what cargo has built. Part of `make test-kafka`.
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

run() { # NAME ARGUMENT
    local name=$1
    gcc -std=c11 -D_GNU_SOURCE -g -Wall -Wextra -Werror -I"$here" -I"$here/../include" "$here/test_$name.c" \
        -o "$out/$name" -L"$out" -lflymq -lpthread -fsanitize=address,undefined -fno-sanitize-recover=all
    timeout -k 10 300 "$out/$name" "$2"
}
scenarios() { # NAME SCENARIOS…
    local name=$1
    shift
    python3 "$here/scenarios.py" "$@" >"$out/$name.txt"
    run "$name" "$out/$name.txt"
}
scenarios scenarios "$root"/conformance/{groups,transactions}/scenarios.json
scenarios failover "$root/conformance/failover/scenarios.json"
mkdir "$out/certificates"
"$here/certs.sh" "$out/certificates" 2>"$out/openssl.log"
run security "$out/certificates"
