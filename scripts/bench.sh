#!/usr/bin/env bash
# The bench: how fast postern drains a mailbox, beside a bare drain that does only the server's
# work, on this machine against a Dovecot on loopback.
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

Prints a table; fifteen minutes at most, after the build.

  --quick      smaller mailboxes, fewer pairs: two minutes
  --json       print the figures as JSON; the table goes to standard error
  --budget     status 1 when a ratio is under 0.5, a row is void, or more than
               32 MiB were resident
  --row NAME   only rows whose name contains this; may be repeated
  --pairs N    pairs of each row [default: 5, with --quick 3]
  --help       this text

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
    --quick | --json | --budget) ;;
    --row | --pairs)
        [ -n "${2:-}" ] || wrong "$1 needs a word after it"
        [ "$1" != --pairs ] || whole "$2"
        shift
        ;;
    --row=?*) ;;
    --pairs=*) whole "${1#*=}" ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) wrong "unknown option: $1" ;;
    esac
    shift
done

choose_cargo
need gcc libc6-dev pkg-config libssl-dev ca-certificates dovecot-imapd openssl util-linux
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
say "building the release binaries in $TARGET"
cargo build --release --locked --quiet -p postern -p yard -p standin

# The store's syncs must reach a disk: not below /tmp, which may be memory.
folder=$(mktemp -d "${BENCH_DIR:-/var/tmp}/postern-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
say "everything lies in $folder ($(stat -f -c %T "$folder")), and goes at the end"
"$TARGET/release/yard-bench" --dir "$folder/yard" --verbose "${GIVEN[@]}"
