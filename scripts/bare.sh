#!/usr/bin/env bash
# Tries what a new user does, on a machine that has nothing: a bare Debian 12 root, made by
# debootstrap, in which this checkout's HEAD is cloned and `./scripts/run.sh --exit` runs.
#
# Debian 12 or newer, as root (chroot and mounts). Not a part of test.sh: it fetches some hundred
# megabytes and builds from nothing. The root is removed at the end, unless --keep says otherwise.

set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"
cd "$ROOT"

usage() {
    cat <<'END'
Usage: ./scripts/bare.sh [--keep]

Makes a bare Debian 12 root with debootstrap (variant minbase), clones HEAD into
it, and runs ./scripts/run.sh --exit there, with none of this machine's
environment but proxies and certificate authorities. Says how long it took.

  --keep   leave the root where it is, and say where
  --help   this text

The root lies in BARE_DIR [default: /var/tmp], and takes some 4 GB. Packages come
from BARE_MIRROR [default: http://deb.debian.org/debian], security updates from
BARE_SECURITY [default: beside it].
Status: that of run.sh; 1 where the root could not be made; 2 wrong usage.
END
}

KEEP=
while [ $# -gt 0 ]; do
    case $1 in
    --keep) KEEP=yes ;;
    *) common_option "$1" ;;
    esac
    shift
done
[ "$(id -u)" = 0 ] || fail "a root to change into can be made by root alone"

if ! installed debootstrap; then
    say "installing debootstrap"
    { apt-get update -q && apt-get install -y -q debootstrap; } >/dev/null || fail "debootstrap could not be installed"
fi
bare=$(mktemp -d "${BARE_DIR:-/var/tmp}/postern-bare.XXXXXX")
# It will be the root of users without rights too: Dovecot's processes must get into it.
chmod 755 "$bare"

# What is mounted in it must go before it is removed: /dev is this machine's own.
gone() {
    local mount left=
    for mount in dev proc; do
        mountpoint -q "$bare/$mount" || continue
        umount "$bare/$mount" || left=yes
    done
    if [ -n "$left" ]; then
        say "still mounted, so it is left: $bare"
    elif [ -n "$KEEP" ]; then
        say "the root is in $bare"
    else
        rm -rf --one-file-system "$bare"
    fi
}
trap gone EXIT

mirror=${BARE_MIRROR:-http://deb.debian.org/debian}
say "making a bare Debian 12 in $bare"
debootstrap --variant=minbase bookworm "$bare" "$mirror" >"$bare.log" 2>&1 ||
    fail "debootstrap failed; it says in $bare.log: $(tail -n 1 "$bare.log")"
rm -f "$bare.log"
# minbase has the main archive only, and a user's machine the security updates too.
if [ -z "${BARE_MIRROR:-}" ]; then
    printf 'deb http://deb.debian.org/debian-security bookworm-security main\n' \
        >"$bare/etc/apt/sources.list.d/security.list"
else
    # A mirror of one's own has them under its own name, if at all.
    printf 'deb %s bookworm-security main\n' "${BARE_SECURITY:-${mirror%/debian*}/debian-security}" \
        >"$bare/etc/apt/sources.list.d/security.list"
fi
cp /etc/resolv.conf /etc/hosts "$bare/etc/"
mount -t proc proc "$bare/proc" && mount --bind /dev "$bare/dev" ||
    fail "nothing could be mounted in $bare: are we root here, in a container perhaps?"
git clone -q "$ROOT" "$bare/root/postern"
git -C "$bare/root/postern" log -1 --oneline >&2

# Where the way out is by a proxy of one's own with its own authority, cargo must know both.
environment=(HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
if [ -n "${CARGO_HTTP_CAINFO:-${SSL_CERT_FILE:-}}" ]; then
    mkdir -p "$bare/etc/ssl/given"
    cp "${CARGO_HTTP_CAINFO:-$SSL_CERT_FILE}" "$bare/etc/ssl/given/authorities.pem"
    environment+=(CARGO_HTTP_CAINFO=/etc/ssl/given/authorities.pem)
fi
SECONDS=0
status=0
env -i "${environment[@]}" chroot "$bare" /bin/bash -c 'cd /root/postern && ./scripts/run.sh --exit' ||
    status=$?
say "run.sh --exit ended with $status after $SECONDS seconds"
exit "$status"
