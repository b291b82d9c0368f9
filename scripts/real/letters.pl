# Mails of Perl's libraries, into the folder that this runs in.
use strict;
use warnings;
use utf8;

sub keep {
    my ($name, $text) = @_;
    open my $file, '>', "$name.eml" or die $!;
    print {$file} $text;
    close $file;
}

eval {
    require MIME::Lite;
    my $m = MIME::Lite->new(
        From => 'Fax <fax@branch.example>', To => 'helpdesk@msp.example', Subject => 'Fax from +44 1632 960001',
        Type => 'multipart/mixed', Date => 'Mon, 2 Nov 2026 09:00:00 +0100');
    $m->attach(Type => 'TEXT', Data => "A fax of 1 page has come.\n");
    $m->attach(Type => 'image/tiff', Data => "II*\0fax", Filename => 'fax0001.tif', Disposition => 'attachment');
    keep('mime-lite-fax', $m->as_string);
} or warn $@;

eval {
    require MIME::Entity;
    my $m = MIME::Entity->build(
        From => 'Report <report@branch.example>', To => 'helpdesk@msp.example', Subject => '=?UTF-8?Q?N=C3=A4chtlicher_Bericht?=',
        Date => 'Mon, 2 Nov 2026 09:00:00 +0100', Type => 'multipart/mixed');
    $m->attach(Data => "Siehe die beiden Dateien.\n");
    $m->attach(Data => "a,b\n1,2\n", Type => 'text/csv', Encoding => 'quoted-printable', Filename => 'zahlen.csv');
    $m->attach(Data => "<p>Ein <i>Bericht</i></p>\n", Type => 'text/html', Disposition => 'inline', Encoding => '7bit');
    $m->sign(Signature => "Report of the night\n");
    keep('mime-entity-with-a-report-behind-its-table', $m->as_string);
} or warn $@;

eval {
    require Email::Stuffer;
    my $m = Email::Stuffer->from('Büro <office@branch.example>')->to('helpdesk@msp.example')->subject('Büro geschlossen')
        ->header('Date' => 'Mon, 2 Nov 2026 09:00:00 +0100')
        ->text_body("Das Büro ist zu.\n")->html_body("<p>Das Büro ist <b>zu</b>.</p>")
        ->attach("x\n", filename => 'plan.txt', name => 'plan.txt');
    keep('email-stuffer-two-forms-and-a-file', $m->as_string);
} or warn $@;

eval {
    require Mail::Message;
    require Mail::Message::Construct;
    require Mail::Message::Construct::Reply;
    require Mail::Message::Construct::Forward;
    my $asked = Mail::Message->build(
        From => 'Gwen Pritchard <gwen@branch.example>', To => 'helpdesk@msp.example', Subject => 'Toner',
        'Message-ID' => '<q2@branch.example>', Date => 'Mon, 2 Nov 2026 08:00:00 +0100', data => "When does it come?\n");
    my $said = $asked->reply(From => 'Owen Rees <owen@branch.example>', To => 'helpdesk@msp.example', 'Message-ID' => '<r2@branch.example>', Date => 'Mon, 2 Nov 2026 09:00:00 +0100', message => undef, postlude => "Tomorrow.\n");
    keep('mail-box-reply-with-its-prelude', $said->string);
    my $on = $asked->forwardInline(From => 'Owen Rees <owen@branch.example>', To => 'helpdesk@msp.example', 'Message-ID' => '<f2@branch.example>', Date => 'Mon, 2 Nov 2026 09:00:00 +0100');
    keep('mail-box-forward-in-the-text', $on->string);
} or warn $@;
