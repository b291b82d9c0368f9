# Servers that only tests need: a Cyrus, the second mail server that the end-to-end tests run on, and an Exim and a
# Postfix, which make real bounces.
#
# Sourced by test.sh, whose names it uses. Nothing is installed: the packages would bring a mail
# transport and daemons with them. They are only unpacked, into .tools, which needs no root.
# shellcheck shell=bash

# want_cyrus: POSTERN_CYRUS names a folder with a Cyrus, unless the system has one; status 1 and a
# reason in CYRUS_WHY where there is none.
want_cyrus() {
    local own=$ROOT/.tools/cyrus
    if [ -z "${POSTERN_CYRUS:-}" ] && ! installed cyrus-imapd; then
        [ -d "$own" ] || unpack "$own" cyrus-imapd 'cyrus-' || {
            CYRUS_WHY="cyrus-imapd could not be had from apt; its words are in $APT_LOG"
            return 1
        }
        export POSTERN_CYRUS=$own
    fi
    CYRUS_WHY=$("${CARGO_TARGET_DIR:-$ROOT/target}/debug/yard-cyrus" --look 2>&1)
}

# want_exim: POSTERN_EXIM names a folder with an Exim, unless the system has one; where there is none the test
# that needs it says so.
want_exim() {
    local own=$ROOT/.tools/exim
    if [ -z "${POSTERN_EXIM:-}" ] && ! installed exim4-daemon-light; then
        [ -d "$own" ] || unpack "$own" exim4-daemon-light 'exim4-' || return
        export POSTERN_EXIM=$own
    fi
}

# want_postfix: POSTERN_POSTFIX names a folder with a Postfix, in the same way.
want_postfix() {
    local own=$ROOT/.tools/postfix
    if [ -z "${POSTERN_POSTFIX:-}" ] && ! installed postfix; then
        [ -d "$own" ] || unpack "$own" postfix 'postfix' || return
        export POSTERN_POSTFIX=$own
    fi
}

# unpack FOLDER PACKAGE BEGINS: a server and what it comes with, whose names begin so, and the libraries that
# this machine lacks.
unpack() (
    new=$1.new
    rm -rf "$new"
    mkdir -p "$new/packages"
    cd "$new/packages" || exit 1
    {
        packages=$(apt-get install -s --no-install-recommends "$2" |
            sed -n "s/^Inst \\(lib[^ ]*\\|$3[^ ]*\\) .*/\\1/p") &&
            [ -n "$packages" ] &&
            say "unpacking into .tools, not installed: ${packages//$'\n'/ }" 2>&3 &&
            # shellcheck disable=SC2086 # one word for each package
            apt-get download -qq $packages &&
            for package in *.deb; do dpkg -x "$package" ..; done &&
            # Nothing here is to run with more rights than whoever starts it has.
            find "$new" -perm /6000 -exec chmod ug-s {} + &&
            rm -rf "$new/packages" &&
            mv "$new" "$1"
    } 3>&2 >>"$APT_LOG" 2>&1
)
