#!/usr/bin/env bash
# Every check and every test of the workspace; what could not be done is said at the end.
#
#   ./scripts/test.sh           all of it: format, lints, documents, tests with full counts, audit
#   ./scripts/test.sh --quick   format, unit tests and one run from mailbox to portal; under 5 minutes
#                               once it is built
#
# The tests run on a Dovecot, and those from end to end a second time on a Cyrus.
#
# Debian 12 or newer, as root or as a user with sudo (only for packages that are missing). The power
# cuts need root, requests made by schemathesis need PyPI once, and the tests on Cyrus what apt fetches;
# without these they skip themselves, and the summary says so.
#
# Deliberately goes on after a check that failed: one run shows all that is wrong.

set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"
# shellcheck source=scripts/lib/servers.sh
. "$ROOT/scripts/lib/servers.sh"
cd "$ROOT"

# The last version that builds with our oldest compiler; exact, so that a run can be repeated.
AUDIT=0.22.2
# One feature set for all builds that run tests: the switch tests need it, the others don't mind.
WHOLE=(--workspace --features switches --locked)

usage() {
    cat <<'END'
Usage: ./scripts/test.sh [--quick]

  --quick   format, unit tests and one run from mailbox to portal only
  --help    this text

Status: 0 all passed; 1 something failed; 2 wrong usage.
END
}

QUICK=''
while [ $# -gt 0 ]; do
    case $1 in
    --quick) QUICK=yes ;;
    *) common_option "$1" ;;
    esac
    shift
done

