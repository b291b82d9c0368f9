"""Mails of Python's email and smtplib, and of icalendar, into the folder that this runs in."""
import logging
import logging.handlers
import smtplib
from datetime import datetime, timedelta, timezone
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.generator import BytesGenerator

from icalendar import Calendar, Event, vCalAddress, vText

LOGO = open("/tmp/logo.png", "rb").read()


def keep(name, message, rules=policy.SMTP):
    with open(name + ".eml", "wb") as file:
        BytesGenerator(file, policy=rules).flatten(message)


def begun(subject, kind=EmailMessage, **more):
    message = kind(**more)
    message["From"] = "Büro Süd <office@branch.example>"
    message["To"] = "helpdesk@msp.example"
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Nov 2026 09:00:00 +0100"
    message["Message-ID"] = "<%s@branch.example>" % abs(hash(subject) % 1 + len(subject))
    return message


m = begun("Bestellung bestätigt: zwei Tonerkartuschen und ein sehr langer Betreff, der gefaltet werden muss")
m.set_content("Guten Tag,\n\nIhre Bestellung ist da – zwei Kartuschen.\n")
m.add_alternative('<p>Guten Tag,</p><p>Ihre Bestellung ist da – <img src="cid:logo@branch.example" alt="Logo"> zwei Kartuschen.</p>', subtype="html")
m.get_payload()[1].add_related(LOGO, "image", "png", cid="<logo@branch.example>", filename="logo.png")
m.add_attachment(b"%PDF-1.4\n", maintype="application", subtype="pdf", filename="Rechnung für Büro Süd – November 2026, mit einem Namen, der lang ist.pdf")
keep("python-message-of-every-kind-of-part", m)

m = begun("Ein Hinweis", policy=policy.SMTPUTF8)
m.set_content("Dieser Text ist in acht Bits – ohne Not.\n", cte="8bit")
keep("python-header-in-utf-8", m, policy.SMTPUTF8)

m = MIMEMultipart()
m["From"] = str(Header("Büro Süd <office@branch.example>", "utf-8"))
m["To"] = "helpdesk@msp.example"
m["Subject"] = Header("Störung im Büro", "iso-8859-1")
m.attach(MIMEText("Der Drucker streikt. Grüße", "plain", "utf-8"))
part = MIMEApplication(b"a;b\n1;2\n", Name="zähler.csv")
part.add_header("Content-Disposition", "attachment", filename=("utf-8", "de", "zähler.csv"))
m.attach(part)
m.attach(MIMEImage(LOGO))
keep("python-legacy-parts-with-the-address-encoded", m, policy.compat32.clone(linesep="\r\n"))

inner = MIMEText("Wann kommt der Toner?\n", _charset="utf-8")
inner["From"] = "Gwen Pritchard <gwen@branch.example>"
inner["To"] = "office@branch.example"
inner["Subject"] = "Alte Frage"
m = MIMEMultipart("mixed")
m["From"] = "office@branch.example"
m["To"] = "helpdesk@msp.example"
m["Subject"] = "Fwd: Alte Frage"
m.attach(MIMEText("siehe unten", _charset="us-ascii"))
m.attach(MIMEMessage(inner))
keep("python-message-in-a-message", m, policy.compat32.clone(linesep="\r\n"))

server = smtplib.SMTP("127.0.0.1", 25, local_hostname="client.branch.example")
server.sendmail("scan@branch.example", "helpdesk@msp.example", "Subject: Zaehlerstand\n\nSeiten: 4711\n")
server.quit()

log = logging.getLogger("billing")
log.addHandler(logging.handlers.SMTPHandler("127.0.0.1", "billing@branch.example", ["helpdesk@msp.example"], "Billing failed"))
try:
    {}["customer"]
except KeyError:
    log.exception("no such customer: %s", "Müller")


def calendar(method, status=None):
    cal = Calendar()
    cal.add("prodid", "-//branch.example//rooms//DE")
    cal.add("version", "2.0")
    cal.add("method", method)
    event = Event()
    event.add("summary", "Drucker: Wartung, 2. Stock; bitte freihalten")
    event.add("dtstart", datetime(2026, 11, 9, 9, 0, tzinfo=timezone.utc))
    event.add("dtend", datetime(2026, 11, 9, 10, 30, tzinfo=timezone.utc))
    event.add("dtstamp", datetime(2026, 11, 2, 8, 0, tzinfo=timezone.utc))
    event.add("uid", "4711@branch.example")
    event.add("rrule", {"freq": "weekly", "count": 4, "byday": ["mo", "th"]})
    event.add("location", "Büro Süd, Raum 2")
    organizer = vCalAddress("mailto:office@branch.example")
    organizer.params["cn"] = vText("Büro Süd")
    event["organizer"] = organizer
    attendee = vCalAddress("mailto:helpdesk@msp.example")
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    attendee.params["PARTSTAT"] = vText(status or "NEEDS-ACTION")
    event.add("attendee", attendee, encode=0)
    cal.add_component(event)
    return cal.to_ical().decode()


m = begun("Wartung")
m.set_content("Sie sind eingeladen.\n")
m.add_alternative(calendar("REQUEST"), subtype="calendar", params={"method": "REQUEST"})
keep("icalendar-invitation-of-a-series", m)
