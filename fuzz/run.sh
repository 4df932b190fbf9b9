#!/usr/bin/env bash
# Fuzzes every target, for FUZZ_SECONDS in all (default 60). Fails on the first crash, whose input is
# then in fuzz/artifacts/. More about it: fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${FUZZ_SECONDS:-60}
targets=(messages batch encrypted auth)

missing() {
    echo "fuzz: $1 is missing; install it with: $2" >&2
    exit 1
}
command -v cargo >/dev/null || missing cargo "the instructions on https://rustup.rs"
command -v python3 >/dev/null || missing python3 "your system's package manager"
if ! cargo +nightly --version >/dev/null 2>&1; then
    command -v rustup >/dev/null || missing "Rust's nightly toolchain" "rustup toolchain install nightly"
    rustup toolchain install nightly --profile minimal
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked
fi

python3 seed.py
each=$(((seconds + ${#targets[@]} - 1) / ${#targets[@]}))
for target in "${targets[@]}"; do
    cargo +nightly fuzz build "$target"
    echo "fuzz: $target for $each s"
    cargo +nightly fuzz run "$target" -- \
        -max_total_time="$each" -max_len=65536 -rss_limit_mb=512 -malloc_limit_mb=96 \
        -timeout=10 -print_final_stats=1 -verbosity=0
done
echo "fuzz ok: ${targets[*]}, $seconds s"
