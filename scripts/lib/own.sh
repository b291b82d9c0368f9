# A run on the user's own mailbox and portal: no Dovecot, no stand-in, nothing taken away.
#
# Sourced by run.sh, whose names it uses. The store lies in DIR/own and is kept from run to run:
# it knows which mails are tickets already. The counts are postern's own; nobody else has the
# password.
# shellcheck shell=bash

run_own() {
    STORE=$DIR/own
    cat <<END

With your own mailbox and portal this will, in this order:
  1. put $OWN in force in the store $STORE
  2. ask for passwords and tokens that the store has not got (kept sealed there)
  3. test the connection, touching no message
  4. say how many unread messages would become tickets at most, and ask, for each mailbox not active yet
  5. make tickets of them, and move each into the archive folder once the portal has it

END
    local status=0
    # A file that is in force already would only undo what was changed since, activation above all.
    if cmp -s "$OWN" "$DIR/own.toml" && [ -d "$STORE" ]; then
        say "the file has not changed since it was put in force: the settings stay as they are"
    else
        import_own || status=$?
    fi
    # 4: the settings hold that already.
    case $status in
    0 | 4) (umask 077 && cp "$OWN" "$DIR/own.toml") ;;
    *) fail "the settings are not in force; postern's words stand above" ;;
    esac
    local name names=()
    mapfile -t names < <(postern settings export | sed -n 's/^\[mailbox\.\(.*\)\]$/\1/p')
    [ ${#names[@]} -gt 0 ] || fail "$OWN has no mailbox: add a section such as [mailbox.support]"
    for name in "${names[@]}"; do
        has_secret "mailbox.$name.password" ||
            with_secrets "mailbox.$name.password" settings set "mailbox.$name.password" ||
            fail "mailbox $name has no password; postern's words stand above"
    done
    local secret=portal.token
    [ "$(postern settings get portal.sign_in)" != oauth ] || secret=portal.client_secret
    [ -z "$(postern settings get portal.url)" ] || has_secret "$secret" ||
        with_secrets "$secret" settings set "$secret" ||
        fail "$secret is not set; postern's words stand above"
    postern test || fail "the test did not pass: mend what it says, then start again. No message was touched."
    local active=0
    for name in "${names[@]}"; do
        if [ "$(postern settings get "mailbox.$name.active")" != on ]; then
            postern settings set "mailbox.$name.active" on $YES || {
                say "mailbox $name stays inactive"
                continue
            }
        fi
        active=$((active + 1))
    done
    [ $active -gt 0 ] || fail "no mailbox is active: nothing to do"
    if [ -n "$STAY" ]; then
        begin_service
        await_service
        say "taking mail until Ctrl-C; from another terminal:"
        echo "  $BIN/postern --store $STORE status"
        RESULT=0
        return
    fi
    # Not awaited on its socket: with nothing to do it has ended before anybody looks.
    begin_service --once
    wait "$POSTERN" && RESULT=0 || RESULT=1
    POSTERN=''
    end_log
    own_table
}

# import_own: puts the file in force, with the secrets that it wants.
import_own() {
    if [ -t 0 ]; then
        postern settings import "$OWN" $YES
        return
    fi
    # From a pipe: a line for the passphrase, where the file carries its secrets under one.
    if grep -q '^\[sealed\]' "$OWN"; then
        with_secrets passphrase settings import "$OWN" $YES
        return
    fi
    # Else first without a secret. Either its words name those that are missing, or none is
    # and that was it: whatever it changed stands in them.
    local said status=0 keys
    said=$(postern settings import "$OWN" $YES </dev/null 2>&1) || status=$?
    keys=$(sed -n 's/^These secrets must be typed first: //p' <<<"$said" | tr -d ,)
    if [ -n "$keys" ]; then
        with_secrets "$keys" settings import "$OWN" $YES
    else
        printf '%s\n' "$said"
        return $status
    fi
}

# with_secrets KEYS ARGUMENTS...: postern with a line of our standard input for each key, or PEM. At a
# terminal it asks for itself; from a pipe each of its processes would swallow all the lines.
with_secrets() {
    local keys key line lines=''
    read -ra keys <<<"$1"
    shift
    if [ -t 0 ]; then
        postern "$@"
        return
    fi
    for key in "${keys[@]}"; do
        IFS= read -r line || fail "$key is wanted as a line on standard input, and that has ended"
        lines+=$line$'\n'
        # PEM has several, up to its end.
        while [[ $key == *_pem && $line != -----END* ]]; do
            IFS= read -r line || fail "$key is wanted as PEM on standard input, and that has ended"
            lines+=$line$'\n'
        done
    done
    printf %s "$lines" | postern "$@"
}

# has_secret KEY: whether the store has it, without ever seeing it.
has_secret() { postern settings show "$1" --json | grep -q '"value":{"set"'; }

own_table() {
    local status=$DIR/status.json held=$DIR/held.json
    # A service that could not open the store leaves nothing to count.
    postern status --json >"$status" && postern held list --limit 500 --json >"$held" ||
        fail "the store can't be counted; postern said:"$'\n'"$(tail -n 3 "$DIR/postern.log")"
    echo
    printf '%sCounted by postern, since this store was made%s\n' "$BOLD" "$PLAIN"
    row tickets "$(number forwarded <"$status")" "at the portal"
    row archived "$(number archived <"$status")"
    row held "$(number held <"$status")" "$(reasons "$held")"
    must refused "$(number refused <"$status")" 0 "by the portal, for good"
    must 'on their way' "$(number committed <"$status")" 0
    must 'to archive' "$(number to-archive <"$status")" 0
    [ $RESULT -eq 0 ] || printf '%snot all is done%s: %s\n' "$RED" "$PLAIN" "$(tail -n 1 "$DIR/postern.log")"
}
