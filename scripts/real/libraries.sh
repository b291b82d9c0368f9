# What programs write with the usual libraries, and what OpenSSL and GnuPG sign and encrypt.
# shellcheck shell=bash

libraries() {
    export LANG=C.UTF-8 LC_ALL=C.UTF-8
    # A picture of one pixel, and a letter to put into others.
    base64 -d >/tmp/logo.png <<<'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    (cd $OUT && python3 $HERE/letters.py)
    take python-smtplib-without-any-mime 'Zaehlerstand'
    take python-logs-an-exception 'Billing failed'
    (cd $OUT && DJANGO_SETTINGS_MODULE=none python3 $HERE/django_letters.py)
    (cd $OUT && NODE_PATH=/usr/share/nodejs node $HERE/letters.js)
    (cd $OUT && perl $HERE/letters.pl)
    (cd $OUT && ruby $HERE/letters.rb)
    php -d sendmail_path='/usr/sbin/sendmail -t -i -f shop@branch.example' $HERE/mail.php
    take php-mail-with-eight-bits 'Kontaktformular'
    (cd $OUT && php $HERE/letters.php)
    for file in $OUT/{python,django,nodemailer,mime-lite,mime-entity,email-stuffer,mail-box,ruby,phpmailer,mail-mime,swift,symfony,icalendar}*.eml; do
        [ -f "$file" ] && sed -i 's/\r$//; s/$/\r/' "$file"
    done
}

sealed() {
    local home=/tmp/keys
    rm -rf $home && mkdir -p $home && cd $home || return
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3650 -subj '/CN=Gwen Pritchard/emailAddress=gwen@branch.example' 2>/dev/null
    printf 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nDer Drucker geht wieder, danke für alles.\r\n' >inner
    local head=(-from 'Gwen Pritchard <gwen@branch.example>' -to helpdesk@msp.example)
    local by=(-signer cert.pem -inkey key.pem)
    date_too() { { printf 'Date: Mon, 2 Nov 2026 09:00:00 +0100\nMessage-ID: <%s@branch.example>\n' "$1"; cat; } | keep "$1"; }
    openssl smime -sign -in inner "${by[@]}" "${head[@]}" -subject 'Clear' | date_too openssl-smime-signed-beside-its-text
    openssl smime -sign -nodetach -in inner "${by[@]}" -md sha512 "${head[@]}" -subject 'Opaque' | date_too openssl-smime-signed-opaque-with-sha512
    openssl smime -encrypt -aes256 -in inner "${head[@]}" -subject 'Sealed' cert.pem | date_too openssl-smime-encrypted
    openssl smime -sign -in inner "${by[@]}" | openssl smime -encrypt -aes128 "${head[@]}" -subject 'Both' cert.pem | date_too openssl-smime-signed-then-encrypted
    openssl smime -sign -nodetach -in inner "${by[@]}" | openssl smime -sign -nodetach "${by[@]}" "${head[@]}" -subject 'Twice' | date_too openssl-smime-signed-twice
    openssl cms -encrypt -aes-256-gcm -in inner "${head[@]}" -subject 'With its integrity' -recip cert.pem | date_too openssl-cms-encrypted-with-gcm
    openssl cms -sign -nodetach -stream -in inner "${by[@]}" "${head[@]}" -subject 'Streamed' | date_too openssl-cms-signed-opaque-in-pieces
    openssl cms -sign -in inner "${by[@]}" -receipt_request_from gwen@branch.example -receipt_request_to gwen@branch.example "${head[@]}" -subject 'With a receipt' | date_too openssl-cms-asks-for-a-signed-receipt
    openssl cms -data_create -in inner -outform SMIME 2>/dev/null | { printf 'From: gwen@branch.example\nSubject: Data alone\n'; cat; } | date_too openssl-cms-data-alone
    openssl cms -digest_create -in inner -md sha256 -outform SMIME 2>/dev/null | { printf 'From: gwen@branch.example\nSubject: Digested\n'; cat; } | date_too openssl-cms-digested-data
    export GNUPGHOME=/tmp/gnupg
    rm -rf $GNUPGHOME && mkdir -m 700 $GNUPGHOME
    gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key 'Owen Rees <owen@branch.example>' rsa2048 default never 2>/dev/null
    { printf 'From: Owen Rees <owen@branch.example>\nTo: helpdesk@msp.example\nSubject: Inline\n\n'; printf 'Grüße – heute.\n- -- \n-- \nOwen\n' | gpg --batch --pinentry-mode loopback --passphrase '' --clearsign 2>/dev/null; } | from_desk -f owen@branch.example helpdesk@msp.example
    take gnupg-clearsigned-in-the-text 'SIGNED'
}
