#!/usr/bin/env bash
# The bench: how fast postern drains a mailbox, beside a bare drain that does only the server's
# work, on this machine against a Dovecot on loopback; and what it takes of the box it runs on.
#
# Debian 12 or newer, as root or as a user with sudo (only for packages that are missing).
#
# Deliberately leaves nothing behind but the build.

set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"
cd "$ROOT"

usage() {
    cat <<'END'
Usage: ./scripts/bench.sh [OPTIONS]

Prints two tables, after the build. Rows: drains beside bare ones. The box: a
figure to a line, with its budget. What can't be measured here says NOT HERE.

  --quick        smaller mailboxes, fewer pairs, shorter looks; the box only with --box
  --json         print the figures as JSON; the tables go to standard error
  --budget       status 1 when a ratio is under 0.7, a row is void, more than
                 32 MiB were resident, or a figure of the box is over its budget
                 or has one and can't be measured here
  --row NAME     only rows whose name contains this, and no box; may be repeated
  --box          only the box
  --figure NAME  only parts of the box whose name contains this: drains, syncs,
                 arrival, idle, queued, unread, asked, binary; may be repeated
  --pairs N      pairs of each row [default: 5, with --quick 3]
  --help         this text

The mails lie in a new folder in BENCH_DIR [default: /var/tmp], on a disk.
Status: 0 measured; 1 something failed, or is over the budget; 2 wrong usage.
END
}

# whole TEXT: a whole number above 0, or wrong usage.
whole() { [[ $1 =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--pairs takes a number, not: $1"; }

# The program that measures would say it too, but it must be built first.
GIVEN=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --quick | --json | --budget | --box) ;;
    --row | --figure | --pairs)
        [ -n "${2:-}" ] || wrong "$1 needs a word after it"
        [ "$1" != --pairs ] || whole "$2"
        shift
        ;;
    --row=?* | --figure=?*) ;;
    --pairs=*) whole "${1#*=}" ;;
    *) common_option "$1" ;;
    esac
    shift
done

choose_cargo
need gcc make libc6-dev pkg-config libssl-dev ca-certificates dovecot-imapd openssl util-linux \
    binutils strace isync
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
say "building the release binaries in $TARGET"
# How long the binary's build takes is known only where nothing of it was there; the crates are
# fetched first, so that it isn't the network that is measured.
TOLD=()
if [ ! -e "$TARGET/release" ]; then
    cargo fetch --locked --quiet
    SECONDS=0
    cargo build --release --locked --quiet -p postern
    TOLD+=(--build-seconds "$SECONDS")
fi
cargo build --release --locked --quiet -p postern -p yard -p standin
# What is linked into it, each version once, without itself.
crates=$(cargo tree --locked -p postern -e normal,no-proc-macro --prefix none --format '{p}' |
    sed 's/ (.*//' | sort -u | grep -vc '^postern ') || fail "cargo tree could not count the crates"
TOLD+=(--crates "$crates")

# The store's syncs must reach a disk: not below /tmp, which may be memory.
folder=$(mktemp -d "${BENCH_DIR:-/var/tmp}/postern-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
say "everything lies in $folder ($(stat -f -c %T "$folder")), and goes at the end"
"$TARGET/release/yard-bench" --dir "$folder/yard" --verbose "${TOLD[@]}" "${GIVEN[@]}"
