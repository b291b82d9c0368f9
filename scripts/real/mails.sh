#!/usr/bin/env bash
# Inside the root: lets each program write its mails. Each function below is one program; its words are
# what PROGRAMS.md tells.
set -uo pipefail
HERE=/real
. "$HERE/servers.sh"

from_desk() { sendmail -f helpdesk@msp.example "$@"; }

postfix_mails() {
    letter ghost@branch.example | from_desk ghost@branch.example
    take postfix-unknown-in-local-table 'unknown user: "ghost"'
    letter boss@sink.example | from_desk boss@sink.example
    take postfix-relaying-denied-by-the-next 'Relaying denied'
    letter gwen@branch.example | from_desk -N success -R hdrs gwen@branch.example
    take postfix-tells-of-a-delivery-with-the-header-alone 'Successful'
    letter alias@branch.example | from_desk -N success alias@branch.example
    take postfix-tells-of-an-alias-that-expands 'alias expanded'
    letter full@branch.example | from_desk full@branch.example
    take postfix-of-a-full-mailbox-behind-lmtp 'Quota exceeded'
    letter 'ghost@branch.example, none@branch.example, boss@sink.example' |
        from_desk ghost@branch.example none@branch.example boss@sink.example
    take postfix-of-three-recipients 'unknown user: "none"'
    printf 'From: Büro <helpdesk@msp.example>\nTo: jörg@branch.example\nSubject: Drucker für Jörg\nMessage-ID: <utf8@msp.example>\n\nEr geht wieder.\n' |
        from_desk -G -i -O SMTPUTF8 jörg@branch.example 2>/dev/null ||
        printf 'From: Büro <helpdesk@msp.example>\nTo: jörg@branch.example\nSubject: Drucker für Jörg\nMessage-ID: <utf8@msp.example>\n\nEr geht wieder.\n' |
        from_desk -i jörg@branch.example
    take postfix-global-report-in-utf-8 'global-delivery'
    postconf -e delay_warning_time=1s notify_classes=
    postfix reload >/dev/null 2>&1
    letter boss@away.example | from_desk boss@away.example
    sleep 2
    postqueue -f
    take postfix-warns-that-nobody-listens 'Connection refused'
    letter boss@later.example | from_desk boss@later.example
    sleep 2
    postqueue -f
    take postfix-warns-of-a-greylister '450 4'
    postconf -e maximal_queue_lifetime=0 delay_warning_time=0
    postfix reload >/dev/null 2>&1
    letter boss@nowhere.example | from_desk boss@nowhere.example
    take postfix-knows-no-such-host 'nowhere.example'
    letter boss@away.example | from_desk boss@away.example
    take postfix-gives-up-where-nobody-listens 'Connection refused'
    postsuper -d ALL >/dev/null 2>&1
    postconf -e maximal_queue_lifetime=5d notify_classes=bounce,policy,protocol,resource
    postfix reload >/dev/null 2>&1
    sleep 1
    letter ghost@branch.example | from_desk ghost@branch.example
    take postfix-copy-for-the-postmaster 'Postmaster Copy'
    sleep 1
    rm -f $BOX/new/*
    swaks --server 127.0.0.1 --helo client.branch.example --from x@branch.example --to x@outside.example --quit-after RCPT >/dev/null 2>&1
    printf 'EHLO client.branch.example\r\nMAIL FROM:<a@b@c>\r\nRCPT TO:<x y>\r\nFOO\r\nQUIT\r\n' | timeout 5 nc 127.0.0.1 25 >/dev/null 2>&1 ||
        python3 - <<'END' >/dev/null
import socket
s = socket.create_connection(("127.0.0.1", 25))
s.recv(500)
for line in ("EHLO client.branch.example", "MAIL FROM:<a@b@c>", "RCPT TO:<x>", "FOO", "QUIT"):
    s.send(line.encode() + b"\r\n"); s.recv(900)
END
    take postfix-shows-a-session-to-the-postmaster 'Transcript'
    postconf -e notify_classes=
    postfix reload >/dev/null 2>&1
    sleep 1
    rm -f $BOX/new/*
    # bounce_template_file, in another language.
    cat >/etc/postfix/bounce.cf <<'END'
failure_template = <<EOF
Charset: utf-8
From: MAILER-DAEMON (Mailsystem)
Subject: Ihre Nachricht konnte nicht zugestellt werden
Postmaster-Subject: Kopie: unzustellbar

Dies ist das Mailsystem auf $myhostname.

Ihre Nachricht konnte einem oder mehreren Empfängern nicht zugestellt
werden; sie liegt bei.
EOF
END
    postconf -e bounce_template_file=/etc/postfix/bounce.cf
    postfix reload >/dev/null 2>&1
    letter ghost@branch.example | from_desk ghost@branch.example
    take postfix-with-a-german-template 'Dies ist'
    postconf -X bounce_template_file
    postfix reload >/dev/null 2>&1
}

answers() {
    letter sieve@branch.example | from_desk sieve@branch.example
    take dovecot-sieve-vacation 'auto-replied (vacation)'
    letter html@branch.example | from_desk html@branch.example
    take dovecot-sieve-vacation-in-html 'text/html'
    letter reject@branch.example | from_desk reject@branch.example
    take dovecot-sieve-rejects 'automatically rejected'
    letter redirect@branch.example | from_desk redirect@branch.example
    take dovecot-sieve-redirects 'X-Sieve-Redirected'
    letter notify@branch.example | from_desk notify@branch.example
    take dovecot-sieve-notifies 'auto-notified'
    printf '\\away, "|/usr/bin/vacation -a away away"\n' >/home/away/.forward
    printf 'Subject: Away from my mail (Re: $SUBJECT)\n\nI am away until Monday.\n' >/home/away/.vacation.msg
    chown away /home/away/.forward /home/away/.vacation.msg
    su away -c 'vacation -I' 2>/dev/null
    letter away@branch.example | from_desk away@branch.example
    take vacation 'Away from my mail'
    cat >/home/gwen/.procmailrc <<'END'
MAILDIR=/home/gwen
:0 h c
* !^FROM_DAEMON
* !^X-Loop: gwen@branch.example
| (formail -r -A"Precedence: junk" -A"X-Loop: gwen@branch.example"; echo "I read mail on Fridays only.") | /usr/sbin/sendmail -t -oi
:0
/home/gwen/mbox
END
    chown gwen /home/gwen/.procmailrc
    echo '"|/usr/bin/procmail"' >/home/gwen/.forward
    chown gwen /home/gwen/.forward
    letter gwen@branch.example | from_desk gwen@branch.example
    take procmail-answers 'X-Loop'
    rm -f /home/gwen/.forward
    # formail alone, as many answering scripts have it: no sign but what it keeps.
    letter gwen@branch.example | formail -rk -I'From: Gwen <gwen@branch.example>' | from_desk -f gwen@branch.example -t
    take formail-gives-back-with-the-body '>It is mended'
}

exims() {
    local at=/exim program=/opt/exim/usr/sbin/exim4
    [ -x $program ] || return 0
    mkdir -p $at/spool $at/full
    cat >/opt/filter <<'END'
# Exim filter
if $h_subject: contains "refuse" then
  fail text "This message has been rejected because it has a potentially executable attachment"
  seen finish
endif
if $h_subject: contains "letter" then
  mail to $return_path subject "Re: $h_subject:" text "We have got your letter." from away@branch.example
  seen finish
endif
END
    printf '# Exim filter\nfreeze text "nobody may have this"\n' >/opt/freezes
    cat >$at/exim.conf <<END
spool_directory = $at/spool
log_file_path = $at/%slog
exim_path = $program
keep_environment = LD_LIBRARY_PATH
exim_user = nobody
exim_group = nogroup
primary_hostname = mail.exim.example
qualify_domain = exim.example
freeze_tell = helpdesk@msp.example
delay_warning = 1s:1h
delay_warning_condition = yes
dsn_advertise_hosts = *
message_size_limit = 1M
acl_smtp_rcpt = accept
\${if exists{$at/extra}{.include $at/extra}}
begin acl
accept:
  accept
begin routers
ghost:
  driver = redirect
  local_parts = ghost
  data = :fail: no such user here
  allow_fail
fwd:
  driver = redirect
  local_parts = filtered
  file = /opt/filter
  allow_filter
  allow_fail
  user = nobody
  group = nogroup
  reply_transport = reply
iced:
  driver = redirect
  local_parts = iced
  file = /opt/freezes
  allow_filter
  allow_freeze
  user = nobody
  group = nogroup
full:
  driver = accept
  local_parts = full
  transport = full
plain:
  driver = accept
  local_parts = plain
  transport = plain
out:
  driver = manualroute
  domains = away.example
  route_list = * 127.0.0.1::2603
  self = send
  host_find_failed = defer
  transport = smtp
refused:
  driver = manualroute
  domains = sink.example
  route_list = * 127.0.0.1::2601
  self = send
  transport = smtp
desk:
  driver = manualroute
  domains = msp.example
  route_list = * 127.0.0.1::25
  self = send
  transport = smtp
inbox:
  driver = accept
  transport = inbox
begin transports
smtp:
  driver = smtp
  allow_localhost
  hosts_try_dane =
  hosts_try_prdr =
  hosts_require_tls =
  hosts_avoid_tls = *
inbox:
  driver = appendfile
  file = $at/inbox
  user = nobody
full:
  driver = appendfile
  file = $at/full/box
  quota = 10
  user = nobody
reply:
  driver = autoreply
  user = nobody
plain:
  driver = autoreply
  from = plain@exim.example
  to = \$sender_address
  subject = "We have got: \$h_subject:"
  text = "Thank you."
  headers = "Auto-Submitted: no"
  user = nobody
begin retry
full@* quota
* * F,1h,1m
END
    sed -i '/extra/d; s/^acl_smtp_rcpt.*/acl_smtp_rcpt = accept/' $at/exim.conf
    chown -R nobody:nogroup $at
    chown root $at/exim.conf
    export LD_LIBRARY_PATH_EXIM=/opt/exim/usr/lib/x86_64-linux-gnu
    exim() { LD_LIBRARY_PATH=$LD_LIBRARY_PATH_EXIM $program -C $at/exim.conf "$@"; }
    local desk=(-odi -oi -f helpdesk@msp.example)
    letter ghost@exim.example | exim "${desk[@]}" ghost@exim.example
    take exim-unknown-by-a-router 'no such user'
    letter filtered@exim.example 'please refuse' | exim "${desk[@]}" filtered@exim.example
    take exim-filter-refuses-in-its-own-words 'potentially executable'
    letter filtered@exim.example 'a letter' | exim "${desk[@]}" filtered@exim.example
    take exim-filter-mails 'We have got your'
    letter plain@exim.example | exim "${desk[@]}" plain@exim.example
    take exim-autoreply-with-a-field-of-its-own 'Thank you'
    letter iced@exim.example | exim "${desk[@]}" iced@exim.example
    take exim-tells-that-it-froze 'frozen'
    letter full@exim.example | exim "${desk[@]}" full@exim.example
    exim -qff
    take exim-full-mailbox 'mailbox is full'
    letter boss@sink.example | exim "${desk[@]}" boss@sink.example
    take exim-of-what-the-next-said 'Relaying denied'
    letter inbox@exim.example | exim "${desk[@]}" -N success inbox@exim.example 2>/dev/null
    python3 - <<'END' | exim -odi -bs >/dev/null
print("EHLO c.branch.example\r\nMAIL FROM:<helpdesk@msp.example> RET=HDRS ENVID=4711\r\n"
      "RCPT TO:<inbox@exim.example> NOTIFY=SUCCESS ORCPT=rfc822;inbox@exim.example\r\nDATA\r\n"
      "From: helpdesk@msp.example\r\nSubject: [#4711] Your printer\r\n"
      "Message-ID: <4711.note@msp.example>\r\n\r\nIt is mended.\r\n.\r\nQUIT\r")
END
    take exim-tells-of-a-delivery 'successful'
    letter boss@away.example | exim "${desk[@]}" boss@away.example
    sleep 2
    exim -qff
    take exim-warns-of-a-delay 'has not yet been'
    exim -bp | grep -oE '[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}' | while read -r id; do exim -Mrm "$id"; done >/dev/null 2>&1
    printf 'Subject: Mail delivery failed for you\n****\nYour message to\n\n****\ncould not be delivered:\n****\nIts text:\n****\n------ first part, %s lines\n****\n------ the body is %s long; only that\n****\n' >$at/bounce.txt
    sed -i "1ibounce_message_file = $at/bounce.txt\nbounce_return_body = false" $at/exim.conf
    letter ghost@exim.example | exim "${desk[@]}" ghost@exim.example
    take exim-with-a-text-of-its-own-and-no-body 'Mail delivery failed for you'
}
. "$HERE/programs.sh"
. "$HERE/libraries.sh"

ip link set lo up
mkdir -p $OUT
rm -f $OUT/*.eml
servers
for part in ${*:-postfix_mails answers exims lists watchers readers libraries sealed}; do
    $part
done
postfix stop >/dev/null 2>&1
ls $OUT | wc -l
