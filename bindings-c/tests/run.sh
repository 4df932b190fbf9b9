#!/usr/bin/env bash
# The tests of the C library and of the languages that link it: tests/run.sh FOLDER, which holds what cargo
# has built. Says aloud what is skipped because a tool is missing, and why.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$(cd "$1" && pwd)
out=$root/.cache/c-tests
rm -rf "$out" && mkdir -p "$out"
stage=$out/prefix
passed=0 failed=0 skipped=0

check() { # NAME COMMAND…
    local name=$1 began=$SECONDS
    shift
    if "$@" >"$out/log" 2>&1; then
        echo "ok      $name ($((SECONDS - began)) s)"
        passed=$((passed + 1))
    else
        echo "FAILED  $name"
        tail -n 40 "$out/log"
        failed=$((failed + 1))
    fi
}

skip() { # NAME WHY
    echo "SKIPPED $1: $2" >&2
    skipped=$((skipped + 1))
}

# For what changes the folder or the environment.
in_a_shell() { ("$@"); }

has() { command -v "$1" >/dev/null; }

# Whatever hangs has failed.
limited() { timeout -k 10 300 "$@"; }

installed() {
    make -C "$here/.." install-files PROFILE=dev TARGET_DIR="$(dirname "$built")" PREFIX="$stage"
}
check "install into a prefix of its own" installed
export PKG_CONFIG_PATH=$stage/lib/pkgconfig
export LD_LIBRARY_PATH=$stage/lib
strict=(-Wall -Wextra -Wpedantic -Werror)
flags=("-I$stage/include" "-L$stage/lib" -lflymq)

# What is installed.

header() { # COMPILER STANDARD
    echo '#include <flymq.h>' | "$1" -std="$2" "${strict[@]}" -Wstrict-prototypes -I"$stage/include" -fsyntax-only -x "$3" -
}
cxx_header() {
    echo '#include <flymq.hpp>' | g++ -std="$1" "${strict[@]}" -I"$stage/include" -fsyntax-only -x c++ -
}
check "flymq.h is C11" header gcc c11 c
has g++ || skip "C++" "there is no g++"
if has g++; then
    check "flymq.h is C++17" bash -c "echo '#include <flymq.h>' | g++ -std=c++17 ${strict[*]} -I$stage/include -fsyntax-only -x c++ -"
    check "flymq.hpp is C++17" cxx_header c++17
    check "flymq.hpp is C++20" cxx_header c++20
fi
check "each comment of flymq.h says what there is to know" python3 "$here/comments.py" "$stage/include/flymq.h"
check "abi.txt is in force" bash -c "python3 $here/abi.py $stage/include/flymq.h | diff -u $here/abi.txt -"

only_ours() {
    ! nm -D --defined-only "$stage/lib/libflymq.so" | awk '{print $3}' | grep -v '^flymq_'
}
all_of_the_header() {
    diff <(nm -D --defined-only "$stage/lib/libflymq.so" | awk '{print $3}' | sort) \
        <(sed -n 's/^[a-z].* [*(]*\(flymq_[a-z_]*\)(.*/\1/p' "$here/abi.txt" | sort)
}
only_ours_static() {
    ! nm -g --defined-only "$stage/lib/libflymq.a" | awk 'NF == 3 {print $3}' | grep -v '^flymq_'
}
soname() { readelf -d "$stage/lib/libflymq.so" | grep -F 'soname: [libflymq.so.0]'; }
check "only flymq_* is exported" only_ours
check "the header declares what is exported" all_of_the_header
check "nothing else is global in libflymq.a" only_ours_static
check "the soname" soname

outside_pkg_config() {
    gcc "${strict[@]}" "$here/outside/outside.c" -o "$out/outside" $(pkg-config --cflags --libs flymq) && "$out/outside"
}
outside_static() {
    gcc "${strict[@]}" "$here/outside/outside.c" -o "$out/outside-static" $(pkg-config --cflags --libs flymq-static) &&
        ! readelf -d "$out/outside-static" | grep -F libflymq && "$out/outside-static"
}
outside_own_zstd() {
    gcc "${strict[@]}" "$here/outside/own_zstd.c" -o "$out/own-zstd" $(pkg-config --cflags --libs flymq-static) &&
        limited "$out/own-zstd"
}
outside_cmake() {
    cmake -S "$here/outside" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$stage" && cmake --build "$out/cmake" &&
        "$out/cmake/outside-shared" && "$out/cmake/outside-static"
}
if has pkg-config; then
    check "a program outside, by pkg-config" outside_pkg_config
    check "a program outside, linked statically" outside_static
    check "a program with a zstd of its own, linked statically" outside_own_zstd
