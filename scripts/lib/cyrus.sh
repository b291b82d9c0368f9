# A Cyrus, the second mail server that the end-to-end tests run on.
#
# Sourced by test.sh, whose names it uses. Nothing is installed: the packages would bring a mail
# transport and daemons with them. They are only unpacked, into .tools, which needs no root.
# shellcheck shell=bash

# want_cyrus: POSTERN_CYRUS names a folder with a Cyrus, unless the system has one; status 1 and a
# reason in CYRUS_WHY where there is none.
want_cyrus() {
    local own=$ROOT/.tools/cyrus
    if [ -z "${POSTERN_CYRUS:-}" ] && ! installed cyrus-imapd; then
        [ -d "$own" ] || unpack_cyrus "$own" || {
            CYRUS_WHY="cyrus-imapd could not be had from apt; its words are in $APT_LOG"
            return 1
        }
        export POSTERN_CYRUS=$own
    fi
    CYRUS_WHY=$("${CARGO_TARGET_DIR:-$ROOT/target}/debug/yard-cyrus" --look 2>&1)
}

# unpack_cyrus FOLDER: the server and the libraries that this machine lacks.
unpack_cyrus() (
    new=$1.new
    rm -rf "$new"
    mkdir -p "$new/packages"
    cd "$new/packages" || exit 1
    {
        packages=$(apt-get install -s --no-install-recommends cyrus-imapd |
            sed -n 's/^Inst \(lib[^ ]*\|cyrus-[^ ]*\) .*/\1/p') &&
            [ -n "$packages" ] &&
            say "unpacking into .tools, not installed: ${packages//$'\n'/ }" 2>&3 &&
            # shellcheck disable=SC2086 # one word for each package
            apt-get download -qq $packages &&
            for package in *.deb; do dpkg -x "$package" ..; done &&
            rm -rf "$new/packages" &&
            mv "$new" "$1"
    } 3>&2 >>"$APT_LOG" 2>&1
)
