#!/usr/bin/env bash
# A mailbox becomes tickets, before your eyes: builds postern and runs it.
#
#   ./scripts/run.sh                   on a sample mailbox of a real Dovecot, and a stand-in portal
#   ./scripts/run.sh --settings FILE   on your own mailbox and portal
#
# Debian 12 or newer, as root or as a user with sudo (only for packages that are missing). What is
# missing is said before it is installed. All programs started here end with this one, also after
# kill -9: each asks the kernel for a signal when its starter dies (setpriv --pdeathsig). Only
# apt-get is let finish.
#
# Deliberately no service of the system, and no file outside the checkout and the one folder.

set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"
# shellcheck source=scripts/lib/watch.sh
. "$ROOT/scripts/lib/watch.sh"

usage() {
    cat <<'END'
Usage: ./scripts/run.sh [OPTIONS]

Without options: starts a Dovecot on loopback with a sample mailbox, a stand-in portal, and postern
between the two; shows each ticket on a line, then counts mailbox and portal from outside, and
stays until Ctrl-C.

  --exit            end after the table; status 0 only if every mail is accounted for
  --keep            go on with the sample mailbox, portal and store of the run before
  --settings FILE   your own mailbox and portal instead (start from config/postern.toml)
  --yes             with --settings: don't ask before mailboxes are activated
  --dir DIR         folder for everything that is made [default: .run in the checkout]
  --built FOLDER    the programs are built, and lie there: build none
  --help            this text

Status: 0 every mail is accounted for; 1 something failed or is missing; 2 wrong usage.
END
}

STAY=yes KEEP='' OWN='' YES='' DIR='' BUILT=''
while [ $# -gt 0 ]; do
    case $1 in
    --exit) STAY='' ;;
    --keep) KEEP=yes ;;
    --yes) YES=--yes ;;
    --settings | --dir | --built)
        [ -n "${2:-}" ] || wrong "$1 needs a name after it"
        case $1 in
        --dir) DIR=$2 ;;
        --built) BUILT=$2 ;;
        *) OWN=$2 ;;
        esac
        shift
        ;;
    --settings=*) OWN=${1#*=} ;;
    --dir=*) DIR=${1#*=} ;;
    --built=*) BUILT=${1#*=} ;;
    *) common_option "$1" ;;
    esac
    shift
done
[ -z "$OWN" ] || [ -r "$OWN" ] || wrong "the settings file can't be read: $OWN"
[ -z "$OWN" ] || OWN=$(realpath "$OWN")
[ -z "$BUILT" ] || [ -x "$BUILT/postern" ] || wrong "there is no postern in $BUILT"
[ -z "$BUILT" ] || BUILT=$(realpath "$BUILT")

# Dovecot's sockets, and postern's, lie below the folder, and a socket's path ends at 108 octets.
LONGEST=64
MARK=made-by-postern-run

