<?php
// Mails of PHP's libraries, into the folder that this runs in.
set_include_path(get_include_path() . ':/usr/share/php');

function keep(string $name, string $text): void
{
    file_put_contents("$name.eml", $text);
}

foreach (['libphp-phpmailer/autoload.php', 'libphp-phpmailer/src/PHPMailer.php', 'libphp-phpmailer/src/Exception.php', 'libphp-phpmailer/src/SMTP.php'] as $file) {
    if (file_exists("/usr/share/php/$file")) {
        require_once $file;
    }
}
try {
    $m = new PHPMailer\PHPMailer\PHPMailer(true);
    $m->CharSet = 'UTF-8';
    $m->Hostname = 'branch.example';
    $m->setFrom('shop@branch.example', 'Laden für Büros');
    $m->addAddress('helpdesk@msp.example', 'Help Desk');
    $m->addReplyTo('mueller@branch.example', 'Jürgen Müller');
    $m->Subject = 'Neue Anfrage über die Webseite';
    $m->isHTML();
    $m->Body = '<p>Anfrage: <strong>Wann öffnen Sie?</strong> <img src="cid:logo"></p>';
    $m->AltBody = 'Anfrage: Wann öffnen Sie?';
    $m->addEmbeddedImage('/tmp/logo.png', 'logo', 'logo.png');
    $m->addStringAttachment('%PDF-1.4', 'Übersicht.pdf');
    $m->addStringAttachment('x', "O'Neill \"quoted\" name.txt");
    $m->preSend();
    keep('phpmailer-form-with-a-picture-and-files', $m->getSentMIMEMessage());
} catch (Throwable $e) {
    fwrite(STDERR, "phpmailer: $e\n");
}
try {
    require_once 'Mail/mime.php';
    $m = new Mail_mime(['eol' => "\r\n", 'head_charset' => 'ISO-8859-1', 'text_charset' => 'ISO-8859-1', 'html_charset' => 'ISO-8859-1']);
    $m->setTXTBody("Gr\xfc\xdfe aus der Webmail.\r\n");
    $m->setHTMLBody("<p>Gr\xfc\xdfe aus der <i>Webmail</i>.</p>");
    $m->addAttachment("x\n", 'text/plain', "\xdcbersicht.txt", false, 'base64', 'attachment', 'ISO-8859-1');
    $m->setSubject("Gr\xfc\xdfe");
    $m->setFrom("J\xfcrgen <webmail@branch.example>");
    $body = $m->get();
    keep('mail-mime-of-pear-in-latin-1', $m->txtHeaders(['To' => 'helpdesk@msp.example', 'Date' => 'Mon, 2 Nov 2026 09:00:00 +0100', 'Message-ID' => '<pear@branch.example>']) . "\r\n" . $body);
} catch (Throwable $e) {
    fwrite(STDERR, "mail_mime: $e\n");
}
try {
    foreach (['Symfony/Component/Mime/autoload.php', 'Symfony/Component/Mailer/autoload.php'] as $file) {
        if (file_exists("/usr/share/php/$file")) {
            require_once $file;
        }
    }
    $m = (new Symfony\Component\Mime\Email())
        ->from(new Symfony\Component\Mime\Address('shop@branch.example', 'Laden für Büros'))
        ->to('helpdesk@msp.example')->subject('Übergabe am Montag')->date(new DateTime('2026-11-02T08:00:00Z'))
        ->text("Übergabe am Montag um 9.\n")->html('<p>Übergabe am <b>Montag</b> um 9. <img src="cid:logo.png"></p>')
        ->embedFromPath('/tmp/logo.png', 'logo.png', 'image/png')->attach('a;b', 'Größen.csv', 'text/csv');
    keep('symfony-mailer-with-a-picture-and-a-file', $m->toString());
} catch (Throwable $e) {
    fwrite(STDERR, "symfony: $e\n");
}
try {
    require_once 'Swift/swift_required.php';
    $m = (new Swift_Message('Ein Brief', "Text in Zeilen – mit Strich.\n"))
        ->setFrom(['shop@branch.example' => 'Laden'])->setTo(['helpdesk@msp.example'])->setReadReceiptTo('shop@branch.example')->setPriority(1);
    keep('swiftmailer-asks-for-a-receipt', $m->toString());
} catch (Throwable $e) {
    fwrite(STDERR, "swift: $e\n");
}
