# What the user sees of a run: postern's log as lines for people, and the closing table.
#
# Sourced by run.sh. Plain lines; colours only where standard output is a terminal.
# shellcheck shell=bash

if coloured 1; then
    GREEN=$'\e[32m' YELLOW=$'\e[33m' RED=$'\e[31m' BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
    GREEN='' YELLOW='' RED='' BOLD='' DIM='' PLAIN=''
fi

# show_log FILE: reads postern's log, writes it to FILE, and shows what happens to mails.
#   [TIME INFO  postern::engine::forward] KEY ticket NUMBER "SUBJECT" from ADDRESS
#   [TIME INFO  postern::engine::commit] KEY held: REASON "SUBJECT" from ADDRESS
# Warnings and errors are shown as they are; the rest is for the file alone.
show_log() {
    # Until postern has closed it: Ctrl-C must not cut the last lines off.
    trap '' INT TERM HUP
    local line text
    local ticket='^([0-9a-f]+) ticket ([^ ]+) "(.*)" from (.*)$'
    local aside='^([0-9a-f]+) (held|ignored|closed): ([^ ]+)( "(.*)" from (.*))?$'
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        # From outside, subjects among it: nothing of it may move the cursor.
        line=${line//[[:cntrl:]]/?}
        text=${line#*] }
        if [[ $text =~ $ticket ]]; then
            mail_line "$GREEN" ticket "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]}" "${BASH_REMATCH[3]}"
        elif [[ $text =~ $aside ]]; then
            mail_line "$YELLOW" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" \
                "${BASH_REMATCH[6]:-message ${BASH_REMATCH[1]}}" "${BASH_REMATCH[5]}"
        elif [[ $line == *' WARN '* ]]; then
            printf '%swarning%s %s\n' "$YELLOW" "$PLAIN" "$text"
        elif [[ $line == *' ERROR '* || $line == postern:* ]]; then
            printf '%serror%s   %s\n' "$RED" "$PLAIN" "$text"
        fi
    done
}

# mail_line COLOUR WORD NUMBER ADDRESS SUBJECT: one mail on one line. The numbers of a portal may be
# long: columns are a wish.
mail_line() {
    printf '%s%-7s%s %-14s  %-40s  %s\n' "$1" "$2" "$PLAIN" "$3" "$4" "${5:-(no subject)}"
}

# number NAME: the first count of that name in JSON from standard input; 0 without one.
number() {
    local found
    found=$(grep -o "\"$1\": *[0-9][0-9]*" | head -n 1 | grep -o '[0-9]*$') || :
    echo "${found:-0}"
}

# fields NAME: the strings of that name in JSON from standard input, a line each, as they are
# written there (escapes and all: these are for a table, not for a program).
fields() { grep -o "\"$1\":\"\([^\"\\\\]\|\\\\.\)*\"" | sed "s/^\"$1\":\"//; s/\"\$//"; }

# row NAME NUMBER [REMARK]: a line of the table.
row() { printf '  %-18s %6d   %s\n' "$1" "$2" "${3:-}"; }

# must NAME NUMBER WANTED [REMARK]: a line that is green only with the number that is wanted.
must() {
    local colour=$RED
    [ "$2" -eq "$3" ] && colour=$GREEN
    printf '  %-18s %s%6d%s   %s\n' "$1" "$colour" "$2" "$PLAIN" "${4:-}"
}

# reasons FILE: the held messages of `postern held list --json` counted by reason, on a line.
reasons() {
    fields reason <"$1" | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2 \1/' | paste -s -d, | sed 's/,/, /g'
}

# held_lines FILE: each of them: sender, subject.
held_lines() {
    local reason from subject
    paste <(fields reason <"$1") <(fields from <"$1") <(fields subject <"$1") |
        while IFS=$'\t' read -r reason from subject; do
            printf '    %-15s %-40s %s\n' "$reason" "$from" "$subject"
        done
}
