#!/bin/sh
# What a change must pass before its tests are worth running. `make lint` and .ci/run both come here.
#
#   lint.sh [STEP...]    all steps, or the named ones
set -eu
cd "$(dirname "$0")/../.."

run() {
    case "$1" in
        format) cargo fmt --all --check ;;
        clippy) cargo clippy --workspace --all-targets --quiet -- -D warnings ;;
        docs) RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --quiet ;;
        # The halves that must stand alone: no RocksDB, no libp2p.
        features)
            cargo check --quiet -p peerage-records --no-default-features
            cargo check --quiet -p peerage-protocol --no-default-features
            cargo check --quiet -p peerage-protocol --no-default-features --features sim
            cargo check --quiet -p peerage-protocol --no-default-features --features net
            ;;
        fuzz) cargo check --quiet -p peerage-records-fuzz -p peerage-protocol-fuzz -p peerage-fuzz ;;
        *)
            printf 'lint: no step called %s; there are: %s\n' "$1" "$steps" >&2
            exit 2
            ;;
    esac
}

steps='format clippy docs features fuzz'
# Word splitting of the list is wanted.
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $steps
for step in "$@"; do
    printf 'lint: %s\n' "$step"
    run "$step"
done
