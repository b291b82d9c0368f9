#!/bin/bash
# The bench: how fast postern drains a mailbox, beside a bare drain that does only the server's
# work, on this machine against a Dovecot on loopback. Prints a table; --json prints the figures.
#
#   ./scripts/bench.sh [--quick] [--json] [--budget] [--row NAME] [--pairs N]
#
# --quick takes two minutes (after the build), the whole fifteen at most. --budget ends with 1
# when a ratio is under 0.5, a row is void, or more than 32 MiB were resident.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
cd "$here/.."

case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,9s/^# \{0,1\}//p' "$here/bench.sh"
    exit 0
    ;;
esac

need_packages dovecot-imapd openssl util-linux build-essential pkg-config libssl-dev
need_rust
say "building the release binaries"
cargo build --release --quiet -p postern -p yard -p standin

# The store's syncs must reach a disk: not below /tmp, which may be memory.
folder=$(mktemp -d "${BENCH_DIR:-/var/tmp}/postern-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
say "everything lies in $folder ($(stat -f -c %T "$folder")), and goes at the end"
${CARGO_TARGET_DIR:-target}/release/yard-bench --dir "$folder/yard" --verbose "$@"
