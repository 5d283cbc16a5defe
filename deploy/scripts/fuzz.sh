#!/bin/sh
# Fuzzes every target of the three fuzz crates in turn, SECONDS_PER_TARGET each. Stops at the first finding, whose input
# libFuzzer leaves under fuzz/artifacts/ of the crate. Corpora are kept, so that the next run begins where this one ended.
set -eu
cd "$(dirname "$0")/../.."

seconds=${SECONDS_PER_TARGET:-600}
# A decoder that needs more than this for an input of at most 64 KiB has a bound missing.
limits='-rss_limit_mb=512 -timeout=10 -max_len=65536'

if ! cargo fuzz --version >/dev/null 2>&1; then
    printf 'peerage: cargo-fuzz is missing; install with: cargo install cargo-fuzz\n' >&2
    exit 1
fi
if ! cargo +nightly --version >/dev/null 2>&1; then
    printf 'peerage: nightly Rust is missing; install with: rustup toolchain install nightly --profile minimal\n' >&2
    exit 1
fi

for crate in records protocol node; do
    for target in $(cargo +nightly fuzz list --fuzz-dir "$crate/fuzz"); do
        printf 'fuzz: %s %s, %s s\n' "$crate" "$target" "$seconds"
        # Word splitting of the limits is wanted.
        # shellcheck disable=SC2086
        cargo +nightly fuzz run --fuzz-dir "$crate/fuzz" "$target" -- -max_total_time="$seconds" $limits
    done
done
