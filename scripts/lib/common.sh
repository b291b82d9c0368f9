# Shell helpers of the scripts: saying what happens, installing what is missing, a compiler.
#
# Sourced, never run, by scripts whose ROOT is the checkout. Debian 12 or newer is assumed, root or
# a user with sudo. Whatever would change the machine is said before it is done; DRY_RUN=1 says it
# and leaves it.
# shellcheck shell=bash

RUST_WANTED=1.88

# coloured FD: whether what is written there is seen by somebody who wants colours.
coloured() { [ -t "$1" ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; }

# say TEXT...: one line for the user, set apart from the output of programs.
say() {
    if coloured 2; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}

# fail TEXT...: the last line, and status 1.
fail() {
    if coloured 2; then printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; else printf 'error: %s\n' "$*" >&2; fi
    exit 1
}

# wrong TEXT...: what was typed can't be meant: said before anything is done, and status 2.
wrong() {
    printf 'error: %s\nTry: ./scripts/%s --help\n' "$*" "${0##*/}" >&2
    exit 2
}

# common_option WORD: an option that every script has, or wrong usage.
common_option() {
    case $1 in
    --help | -h)
        usage
        exit 0
        ;;
    *) wrong "unknown option: $1" ;;
    esac
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

# need PACKAGE...: these, and a Rust compiler. All that is missing is named in one list, then
# installed; what apt-get says goes to a file.
need() {
    local missing=() rust=() package have
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    have=$(rust_version)
    if [ -n "${BUILT:-}" ]; then
        have=''
    elif [ -z "$have" ]; then
        say "no Rust compiler on this machine"
    elif ! command -v cargo >/dev/null; then
        say "no cargo on this machine, only rustc $have"
        have=''
    elif ! version_at_least "$have" $RUST_WANTED; then
        say "rustc $have is older than $RUST_WANTED"
        have=''
    fi
    # What is built already needs no compiler.
    [ -n "$have" ] || [ -n "${BUILT:-}" ] || rust=(cargo-web rustc-web rustfmt-web)
    missing+=("${rust[@]}")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "missing, to be installed with apt-get:"$'\n'"$(fold -s -w 72 <<<"${missing[*]}" | sed 's/^/      /')"
    [ "$(id -u)" = 0 ] || [ -n "${DRY_RUN:-}" ] || command -v sudo >/dev/null ||
        fail "that needs root, and there is no sudo: have them installed, then start again"
    say "what apt-get says goes to $APT_LOG"
    mkdir -p "${APT_LOG%/*}"
    apt_get update || say "apt-get update failed; trying with the lists that are there"
    [ ${#rust[@]} -eq 0 ] || rust_offered
    # Debian starts a daemon as soon as it is installed. Ours runs from its own folder, so the
    # packaged one must not be started, nor be there after the next boot.
    install_without_services "${missing[@]}" || {
        tail -n 10 "$APT_LOG" >&2
        fail "apt-get could not install these; its words stand above, all of them in $APT_LOG"
    }
    [ ${#rust[@]} -eq 0 ] || [ -n "${DRY_RUN:-}" ] || rust_arrived
}
APT_LOG=$ROOT/.tools/apt.log

# apt_get ARGUMENTS...: asks nothing, and says it to the file.
apt_get() {
    local words=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@")
    if [ -n "${DRY_RUN:-}" ]; then
        as_root "${words[@]}"
    else
        as_root "${words[@]}" >>"$APT_LOG" 2>&1
    fi
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
    apt_get install -y --no-install-recommends "$@" || exit 1
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

# rust_offered: whether apt has a compiler that is new enough; says what to do where it has not.
rust_offered() {
    local offered
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
}

# rust_arrived: whether the compiler that was installed is the one that is found.
rust_arrived() {
    local have
    hash -r
    have=$(rust_version)
    [ -n "$have" ] && version_at_least "$have" $RUST_WANTED ||
        fail "rustc ${have:-(none)} is found first in PATH, and $RUST_WANTED is needed"
}

# choose_cargo: rustup's compiler is there for whoever installed it, also in a shell without a
# login. Crates go into the checkout's .tools where the user has no cargo folder yet, so that a
# machine without Rust gets nothing into its home; and stay there, since from another folder all
# would be built anew.
choose_cargo() {
    local home=${CARGO_HOME:-$HOME/.cargo}
    if ! command -v cargo >/dev/null && [ -x "$home/bin/cargo" ]; then
        PATH="$home/bin:$PATH"
    fi
    # The allocator takes 64 KiB for the page of such a machine, which costs memory: 16 serve kernels with
    # pages of 4 and of 16 KiB.
    if [ "$(uname -m)" = aarch64 ] && [ "$(getconf PAGESIZE)" -le 16384 ]; then
        export JEMALLOC_SYS_WITH_LG_PAGE=${JEMALLOC_SYS_WITH_LG_PAGE:-14}
    fi
    if [ -z "${CARGO_HOME:-}" ] && { [ -d "$OWN_CARGO" ] || [ ! -d "$home" ]; }; then
        export CARGO_HOME=$OWN_CARGO
    fi
}
OWN_CARGO=$ROOT/.tools/cargo

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
