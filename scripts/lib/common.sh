# Shell helpers of the scripts: saying what happens, installing what is missing, a compiler.
#
# Sourced, never run. Debian 12 or newer is assumed, root or a user with sudo. Whatever would
# change the machine is said before it is done; DRY_RUN=1 says it and leaves it.
# shellcheck shell=bash

RUST_WANTED=1.88

# say TEXT...: one line for the user, set apart from the output of programs.
say() {
    if [ -t 2 ]; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}

# fail TEXT...: the last line, and status 1.
fail() {
    if [ -t 2 ]; then printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; else printf 'error: %s\n' "$*" >&2; fi
    exit 1
}

# as_root COMMAND...: as it is for root, by sudo for others.
as_root() {
    if [ -n "${DRY_RUN:-}" ]; then
        say "would run: $*"
    elif [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo: $*"
    fi
}

# installed PACKAGE: whether dpkg has it, unpacked and configured.
installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages PACKAGE...: installs those that are missing, after naming them.
need_packages() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "missing on this machine, to be installed with apt-get: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
        say "apt-get update failed; trying with the lists that are there"
    # Debian starts a daemon as soon as it is installed. Ours runs from its own folder, so the
    # packaged one must not be started, nor be there after the next boot.
    install_without_services "${missing[@]}" ||
        fail "apt-get could not install: ${missing[*]}"
}

# install_without_services PACKAGE...: apt-get install, with the start of services forbidden
# meanwhile (policy-rc.d). In a subshell, whose trap takes the ban away also after Ctrl-C.
install_without_services() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
    fi
    # Only what this very call installs is switched off; a server in use is let alone.
    fresh_dovecot=''
    installed dovecot-core || fresh_dovecot=yes
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" || exit 1
    case " $* " in
    *dovecot*)
        if [ -n "$fresh_dovecot" ] && command -v systemctl >/dev/null; then
            as_root systemctl disable --quiet dovecot.service dovecot.socket 2>/dev/null || :
        fi
        ;;
    esac
)

# version_at_least HAVE WANTED: compares 1.95.0 with 1.88.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# rust_version: the version of the rustc in PATH, empty without one (which must not end the script).
rust_version() {
    { rustc --version 2>/dev/null || :; } | sed -n 's/^rustc \([0-9][0-9.]*\).*/\1/p'
}

# candidate PACKAGE: the version that apt would install, empty without one.
candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)/\1/p'
}

# need_rust: cargo and a rustc that is new enough, from Debian where the machine has neither.
need_rust() {
    local have offered
    # rustup's compiler is there for whoever installed it, also in a shell without a login.
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    have=$(rust_version)
    if command -v cargo >/dev/null && [ -n "$have" ] && version_at_least "$have" $RUST_WANTED; then
        return 0
    fi
    if [ -n "$have" ]; then
        say "rustc $have is older than $RUST_WANTED"
    else
        say "no Rust compiler on this machine"
    fi
    as_root apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
    offered=$(candidate rustc-web)
    if [ -z "$offered" ]; then
        fail "no Rust $RUST_WANTED or newer in reach: Debian's rustc-web is not in your apt sources." \
            "Add 'deb http://security.debian.org/debian-security bookworm-security main'," \
            "or install Rust with rustup, then start again."
    fi
    if ! version_at_least "${offered%%[-+~]*}" $RUST_WANTED; then
        fail "apt would install rustc-web $offered, and $RUST_WANTED is needed: the newer one is in" \
            "Debian's security source ('bookworm-security main'), which your apt sources lack." \
            "Add it, or install Rust with rustup, then start again."
    fi
    need_packages cargo-web rustc-web rustfmt-web
    [ -n "${DRY_RUN:-}" ] && return 0
    hash -r
    have=$(rust_version)
    [ -n "$have" ] && version_at_least "$have" $RUST_WANTED ||
        fail "rustc ${have:-(none)} is found first in PATH, and $RUST_WANTED is needed"
}

# own_cargo_home: crates go into the checkout's .tools where the user has no cargo folder yet, so
# that a machine without Rust gets nothing into its home.
own_cargo_home() {
    if [ -z "${CARGO_HOME:-}" ] && [ ! -d "$HOME/.cargo" ]; then
        export CARGO_HOME=$ROOT/.tools/cargo
    fi
}

# json_field NAME: the value of a string or number on one line of JSON from standard input.
json_field() {
    sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\)"\{0,1\}.*/\1/p' | head -n 1
}

# await_line FILE PID SECONDS: waits until a program has written its first line there.
await_line() {
    local tries=$(($3 * 20))
    while [ $tries -gt 0 ]; do
        [ -s "$1" ] && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.05
        tries=$((tries - 1))
    done
    return 1
}

# stop PID...: asks programs that we started to end, and waits for them.
stop() {
    local pid
    for pid in "$@"; do
        [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || :
    done
    return 0
}
