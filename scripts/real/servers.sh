# Inside the root: a Postfix, an Exim and a Dovecot that reach nothing, and what takes their mail.
#
# Sourced by mails.sh. The help desk is helpdesk@msp.example, whose mail lies in /box; branch.example is
# where the people of these mails are. Nothing here reaches a network but the loop.
# shellcheck shell=bash

OUT=/out
BOX=/box

# take NAME [TEXT]: waits for the next mail of the help desk (one that says TEXT) and keeps it as NAME.eml.
take() {
    local file turn
    for turn in $(seq 200); do
        for file in "$BOX"/new/*; do
            [ -f "$file" ] || continue
            if [ -z "${2:-}" ] || grep -q -- "$2" "$file"; then
                keep "$1" <"$file"
                rm -f "$file"
                return
            fi
        done
        sleep 0.1
        [ $((turn % 20)) -ne 0 ] || postqueue -f >/dev/null 2>&1 || :
    done
    echo "MISSING $1" >&2
    rm -f "$BOX"/new/*
}

# keep NAME: what comes in is kept with the line ends that mail has.
keep() { sed 's/\r$//; s/$/\r/' >"$OUT/$1.eml"; }

# letter TO [SUBJECT]: one of the help desk's own, for those that answer or give back.
letter() {
    printf 'From: Help Desk <helpdesk@msp.example>\nTo: %s\nSubject: %s\nMessage-ID: <4711.note@msp.example>\n' \
        "$1" "${2:-[#4711] Your printer}"
    printf 'Date: Mon, 2 Nov 2026 09:00:00 +0100\n\nIt is mended. Please look whether it prints.\n'
}

servers() {
    local box="mailbox_command = "
    useradd -m gwen -c 'Gwen Pritchard' && useradd -m away -c 'Ada Way' && useradd -m listmaster
    mkdir -p "$BOX"/{new,cur,tmp} /full && chown -R gwen:gwen "$BOX"
    for name in sieve reject redirect notify html full alias dsn list; do
        id "$name" >/dev/null 2>&1 || useradd -m "$name"
    done
    install -d -o full /home/full/Maildir/{cur,new,tmp}
    head -c 200000 /dev/zero >/home/full/Maildir/cur/1:2,S && chown -R full /home/full/Maildir
    useradd -r Debian-exim
    cat >/etc/postfix/main.cf <<END
compatibility_level = 3.6
myhostname = mx.branch.example
mydomain = branch.example
myorigin = branch.example
mydestination = branch.example, mx.branch.example, localhost
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
$box
home_mailbox = Maildir/
virtual_mailbox_domains = msp.example
virtual_mailbox_base = /
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:$(id -u gwen)
virtual_gid_maps = static:$(id -g gwen)
virtual_minimum_uid = 100
transport_maps = inline:{sink.example=smtp:[127.0.0.1]:2601, later.example=smtp:[127.0.0.1]:2602, away.example=smtp:[127.0.0.1]:2603, exim.example=smtp:[127.0.0.1]:2604, sieve.branch.example=lmtp:unix:/run/lmtp}
mailbox_transport_maps = inline:{sieve=lmtp:unix:/run/dovecot/lmtp, reject=lmtp:unix:/run/dovecot/lmtp, redirect=lmtp:unix:/run/dovecot/lmtp, notify=lmtp:unix:/run/dovecot/lmtp, html=lmtp:unix:/run/dovecot/lmtp, full=lmtp:unix:/run/dovecot/lmtp}
recipient_delimiter = +
smtputf8_enable = yes
default_privs = nobody
maillog_file = /dev/stdout
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
END
    cat >/etc/aliases <<END
postmaster: helpdesk@msp.example
root: helpdesk@msp.example
alias: gwen, listmaster
list: "|/usr/bin/mlmmj-receive -L /var/spool/mlmmj/printers"
END
    newaliases
    sed -i 's/^\(smtp.*inet.*\) y  *-  */\1 n - /; s/^\([a-z][^ ]* *\(unix\|inet\) *[^ ]* *[^ ]* *\)y/\1n/' /etc/postfix/master.cf
    postfix start >/var/log/postfix.log 2>&1 || cat /var/log/postfix.log
    # Servers that refuse, defer and take.
    smtp-sink -u nobody -f rcpt -B '550 5.7.1 Relaying denied, we know you not' 127.0.0.1:2601 100 &
    smtp-sink -u nobody -r rcpt 127.0.0.1:2602 100 &
    dovecots
}

dovecots() {
    cat >/etc/dovecot/dovecot.conf <<'END'
protocols = lmtp
log_path = /var/log/dovecot.log
ssl = no
auth_username_format = %Ln
hostname = mx.branch.example
postmaster_address = postmaster@branch.example
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = passwd
}
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_extensions = +vnd.dovecot.environment +editheader
  quota = maildir:User quota
  quota_rule = *:bytes=100000
}
protocol lmtp {
  mail_plugins = sieve quota
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
lda_mailbox_autocreate = yes
END
    script sieve 'require ["vacation"]; vacation :days 1 :addresses "sieve@branch.example" :subject "Out of the office" "I am away until Monday. Ring the front desk.";'
    script html 'require ["vacation"]; vacation :mime :addresses "html@branch.example" text:
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html><body><p>Ich bin bis <b>Montag</b> nicht im Büro.</p></body></html>
.
;'
    script reject 'require ["reject"]; reject "This address takes no mail. Write to info@branch.example.";'
    script redirect 'redirect "helpdesk@msp.example";'
    script notify 'require ["enotify"]; notify :importance "1" :message "A new mail has come" "mailto:helpdesk@msp.example"; keep;'
    dovecot
}

script() {
    printf '%s\n' "$2" >"/home/$1/.dovecot.sieve"
    chown "$1" "/home/$1/.dovecot.sieve"
}