# choose_folder: DIR becomes the whole path of a folder that is ours, and empty or marked so.
choose_folder() {
    local given=$DIR
    [ -n "$DIR" ] || DIR=$ROOT/.run
    DIR=$(realpath -m "$DIR")
    if [ ${#DIR} -gt $LONGEST ]; then
        [ -z "$given" ] ||
            fail "$DIR is ${#DIR} characters long; sockets in it leave room for $LONGEST. Name another with --dir."
        DIR=/tmp/postern-run-$(id -u)-$(printf %s "$ROOT" | cksum | cut -d ' ' -f 1)
    fi
    # A folder with other people's files in it is no place for something that cleans up.
    if [ -d "$DIR" ] && [ ! -e "$DIR/$MARK" ] && [ -n "$(ls -A "$DIR" 2>/dev/null)" ]; then
        fail "$DIR is not empty, and was not made by run.sh. Name another with --dir."
    fi
    [ ! -e "$DIR" ] || [ -O "$DIR" ] ||
        fail "$DIR belongs to $(stat -c %U "$DIR"), who ran it before. Name another with --dir."
    (umask 077 && mkdir -p "$DIR" && : >>"$DIR/$MARK") || fail "$DIR can't be written. Name another with --dir."
    # Dovecot runs as nobody when root starts it, with the right to pass; others stay outside.
    chmod 700 "$DIR"
}

# take_folder: one run at a time in a folder, and nothing left of one that was killed.
take_folder() {
    exec 9>>"$DIR/lock"
    flock -n 9 || fail "another run.sh is at work in $DIR. End it, or name another folder with --dir."
    local pid tries
    [ -e "$DIR/pids" ] || return 0
    while read -r pid; do
        # The number may be another program's by now: only what names our folder is ours.
        ours "$pid" || continue
        say "stopping what an earlier run left: $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-60)... ($pid)"
        kill "$pid" 2>/dev/null || continue
        for ((tries = 0; tries < 200; tries++)); do
            ours "$pid" || break
            sleep 0.05
        done
        ours "$pid" && kill -KILL "$pid" 2>/dev/null
    done <"$DIR/pids"
    rm -f "$DIR/pids"
}

ours() { tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$DIR/"; }

# keep PROGRAM...: starts one that ends with us, in a session of its own: Ctrl-C is for us alone,
# and we stop them in order. Its process id is in KEPT.
KEPT=''
keep() {
    setsid setpriv --pdeathsig TERM "$@" 9>&- </dev/null &
    KEPT=$!
    echo "$KEPT" >>"$DIR/pids"
}

BUILD='' POSTERN='' DOVECOT='' STANDIN='' COUNT='' SHOW=''
# shellcheck disable=SC2317 # Reached by the traps.
end_all() {
    trap - EXIT
    trap '' INT TERM HUP
    stop "$BUILD"
    [ -z "$COUNT" ] || kill "$COUNT" 2>/dev/null || :
    # postern first, so that it meets no server that went away.
    stop "$POSTERN"
    end_log
    stop "$STANDIN"
    if [ -n "$DOVECOT" ]; then
        "$BIN/yard-dovecot" --dir "$DIR/dovecot" --stop 9>&- 2>/dev/null || :
        stop "$DOVECOT"
    fi
    rm -f "$DIR/pids"
}
RESULT=1
# shellcheck disable=SC2317
leave() {
    end_all
    [ -t 1 ] && echo
    say "stopped. Everything of this run lies in $DIR"
    exit "$RESULT"
}

# build: the release binary and the yard's programs.
build() {
    say "building the release binaries (the first time this takes some minutes)"
    local packages=(-p postern)
    [ -n "$OWN" ] || packages+=(-p standin -p yard)
    # A signal for cargo alone would leave its compilers at work: all of their group get it.
    # shellcheck disable=SC2016 # For the inner shell.
    keep bash -c 'trap "trap - TERM; kill 0" TERM; "$@" & wait $!' build \
        cargo build --manifest-path "$ROOT/Cargo.toml" --release --locked "${packages[@]}"
    BUILD=$KEPT
    wait "$BUILD" || fail "the build failed; the compiler's words stand above"
    BUILD=''
}

# begin_service: postern run, its log in a file and before the user.
begin_service() {
    local log=$DIR/postern.log pipe=$DIR/show
    rm -f "$pipe"
    mkfifo -m 600 "$pipe"
    : >"$log"
    show_log "$log" 9>&- <"$pipe" &
    SHOW=$!
    keep "$BIN/postern" --store "$STORE" run "$@" 2>"$pipe" >/dev/null
    POSTERN=$KEPT
    rm -f "$pipe"
}

# await_service: answering on its socket, or ended: a service that stays ends only when it failed.
await_service() {
    until answers "$STORE/control.sock"; do
        if ! running "$POSTERN"; then
            end_log
            fail "postern did not start; it said:"$'\n'"$(tail -n 3 "$DIR/postern.log")"
        fi
        sleep 0.05
    done
}

# end_log: all that a service said before it ended is in its log, and shown.
end_log() {
    [ -z "$SHOW" ] || wait "$SHOW" || :
    SHOW=''
}

# answers SOCKET: whether a program listens there; the file alone may be a killed one's.
answers() { grep -qF " $1" /proc/net/unix; }

running() { kill -0 "$1" 2>/dev/null; }
postern() { "$BIN/postern" --store "$STORE" "$@" 9>&-; }

# step WHAT COMMAND...: a command of postern's, shown as one would type it.
step() {
    printf '%s$ %s%s\n' "$DIM" "$1" "$PLAIN"
    shift
    "$@" || fail "postern refused that; its words stand above"
}

. "$ROOT/scripts/lib/sample.sh"
. "$ROOT/scripts/lib/own.sh"

choose_folder
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-$ROOT/target}")
BIN=${BUILT:-$TARGET/release}
say "everything of this run lies in $DIR"
NEEDED=(ca-certificates)
if [ -z "$BUILT" ]; then
    choose_cargo
    say "the build lies in $TARGET"
    say "the crates that it needs lie in ${CARGO_HOME:-$HOME/.cargo}"
    NEEDED+=(gcc make libc6-dev pkg-config libssl-dev)
fi
take_folder

[ -n "$OWN" ] || NEEDED+=(dovecot-imapd openssl)
need "${NEEDED[@]}"

trap leave INT TERM HUP
trap end_all EXIT
[ -n "$BUILT" ] || build
if [ -n "$OWN" ]; then
    run_own
else
    run_sample
fi
if [ -z "$STAY" ]; then
    exit "$RESULT"
fi
wait "$POSTERN" && status=0 || status=$?
POSTERN=''
RESULT=1
fail "postern ended by itself (status $status); its log: $DIR/postern.log"
