#!/usr/bin/env bash
# Programs that are linked with musl and a libflymq for it, statically: tests/musl.sh PREFIX.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
flags=$(PKG_CONFIG_PATH=$1/lib/pkgconfig pkg-config --cflags --libs flymq-static)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for source in "$here"/outside/outside.c "$here"/test_{client,producer,consumer,transactions}.c; do
    name=$(basename "$source" .c)
    # shellcheck disable=SC2086
    musl-gcc -static -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$here" "$source" -o "$out/$name" $flags
    if readelf -l "$out/$name" | grep -q INTERP; then echo "FAILED  $name is not static"; exit 1; fi
    timeout -k 10 300 "$out/$name" >"$out/log" 2>&1 || { cat "$out/log"; echo "FAILED  $name"; exit 1; }
    echo "ok      $name with musl"
done