else
    skip "pkg-config" "there is no pkg-config"
fi
if has cmake; then check "a program outside, by CMake" outside_cmake; else skip "CMake" "there is no cmake"; fi

# Behaviour, under AddressSanitizer and UndefinedBehaviorSanitizer, LeakSanitizer among them.

python3 "$here/scenarios.py" "$root"/conformance/{groups,transactions}/scenarios.json >"$out/scenarios.txt"
python3 "$here/scenarios.py" "$root/conformance/failover/scenarios.json" >"$out/failover.txt"
python3 "$here/vectors.py" "$root/conformance/partitioner/murmur2.json" >"$out/vectors.txt"
python3 "$here/misuse.py" "$stage/include/flymq.h" >"$out/test_misuse.c"
compile() { # NAME OUTPUT FLAGS…
    local name=$1 to=$2
    shift 2
    local source=$here/test_$name.c
    [ -e "$source" ] || source=$out/test_$name.c
    gcc -std=c11 -D_GNU_SOURCE -g "${strict[@]}" -I"$here" "$source" -o "$to" "$@" "${flags[@]}" -lpthread
}
sanitized() { # NAME ARGUMENTS…
    local name=$1
    shift
    compile "$name" "$out/$name" -fsanitize=address,undefined -fno-sanitize-recover=all &&
        limited "$out/$name" "$@"
}
for name in client pool producer consumer transactions process threads misuse; do
    check "$name" sanitized "$name"
done
python3 "$here/snippets.py" "$root/docs/c.md" >"$out/test_snippets.c"
check "the snippets of docs/c.md" sanitized snippets
check "partitioner" sanitized partitioner "$out/vectors.txt"
check "conformance scenarios" sanitized scenarios "$out/scenarios.txt"
check "failover scenarios" sanitized failover "$out/failover.txt"
mkdir "$out/certificates"
if has openssl; then
    check "certificates" "$here/certs.sh" "$out/certificates"
    check "security" sanitized security "$out/certificates"
else
    skip "security" "there is no openssl to make certificates"
fi

# Records that Python writes are read here, and the other way round.

exchanged() {
    gcc -std=c11 -D_GNU_SOURCE "${strict[@]}" -I"$here" "$here/exchange.c" -o "$out/exchange" "${flags[@]}" || return
    local -A program=([c]="$out/exchange" [python]="$python $root/conformance/exchange/exchange.py")
    local records=$root/conformance/exchange/records.txt address writer reader failed=0
    export FLYMQ_ENCRYPTION_KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    coproc BROKER { limited "$out/exchange" broker; }
    local stdin=${BROKER[1]} process=$BROKER_PID
    read -r address <&"${BROKER[0]}"
    for writer in c python; do
        for reader in c python; do
            echo "$writer to $reader"
            limited ${program[$writer]} write "$address" "$writer-$reader" <"$records" &&
                limited ${program[$reader]} read "$address" "$writer-$reader" | diff "$records" - || failed=1
        done
    done
    exec {stdin}>&-
    wait "$process" && [ "$failed" = 0 ]
}
python=${FLYMQ_PYTHON:-$root/.venv/bin/python}
if "$python" -c 'import flymq' 2>/dev/null; then
    check "records cross between C and Python" in_a_shell exchanged
else
    skip "records between C and Python" "the flymq package is not in .venv: 'make test-python' puts it there"
fi

# ThreadSanitizer sees the program's side alone: the library is not built for it, and what it does among its own
# threads is left out.

raced() { # NAME
    compile "$1" "$out/$1-raced" -fsanitize=thread &&
        TSAN_OPTIONS=ignore_noninstrumented_modules=1 limited "$out/$1-raced"
}
for name in pool producer threads; do check "$name under ThreadSanitizer" raced "$name"; done

# The same without sanitizers under valgrind, which also sees what the library itself does.

grinded() { # NAME
    compile "$1" "$out/$1-plain" &&
        limited valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
            --errors-for-leak-kinds=definite,indirect "$out/$1-plain"
}
if has valgrind; then
    for name in producer consumer transactions misuse; do check "$name under valgrind" grinded "$name"; done
else
    skip "valgrind" "install valgrind: memory errors within the library go unseen"
fi

# The languages that link it.

. "$here/languages.sh"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
