# The first run: a sample mailbox of a real Dovecot, and the stand-in portal.
#
# Sourced by run.sh, whose names it uses. The count believes neither postern nor its store:
# yard-census looks into the mailbox and the portal, and knows what was put in. Only that the operator
# dismissed a mail it is told (--keep): nobody else can know.
# shellcheck shell=bash

# How long the sample may take, in seconds; a Raspberry Pi needs a tenth of it.
SAMPLE_PATIENCE=300

run_sample() {
    STORE=$DIR/store
    if [ -z "$KEEP" ] && [ -e "$DIR/manifest.json" ]; then
        say "taking away the sample of the run before (--keep goes on with it)"
        rm -rf "$DIR/dovecot" "$DIR/portal" "$DIR/store" "$DIR"/*.json "$DIR/settings.toml"
    fi
    start_servers
    if [ -n "$KEEP" ] && [ -d "$STORE" ]; then
        say "going on with what is there"
        begin_service
        await_service
    else
        configure
    fi
    watch_sample
}

# start_servers: Dovecot, its mail, the portal. IMAP, IMAPS and PORTAL say where they are.
start_servers() {
    local address=$DIR/dovecot.json portal=$DIR/portal.json ports=()
    # The store knows its servers by their ports: what goes on finds them there again.
    if [ -s "$address" ]; then
        ports=(--imap-port "$(number imap <"$address")" --imaps-port "$(number imaps <"$address")")
    fi
    say "starting Dovecot ($(dpkg-query -W -f '${Version}' dovecot-core)) on loopback"
    keep "$BIN/yard-dovecot" --dir "$DIR/dovecot" "${ports[@]}" >"$address.new" 2>"$DIR/dovecot.err"
    DOVECOT=$KEPT
    await_line "$address.new" "$DOVECOT" 20 || fail "Dovecot did not start: $(cat "$DIR/dovecot.err")"
    mv "$address.new" "$address"
    IMAP=$(number imap <"$address")
    IMAPS=$(number imaps <"$address")
    if [ ! -e "$DIR/manifest.json" ]; then
        local filled
        filled=$("$BIN/yard-fill" --port "$IMAP" --sample --manifest "$DIR/manifest.new" \
            --directory "$DIR/people.json" 9>&-) || fail "the sample could not be put into the mailbox"
        mv "$DIR/manifest.new" "$DIR/manifest.json"
        say "put $(number mails <<<"$filled") mails ($(($(number octets <<<"$filled") >> 20)) MiB) into the mailbox"
    fi

    local listen=127.0.0.1:0
    [ ! -s "$portal" ] || listen=$(json_field address <"$portal")
    say "starting the stand-in portal"
    keep "$BIN/standin" --listen "$listen" --state "$DIR/portal" --token "$SAMPLE_TOKEN" \
        --directory "$DIR/people.json" >"$portal.new" 2>"$DIR/portal.err"
    STANDIN=$KEPT
    await_line "$portal.new" "$STANDIN" 20 || fail "the portal did not start: $(cat "$DIR/portal.err")"
    mv "$portal.new" "$portal"
    PORTAL=$(json_field address <"$portal")
    say "see the tickets in a browser: http://$PORTAL/"
}
SAMPLE_TOKEN=sample-token
SAMPLE_PASSWORD=yard-secret

# configure: by postern's own commands, as an operator would.
configure() {
    local file=$DIR/settings.toml
    {
        printf '# What run.sh gave postern for the sample. Every setting: config/postern.toml.\n'
        printf '[portal]\nurl = "http://%s"\n\n' "$PORTAL"
        printf '[mailbox.support]\nhost = "127.0.0.1"\nport = %s\n' "$IMAPS"
        printf 'username = "helpdesk@yard.example"\nreceived_after = "2026-01-01T00:00:00Z"\n'
        printf 'ca_pem = """\n%s\n"""\n' "$(cat "$DIR/dovecot/ca.pem")"
    } >"$file"
    say "configuring postern with its own commands (secrets go in by standard input)"
    step "postern settings import $file" postern_told "$SAMPLE_TOKEN" settings import "$file"
    step "postern settings set mailbox.support.password" \
        postern_told "$SAMPLE_PASSWORD" settings set mailbox.support.password
    step "postern test" postern test
    begin_service
    await_service
    step "postern settings set mailbox.support.active on --yes" \
        postern settings set mailbox.support.active on --yes
}

# postern_told SECRET ARGUMENTS...: printf is the shell's own, so no process list shows it.
postern_told() {
    local secret=$1
    shift
    printf '%s\n' "$secret" | postern "$@"
}

# watch_sample: tickets appear; once nothing more is due, or after a long time, the table.
watch_sample() {
    local census=$DIR/census.json worked=()
    # Only postern knows what its operator did with what was held in the run before.
    if [ -n "$KEEP" ]; then
        postern held list --aside --limit 500 --json >"$DIR/aside.json" &&
            worked=(--worked "$DIR/aside.json")
    fi
    keep "$BIN/yard-census" --port "$IMAP" --manifest "$DIR/manifest.json" --portal "$PORTAL" \
        --complete --wait $SAMPLE_PATIENCE "${worked[@]}" >"$census" 2>"$DIR/census.err"
    COUNT=$KEPT
    while running "$COUNT" && running "$POSTERN"; do sleep 0.1; done
    if ! running "$POSTERN"; then
        fail "postern ended before its work was done: $(tail -n 2 "$DIR/postern.log")"
    fi
    wait "$COUNT" && RESULT=0 || RESULT=1
    COUNT=''
    # What the date leaves out is counted at the end of a whole pass; and the last lines are on
    # their way through the pipe.
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        sleep 0.2
        ! postern status --json | grep -q '"left_out":null' || continue
        break
    done
    [ -s "$census" ] || fail "mailbox and portal could not be counted: $(cat "$DIR/census.err")"
    closing_table "$census"
    [ -z "$STAY" ] || how_to_go_on
}

closing_table() {
    local census=$1 held=$DIR/held.json found portal kept left aside
    postern held list --limit 500 --json >"$held" || RESULT=1
    found=$(number found <"$census")
    portal=$(number at_portal <"$census")
    kept=$(number total <"$held")
    left=$(postern status --json | number left_out)
    aside=$(number set_aside <"$census")
    echo
    printf '%sCounted by an outside look at mailbox and portal%s\n' "$BOLD" "$PLAIN"
    row found "$found" "mails put into the mailbox, or seen there"
    row tickets "$portal" "different mails that are tickets"
    row held "$kept" "$(reasons "$held"); unread in the inbox"
    row 'left out by date' "$left" "received before 2026-01-01; unread in the inbox"
    [ "$aside" -eq 0 ] || row 'without a ticket' "$aside" "a program answered or reported, or the operator dismissed it; in the folder Archive"
    row archived "$(number archived <"$census")" "in the folder Archive"
    row 'at the portal' "$portal"
    must lost "$(number lost <"$census")" 0
    must doubled "$(number doubled <"$census")" 0
    local wrong
    for wrong in not_yet_archived archived_not_at_portal read_not_at_portal copied altered tickets_without_mail; do
        [ "$(number $wrong <"$census")" -eq 0 ] || must "${wrong//_/ }" "$(number $wrong <"$census")" 0
    done
    if [ "$kept" -gt 0 ]; then
        echo
        echo "  held:"
        held_lines "$held"
    fi
    echo
    # postern's own words for what stays, against what is seen from outside.
    if [ $((portal + kept + left + aside)) -ne "$found" ]; then
        RESULT=1
    fi
    local more=''
    [ "$aside" -eq 0 ] || more=" + $aside without a ticket"
    if [ $RESULT -eq 0 ]; then
        printf '%severy mail is accounted for%s: %d = %d tickets + %d held + %d left out by date%s\n' \
            "$GREEN" "$PLAIN" "$found" "$portal" "$kept" "$left" "$more"
    else
        printf '%snot every mail is accounted for%s: %d found; %d tickets + %d held + %d left out%s\n' \
            "$RED" "$PLAIN" "$found" "$portal" "$kept" "$left" "$more"
        printf 'See %s\nand %s\n' "$census" "$DIR/postern.log"
    fi
}

how_to_go_on() {
    local cli="$BIN/postern --store $STORE"
    cat <<END

It stays and takes new mail; Ctrl-C ends it.
  see the tickets in a browser: http://$PORTAL/
From another terminal:
  send one; from a stranger with --from stranger@elsewhere.example
    $BIN/yard-fill --port $IMAP --send 'Printer burns' \\
      --manifest $DIR/manifest.json
  how it is; what is held; make that a ticket
    $cli status
    $cli held list
    $cli held convert KEY

END
}
