#!/bin/sh
# Finds what the build needs and installs what is missing.
#
#   prerequisites.sh [build|lint]
#
#   build   compiler, libclang and openssl: all that `make demo` and `make test` want (the default)
#   lint    the same, and the Rust components that check the code
#
# Installs by apt-get where this user may: as root, or through sudo that asks for no password. Elsewhere it says in
# one line which packages are missing and exits 1. When nothing is missing it prints nothing and takes milliseconds.
set -eu

purpose=${1:-build}
# What is missing, and the package that brings it, by package manager.
missing='' apt='' dnf='' brew=''

have() { command -v "$1" >/dev/null 2>&1; }

want() { # want WHAT APT-PACKAGE DNF-PACKAGE BREW-PACKAGE
    missing="$missing${missing:+, }$1"
    apt="$apt $2" dnf="$dnf $3" brew="$brew $4"
}

first() { # whether the first of the given paths exists: the result of a glob
    [ -e "$1" ]
}

# RocksDB's bindings are generated while building. That takes the shared libclang, and the C headers that belong to
# it: the library alone is often there, brought by something else, and then fails much later with `stddef.h not found`.
have_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then return 0; fi
    for directory in /usr/lib/llvm*/lib /usr/lib /usr/lib64 /usr/lib/*-linux-gnu /usr/local/lib /usr/local/llvm*/lib \
        /opt/homebrew/opt/llvm/lib /usr/local/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib; do
        if first "$directory"/libclang.so* || first "$directory"/libclang-*.so* || first "$directory"/libclang.dylib; then
            if have_clang_headers; then return 0; fi
        fi
    done
    return 1
}

have_clang_headers() {
    for directory in /usr/lib/llvm*/lib/clang /usr/lib/clang /usr/lib64/clang /usr/local/lib/clang /usr/local/llvm*/lib/clang \
        /opt/homebrew/opt/llvm/lib/clang /usr/local/opt/llvm/lib/clang /Library/Developer/CommandLineTools/usr/lib/clang \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/clang; do
        if first "$directory"/*/include/stddef.h; then return 0; fi
    done
    return 1
}

say() { printf 'peerage: %s\n' "$1" >&2; }

if ! have cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    say "cargo is installed but not on the PATH; run: . \"${CARGO_HOME:-$HOME/.cargo}/env\""
    exit 1
fi
if ! have cargo; then
    say "cargo is missing; install Rust from https://rustup.rs and run this again"
    exit 1
fi

have cc || want "a C compiler" gcc gcc llvm
have c++ || want "a C++ compiler" g++ gcc-c++ llvm
have_libclang || want libclang libclang-dev clang-devel llvm
have openssl || want openssl openssl openssl openssl

if [ -n "$missing" ]; then
    if have apt-get; then
        as_root=
        if [ "$(id -u)" -ne 0 ]; then
            as_root='sudo -n env'
            if ! have sudo || ! sudo -n true 2>/dev/null; then
                say "missing: $missing; install with: sudo apt-get install -y --no-install-recommends$apt"
                exit 1
            fi
        fi
        say "installing$apt (missing: $missing)"
        install() { # word splitting of the two lists is wanted
            # shellcheck disable=SC2086
            ${as_root:-env} DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $apt >/dev/null
        }
        # A fresh machine has no package lists yet; one that has them need not fetch them again.
        if ! install 2>/dev/null; then
            # shellcheck disable=SC2086
            ${as_root:-env} apt-get update -qq || say "apt-get update failed; trying to install all the same"
            if ! install; then
                say "could not install; try by hand: sudo apt-get install -y --no-install-recommends$apt"
                exit 1
            fi
        fi
    elif have dnf; then
        say "missing: $missing; install with: sudo dnf install -y$dnf"
        exit 1
    elif have brew; then
        say "missing: $missing; install with: brew install$brew"
        exit 1
    else
        say "missing: $missing; install these and run this again (Debian calls the packages$apt)"
        exit 1
    fi
fi

if [ "$purpose" = lint ]; then
    if ! have cargo-fmt || ! have cargo-clippy || ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        if have rustup; then
            rustup component add rustfmt clippy
        else
            say "missing: rustfmt, clippy; install the packages of that name beside your Rust"
            exit 1
        fi
    fi
fi
