"""Mails of Django: with two forms, and what it tells its administrators of a failure."""
import logging

from django.conf import settings

settings.configure(
    EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
    ADMINS=[("Help Desk", "helpdesk@msp.example")],
    SERVER_EMAIL="web@branch.example",
    DEFAULT_CHARSET="utf-8",
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=None,
    SECRET_KEY="none",
)
import django
from django.core import mail
from django.core.mail import DNS_NAME, EmailMultiAlternatives
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler

DNS_NAME._fqdn = "branch.example"
django.setup()
mail.outbox = []
m = EmailMultiAlternatives("Passwort zurücksetzen", "Öffnen Sie https://web.branch.example/reset/1", "Web <web@branch.example>", ["helpdesk@msp.example"], reply_to=["gwen@branch.example"])
m.attach_alternative("<p>Öffnen Sie <a href='https://web.branch.example/reset/1'>diese Seite</a></p>", "text/html")
m.attach("bericht.txt", "Zeile – eins\n", "text/plain")
m.send()
handler = AdminEmailHandler(include_html=True)
record = logging.LogRecord("django.request", logging.ERROR, "views.py", 7, "Internal Server Error: %s", ("/bestellung",), None)
try:
    {}["customer"]
except KeyError:
    import sys

    record.exc_info = sys.exc_info()
record.request = RequestFactory().get("/bestellung")
handler.emit(record)
for name, message in zip(("django-two-forms-and-a-file", "django-error-report"), mail.outbox):
    with open(name + ".eml", "wb") as file:
        file.write(message.message().as_bytes(linesep="\r\n"))
