// Mails of nodemailer, into the folder that this runs in.
const { writeFileSync, readFileSync } = require('fs');
const nodemailer = require('nodemailer');
const to = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
const common = { from: '"Shop, Süd" <shop@branch.example>', to: 'helpdesk@msp.example', date: new Date('2026-11-02T08:00:00Z') };
const letters = {
    'nodemailer-two-forms-pictures-and-files': {
        subject: 'Bestellung № 4711 ✔', messageId: '<n1@branch.example>',
        text: 'Danke für die Bestellung.', html: '<p>Danke für die <b>Bestellung</b>. <img src="cid:logo@shop"></p>',
        attachments: [
            { filename: 'logo.png', content: readFileSync('/tmp/logo.png'), cid: 'logo@shop' },
            { filename: 'Größen & Maße – «sehr» lang, damit es in Stücke geteilt wird.txt', content: 'Größe: 4\n' },
        ],
    },
    'nodemailer-invitation-and-the-words-beside': {
        subject: 'Termin', messageId: '<n2@branch.example>', text: 'Bitte kommen.', html: '<p>Bitte kommen.</p>',
        amp: '<!doctype html><html ⚡4email><head></head><body>Bitte kommen.</body></html>',
        icalEvent: { method: 'REQUEST', filename: 'termin.ics', content: 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//shop//DE\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:n2\r\nDTSTAMP:20261102T080000Z\r\nDTSTART:20261109T090000Z\r\nDTEND:20261109T100000Z\r\nSUMMARY:Abholung\r\nORGANIZER;CN=Shop:mailto:shop@branch.example\r\nATTENDEE:mailto:helpdesk@msp.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n' },
    },
    'nodemailer-list-fields-and-priority': {
        subject: 'Newsletter', messageId: '<n3@branch.example>', priority: 'high', html: '<h1>Neu</h1><p>Alles neu.</p>',
        list: { unsubscribe: { url: 'https://shop.branch.example/u', comment: 'leave' }, id: 'news.branch.example' },
    },
};
(async () => {
    for (const [name, letter] of Object.entries(letters)) {
        const made = await to.sendMail({ ...common, ...letter });
        writeFileSync(`${name}.eml`, made.message);
    }
})();
