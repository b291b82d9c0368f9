# Lists, watchers and mail readers, each by its own command.
# shellcheck shell=bash

lists() {
    local at=/var/spool/mlmmj/printers
    printf 'branch.example\nlistmaster@branch.example\nen\nn\n' |
        mlmmj-make-ml -L printers -c listmaster >/dev/null 2>&1
    echo printers@branch.example >$at/control/listaddress
    printf 'listmaster@branch.example\n' >$at/control/owner
    printf 'List-Id: <printers.branch.example>\nList-Post: <mailto:printers@branch.example>\nReply-To: printers@branch.example\n' >$at/control/customheaders
    printf -- '-- \nTo leave: printers+unsubscribe@branch.example\n' >$at/control/footer
    echo '[printers]' >$at/control/prefix
    touch $at/control/subonlypost
    chown -R nobody $at
    printf 'printers: "|/usr/bin/mlmmj-receive -L %s/"\n' $at >>/etc/aliases
    newaliases
    as_nobody() { su -s /bin/sh nobody -c "$*"; }
    as_nobody /usr/bin/mlmmj-sub -L $at -a helpdesk@msp.example -f -s
    as_nobody /usr/bin/mlmmj-sub -L $at -a gwen@branch.example -f -s
    rm -f $BOX/new/*
    letter printers@branch.example 'Who has toner?' |
        sed 's/^From: .*/From: Gwen Pritchard <gwen@branch.example>/' | sendmail -f gwen@branch.example printers@branch.example
    take mlmmj-hands-on-a-letter 'Who has toner'
    as_nobody /usr/bin/mlmmj-sub -L $at -d -a helpdesk@msp.example -f -s
    letter printers@branch.example 'Who else?' |
        sed 's/^From: .*/From: Gwen Pritchard <gwen@branch.example>/' | sendmail -f gwen@branch.example printers@branch.example
    sleep 2
    echo 1 >$at/control/digestinterval
    as_nobody /usr/bin/mlmmj-maintd -F -L $at
    take mlmmj-digest 'multipart/digest'
    rm -f $BOX/new/*
    as_nobody /usr/bin/mlmmj-unsub -L $at -a helpdesk@msp.example -s
    letter printers@branch.example 'May I?' | from_desk printers@branch.example
    take mlmmj-denies-who-is-no-member 'denied'
    letter printers+help@branch.example | from_desk printers+help@branch.example
    take mlmmj-help 'Information for'
    spam() {
        printf 'Received: from x (x [203.0.113.9]) by mx.branch.example; Mon, 2 Nov 2026 09:00:00 +0100\n'
        printf 'From: Lucky <win@lottery.example>\nTo: helpdesk@msp.example\nSubject: YOU WON\nMessage-ID: <w@lottery.example>\n'
        printf 'Date: Mon, 2 Nov 2026 09:00:00 +0100\n\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n'
    }
    spam | spamassassin -L 2>/dev/null | keep spamassassin-wraps-what-it-takes-for-spam
}

watchers() {
    # cron and at, from their own daemons.
    cron
    printf 'MAILTO=helpdesk@msp.example\n* * * * * root echo "backup: 3 files could not be read"; echo /srv/büro/a >&2\n' >/etc/cron.d/backup
    chmod 644 /etc/cron.d/backup
    atd
    echo 'echo the job is done' | at -m now >/dev/null 2>&1
    take at-job 'the job is done'
    printf 'MAILTO=helpdesk@msp.example\nSTART_HOURS_RANGE=0-24\n1 0 weekly echo the weekly job says this\n' >/etc/anacrontab
    anacron -fnd -t /etc/anacrontab weekly >/dev/null 2>&1
    take anacron-job 'Anacron'
    su nobody -s /bin/sh -c 'echo wrong | sudo -S -p "" true' >/dev/null 2>&1
    take sudo-warns-of-who-is-not-listed 'SECURITY'
    # smartd's own hook, told as smartd tells it.
    export SMARTD_MAILER=mail SMARTD_SUBJECT='SMART error (CurrentPendingSector) detected on host: nas' \
        SMARTD_ADDRESS=helpdesk@msp.example SMARTD_DEVICE=/dev/sda SMARTD_DEVICETYPE=sat \
        SMARTD_DEVICESTRING=/dev/sda SMARTD_FAILTYPE=CurrentPendingSector SMARTD_TFIRST='Mon Nov  2 09:00:00 2026 CET' \
        SMARTD_TFIRSTEPOCH=1793606400 SMARTD_PREVCNT=0 SMARTD_NEXTDAYS='' SMARTD_FULLMESSAGE='' \
        SMARTD_MESSAGE='Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors' \
        SMARTD_DEVICEINFO='WDC WD40EFRX, S/N:WD-WCC4E1234567, FW:82.00A82, 4.00 TB'
    /usr/share/smartmontools/smartd_warning.sh >/dev/null 2>&1 || /usr/share/smartmontools/smartd-runner >/dev/null 2>&1
    take smartd-warns-of-a-disk 'SMART error'
    cat >/etc/monit/monitrc <<'END'
set daemon 1
set log /var/log/monit.log
set mailserver 127.0.0.1 port 25
set alert helpdesk@msp.example
set mail-format { from: Monit <monit@mx.branch.example> }
check file backup with path /srv/backup/last
END
    chmod 600 /etc/monit/monitrc
    timeout 8 monit -I -c /etc/monit/monitrc >/dev/null 2>&1
    take monit-misses-a-file 'backup'
    mkdir -p /var/cache/logwatch
    printf 'Nov 27 09:00:00 mx sshd[11]: Failed password for root from 203.0.113.9 port 4711 ssh2\n' >/var/log/auth.log
    logwatch --output mail --mailto helpdesk@msp.example --format html --range all --service sshd --hostname mx >/dev/null 2>&1
    take logwatch-in-html 'text/html'
    logwatch --output mail --mailto helpdesk@msp.example --encode base64 --range all --service sshd --hostname mx >/dev/null 2>&1
    take logwatch-in-base64 'base64'
    printf '[DEFAULT]\nbackend = polling\n[front]\nenabled = true\nfilter = sshd\nlogpath = /var/log/auth.log\naction = sendmail-whois-lines[name=front, dest=helpdesk@msp.example, sender=fail2ban@mx.branch.example, logpath="/var/log/auth.log"]\n' >/etc/fail2ban/jail.local
    rm -f /etc/fail2ban/jail.d/*
    mkdir -p /run/fail2ban
    fail2ban-server -b >/dev/null 2>&1
    sleep 3
    fail2ban-client set front banip 203.0.113.9 >/dev/null 2>&1
    take fail2ban-bans-an-address 'banned'
    fail2ban-client stop >/dev/null 2>&1
    rm -f $BOX/new/*
    pflogsumm /var/log/postfix.log 2>/dev/null | mail.mailutils -s 'Postfix report' -a 'From: pflogsumm@mx.branch.example' helpdesk@msp.example 2>/dev/null
    take pflogsumm-through-mailutils 'Postfix report'
    # Debian's own alert of mon, and the commands that the configurations of Nagios and Icinga give.
    printf 'router-1\nno echo from 192.0.2.1\n' | MON_LAST_SUMMARY=router-1 MON_OPSTATUS=0 \
        /usr/lib/mon/alert.d/mail.alert -s ping -g routers -h router-1 -t 1793606400 helpdesk@msp.example 2>/dev/null
    take mon-mail-alert 'ALERT routers'
    [ -f /opt/nagios/etc/nagios4/objects/commands.cfg ] && {
        sed -n '/notify-service-by-email/,/}/s/^[[:space:]]*command_line[[:space:]]*//p' /opt/nagios/etc/nagios4/objects/commands.cfg |
            head -1 | sed 's/\$NOTIFICATIONTYPE\$/PROBLEM/g; s/\$SERVICEDESC\$/Current Load/g; s/\$HOSTALIAS\$/nas/g; s/\$HOSTADDRESS\$/192.0.2.5/g; s/\$SERVICESTATE\$/CRITICAL/g; s/\$LONGDATETIME\$/Mon Nov 2 09:00:00 CET 2026/g; s/\$SERVICEOUTPUT\$/CRITICAL - load average: 9.1/g; s/\$CONTACTEMAIL\$/helpdesk@msp.example/g; s/\$[A-Z]*\$//g' >/opt/nagios.sh
        sh /opt/nagios.sh
        take nagios-notify-service-by-email 'Nagios'
    }
    [ -x /opt/icinga/etc/icinga2/scripts/mail-service-notification.sh ] && {
        /opt/icinga/etc/icinga2/scripts/mail-service-notification.sh -d '2026-11-02 09:00:00 +0100' -e load -l nas.branch.example \
            -n 'nas' -o 'CRITICAL - load average: 9,1 – zu hoch' -r helpdesk@msp.example -s Critical -t PROBLEM -u Load \
            -f 'Icinga <icinga@mx.branch.example>' >/dev/null 2>&1
        take icinga-mail-service-notification 'Icinga'
    }
    uname -a | sed 's/.*/begin of the log/' >/tmp/log.txt
    { echo 'The log is below.'; uuencode /tmp/log.txt log.txt; } | bsd-mailx -s 'Log of tonight' helpdesk@msp.example
    take bsd-mailx-with-uuencode-in-its-text 'begin 644'
    for turn in $(seq 70); do grep -lq 'backup: 3 files' $BOX/new/* 2>/dev/null && break; sleep 1; done
    take cron-mails-its-output 'backup: 3 files'
    rm -f /etc/cron.d/backup
    rm -f $BOX/new/*
}

# on_a_terminal FILE: a reader that wants one.
on_a_terminal() { expect -c "set timeout 8; spawn -noecho sh $1; expect eof" >/tmp/screen 2>&1; }

# The letter that the readers answer and forward.
question() {
    printf 'From customer@branch.example Mon Nov  2 08:00:00 2026\nReturn-Path: <gwen@branch.example>\nFrom: Gwen Pritchard <gwen@branch.example>\nTo: Help Desk <helpdesk@msp.example>\nCc: Owen Rees <owen@branch.example>\nSubject: Drucker im 2. Stock\nDate: Mon, 2 Nov 2026 08:00:00 +0100\nMessage-ID: <q1@branch.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGuten Tag,\n\nder Drucker im zweiten Stock druckt nur noch halbe Seiten – was tun?\n\n-- \nGwen Pritchard\n\n'
}

readers() {
    local me="set realname='Owen Rees'; set from=owen@branch.example; set use_from=yes; set hostname=branch.example; set user_agent=yes; set sendmail='/usr/sbin/sendmail -oi -f owen@branch.example'; set copy=no; set confirmappend=no; set abort_nosubject=no; set abort_unmodified=no; set crypt_use_gpgme=no"
    export LANG=C.UTF-8 LC_ALL=C.UTF-8 TERM=xterm EDITOR='true' VISUAL=true HOME=/root EMAIL=owen@branch.example
    printf '%%PDF-1.4\n%%\xe2\xe3\xcf\xd3\n1 0 obj\n' >/tmp/Angebot\ Müller.pdf
    question >/tmp/q.mbox
    printf 'Das ist ein Test.\nGrüße\n' | mutt -n -e "$me" -s 'Angebot für Müller' -a '/tmp/Angebot Müller.pdf' -- helpdesk@msp.example
    take mutt-with-a-file 'Mutt'
    cat >/tmp/type.sh <<'END'
#!/bin/sh
{ printf 'Das probiere ich sofort.\n\n'; } >/tmp/above
awk 'NR==1 && /^$/ {next} {print}' "$1" >/tmp/typed
{ cat /tmp/above /tmp/typed; } >"$1"
END
    chmod +x /tmp/type.sh
    push() { # push PROGRAM KEYS
        cp /tmp/q.mbox /tmp/q1.mbox
        printf '%s\n' "exec $1 -n -f /tmp/q1.mbox -e \"$me; set editor=/tmp/type.sh; set edit_headers=no; set autoedit=yes; set fast_reply=yes; set include=yes; set quit=yes; set mime_forward=${3:-no}; push '$2'\"" >/tmp/command
        on_a_terminal /tmp/command
    }
    push mutt '<forward-message>helpdesk@msp.example<enter><send-message><quit>' yes
    take mutt-forwards-as-a-part 'message/rfc822'
    push mutt '<bounce-message>helpdesk@msp.example<enter>y<quit>'
    take mutt-bounces-on 'Resent-'
    push neomutt '<group-reply><send-message><quit>'
    take neomutt-group-reply 'NeoMutt'
    # A Heirloom descendant, and two that share its name.
    printf 'Grüße aus Köln, mit Anhang.\n' | s-nail -n -S from='Owen Rees <owen@branch.example>' -S hostname=branch.example \
        -S sendcharsets=utf-8 -s 'Anhang für Müller' -a '/tmp/Angebot Müller.pdf' helpdesk@msp.example
    take s-nail-with-a-file 's-nail'
    cp /tmp/q.mbox /tmp/q2.mbox
    printf 'reply 1\nEs geht wieder.\n' | s-nail -n -# -S from=owen@branch.example -S hostname=branch.example -S sendcharsets=utf-8 -S escape=~ -S quote -f /tmp/q2.mbox >/dev/null 2>&1
    take s-nail-reply-with-an-indented-copy 's-nail'
    printf 'forward 1 helpdesk@msp.example\nBitte ansehen.\n' | s-nail -n -# -S from=owen@branch.example -S hostname=branch.example -S sendcharsets=utf-8 -S escape=~ -f /tmp/q2.mbox >/dev/null 2>&1
    take s-nail-forward 'Fwd:'
    printf 'Grüße ohne ein Wort vom Zeichensatz\n' | bsd-mailx -s 'Hallo' helpdesk@msp.example
    take bsd-mailx-with-eight-bits 'Grüße'
    printf 'Siehe Anhang.\n' | mail.mailutils -s 'Scan vom Kopierer' -A '/tmp/Angebot Müller.pdf' helpdesk@msp.example 2>/dev/null
    take mailutils-with-a-file 'Mailutils'
    head -c 6000 /dev/zero | tr '\0' 'x' >/tmp/large.txt
    mpack -s 'In parts' -m 5000 /tmp/large.txt helpdesk@msp.example
    take mpack-partial 'message/partial'
    rm -f $BOX/new/*
    swaks --server 127.0.0.1 --helo client.branch.example --from owen@branch.example --to helpdesk@msp.example \
        --attach-type text/html --attach '<p>Hello</p>' --attach /tmp/log.txt >/dev/null 2>&1
    take swaks-with-attachments 'swaks'
    nmhs
    gits
    emacs_mails
}

nmhs() {
    mkdir -p /root/Mail/inbox
    printf 'Path: Mail\nLocal-Mailbox: Owen Rees <owen@branch.example>\nSignature: Owen Rees\n' >/root/.mh_profile
    sed -i 's/^mts:.*/mts: sendmail\/pipe/; $a localname: branch.example' /etc/nmh/mts.conf
    question | sed 1d >/root/Mail/inbox/1
    export PATH=$PATH:/usr/bin/mh MH=/root/.mh_profile
    forw -mime -to helpdesk@msp.example -editor true -whatnowproc true 1 +inbox </dev/null >/dev/null 2>&1
    mhbuild /root/Mail/draft >/dev/null 2>&1
    send -nopush /root/Mail/draft >/dev/null 2>&1
    take nmh-forwards-as-a-digest '(fwd)'
}

gits() {
    (
        rm -rf /tmp/repo
        git init -q /tmp/repo && cd /tmp/repo || return
        git config user.name 'Zoë Bright'
        git config user.email zoe@branch.example
        printf 'toner = 3\n' >stock && git add stock && git commit -qm 'Stock of the cellar'
        printf 'toner = 2\npapier = "weiß"\n' >stock && git commit -qam 'Ein Toner ging in den 2. Stock

Er wurde für Zoë gebraucht.'
        git send-email -q --from='Zoë Bright <zoe@branch.example>' --to=helpdesk@msp.example --confirm=never --compose-encoding=UTF-8 HEAD~1 >/dev/null 2>&1
    )
    take git-send-email 'git-send-email'
    (cd /tmp/repo && git format-patch -1 --attach --stdout --to helpdesk@msp.example | sed 1d) | sendmail -f zoe@branch.example helpdesk@msp.example
    take git-format-patch-attached 'multipart/mixed'
}

emacs_mails() {
    emacs --batch -Q -l $HERE/letters.el >/tmp/emacs.log 2>&1
    take emacs-message-with-parts 'Parts of Emacs'
    take emacs-message-flowed 'Flowed'
}