LOGS=${CARGO_TARGET_DIR:-$ROOT/target}/test-logs
# Not in the checkout, whose path may be too long for the sockets in it.
SAMPLE=$(mktemp -d /tmp/postern-sample.XXXXXX)
trap 'rm -rf "$SAMPLE"' EXIT
mkdir -p "$LOGS"
rm -f "$LOGS"/*
PASSED=() FAILED=() SKIPPED=()
BEGUN=$SECONDS

# check NAME COMMAND...: runs it, shows what it says, keeps that in a file, notes how it ended.
check() {
    local name=$1 begun=$SECONDS status=0
    shift
    say "$name"
    "$@" 2>&1 | tee "$LOGS/${name//[^a-z]/-}.log" || status=$?
    if [ $status -eq 0 ]; then
        PASSED+=("$name ($((SECONDS - begun)) s)")
    else
        FAILED+=("$name ($((SECONDS - begun)) s)")
    fi
}

skip() {
    SKIPPED+=("$*")
    say "SKIPPED: $*"
}

has() { command -v "cargo-$1" >/dev/null; }

# tests NAME ARGUMENTS... [-- FILTERS...]: by nextest where it is found. What tests say goes to the file;
# shown are their names, and all that the failed ones said.
tests() {
    local name=$1 begun=$SECONDS status=0 log arguments=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        arguments+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    log=$LOGS/${name//[^a-z]/-}.log
    say "$name"
    if has nextest; then
        cargo nextest run --no-fail-fast --success-output immediate --failure-output final \
            "${arguments[@]}" -- "$@" 2>&1
    else
        cargo test --no-fail-fast "${arguments[@]}" -- --show-output "$@" 2>&1
    fi | tee "$log" | { grep --line-buffered -E "$SHOWN" || :; } || status=$?
    if [ $status -eq 0 ]; then
        PASSED+=("$name ($((SECONDS - begun)) s)")
        return
    fi
    # nextest repeats the failed ones behind its summary, cargo test behind "failures:".
    sed -n '/^ *Summary \[/,$p; /^failures:$/,/^test result/p; /^error/,$p' "$log"
    FAILED+=("$name ($((SECONDS - begun)) s)")
}
SHOWN='^ *(PASS|FAIL|SLOW|LEAK|TIMEOUT|SIG[A-Z]+|Starting|Summary|Running|Compiling (postern|fuzz|standin|yard)) |^test .*\.\.\. |\*\*\* SKIPPED|^(error|warning)'

# audit_database: where the advisory database is, if anywhere.
audit_database() {
    local place
    for place in "${POSTERN_ADVISORY_DB:-}" "$ROOT/../shared/data/advisory-db"; do
        if [ -n "$place" ] && [ -d "$place/crates" ]; then
            realpath "$place"
            return
        fi
    done
}

audit() {
    local database tool=$ROOT/.tools/bin/cargo-audit
    database=$(audit_database)
    if [ -z "$database" ]; then
        skip "cargo audit: no advisory database (clone rustsec/advisory-db and name it in POSTERN_ADVISORY_DB)"
        return
    fi
    has audit && tool=cargo-audit
    if ! command -v "$tool" >/dev/null; then
        say "cargo-audit $AUDIT is missing; building it into $ROOT/.tools takes some minutes"
        if ! cargo install --locked --quiet --no-default-features --root "$ROOT/.tools" \
            cargo-audit --version "=$AUDIT"; then
            skip "cargo audit: cargo-audit $AUDIT could not be built"
            return
        fi
    fi
    # The database is read as it lies there: nothing is fetched, and its age is its owner's matter.
    check 'cargo audit' "$tool" audit --db "$database" --no-fetch --stale
}

# schemathesis: in a Python environment of the checkout's own, exactly as its list says. Without it
# two tests skip themselves; the summary says so.
schemathesis() {
    local home=$ROOT/.tools/schemathesis list=$ROOT/tests/openapi/requirements.txt
    # The list lies in it once it is whole: a half one, or one of another list, is made anew.
    cmp -s "$list" "$home/requirements.txt" && return
    say "schemathesis goes into $home (about 95 MB); this takes a minute"
    rm -rf "$home"
    if ! { python3 -m venv "$home" && "$home/bin/pip" install --quiet --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement "$list"; } 2>&1 | tail -n 5; then
        rm -rf "$home"
        say "schemathesis could not be installed; the words above say why"
        return
    fi
    cp "$list" "$home/requirements.txt"
}

# sample: run.sh with the programs of the tests; status 0 only where every mail is accounted for, and its
# table says so.
sample() {
    local said
    said=$("$ROOT/scripts/run.sh" --exit --dir "$SAMPLE" --built "${CARGO_TARGET_DIR:-$ROOT/target}/debug" 2>&1) &&
        grep -Eq '^ *lost +0 *$' <<<"$said" && grep -Eq '^ *doubled +0 *$' <<<"$said" &&
        printf '%s\n' "$said" | tail -n 20 && return
    printf '%s\n' "$said"
    return 1
}

choose_cargo
NEEDED=(gcc make libc6-dev pkg-config libssl-dev ca-certificates dovecot-imapd openssl strace tinyproxy-bin)
[ -n "$QUICK" ] || NEEDED+=(python3-venv)
need "${NEEDED[@]}"

if cargo fmt --version >/dev/null 2>&1; then
    check 'format' cargo fmt --all --check
else
    skip 'format: no rustfmt here'
fi

# The programs that tests start, and the binary itself, before any test waits for them.
check 'build' cargo build "${WHOLE[@]}" --bins

if [ -n "$QUICK" ]; then
    tests 'unit tests' "${WHOLE[@]}" --lib --bins
    tests 'a mailbox becomes tickets' -p postern --features switches --locked \
        --test end_to_end the_sample_arrives_over_tls
    skip 'lints, documents, the other tests and cargo audit: left out by --quick'
else
    export POSTERN_TEST_LONG=1
    if has clippy; then
        check 'lints' cargo clippy --workspace --all-targets --locked -- -D warnings
        check 'lints with switches' cargo clippy "${WHOLE[@]}" --all-targets -- -D warnings
    else
        skip 'LINTS: no clippy here (rustup has it; Debian has not)'
    fi
    # Named here, so that no test looks for it in vain.
    want_cyrus || skip "THE TESTS ON CYRUS: $CYRUS_WHY"
    want_exim || skip "THE TEST WITH AN EXIM: it could not be had from apt; its words are in $APT_LOG"
    want_postfix || skip "THE TEST WITH A POSTFIX: it could not be had from apt; its words are in $APT_LOG"
    check 'documents' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
    schemathesis
    tests 'all tests' "${WHOLE[@]}" --all-targets
    if [ -z "$CYRUS_WHY" ]; then
        # They wait more than they work: twice as many at once as there are processors.
        POSTERN_TEST_SERVER=cyrus RUST_TEST_THREADS=$((2 * $(nproc))) NEXTEST_TEST_THREADS=$((2 * $(nproc))) \
            tests 'end to end on cyrus' "${WHOLE[@]}" --test end_to_end -- --skip dovecot:: --skip cyrus::
        POSTERN_TEST_SERVER=cyrus POSTERN_TEST_LONG='' \
            tests 'kills and two boxes on cyrus' "${WHOLE[@]}" --test crash -- kill:: two::
    fi
    check 'examples in documents' cargo test --doc "${WHOLE[@]}"
    # As a user runs it, twice: the second run finds what the first one left.
    check 'the sample' sample
    check 'the sample again' sample
    audit
fi

# What a test could not do on this machine, by its own word.
while read -r _ line; do
    SKIPPED+=("$line")
done < <(grep -ha '^ *POSTERN-TEST-SKIPPED ' "$LOGS"/*.log 2>/dev/null | sed 's/^ *//' | sort -u)

echo
echo "Summary, after $((SECONDS - BEGUN)) s (what was said lies in $LOGS)"
[ ${#PASSED[@]} -eq 0 ] || printf '  passed   %s\n' "${PASSED[@]}"
[ ${#SKIPPED[@]} -eq 0 ] || printf '  SKIPPED  %s\n' "${SKIPPED[@]}"
[ ${#FAILED[@]} -eq 0 ] || printf '  FAILED   %s\n' "${FAILED[@]}"
[ ${#FAILED[@]} -eq 0 ] || exit 1
