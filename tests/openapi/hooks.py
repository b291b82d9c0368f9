"""What schemathesis can't read in the document: keys are fresh, content has its digest.

A ticket or reply gets a key of its own, the same in body and field, attachments that were uploaded
before, a ticket that exists; whoever looks for a conversation says by what, as no schema can demand: also one that is meant to be bad, or it would be refused for these and
not for what is bad about it, which is left alone. Three checks follow an accepted write: the same again is replayed, another under its key is
refused, finding by key tells of it, and finding its conversation; content that was kept is there.

`STANDIN` has the address, `TOKEN` the token. The checks' requests are of the same kind as the judged
ones, by the library that schemathesis itself uses.
"""

import hashlib
import itertools
import json
import os
import re

import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

BASE = os.environ["STANDIN"]
SESSION = requests.Session()
SESSION.headers["Authorization"] = "Bearer " + os.environ["TOKEN"]
NUMBERS = itertools.count()
SIGNS = ("token", "message_id", "ticket")
CONTENT = b"what every attachment holds"


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def ask(method, path, status, **more):
    answer = SESSION.request(method, BASE + path, timeout=20, **more)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer


def fresh_key():
    return digest(f"{os.getpid()} {next(NUMBERS)}".encode())


def a_ticket():
    """Id of a ticket that exists."""
    message = {
        "key": fresh_key(), "mailbox": "", "received_at": "2026-03-02T08:14:59Z", "subject": "",
        "attachments": [], "unparsed": False, "oddities": [],
    }
    made = ask("POST", "/tickets", 201, json=message, headers={"Idempotency-Key": message["key"]})
    return made.json()["id"]


def is_key(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_whole(case, location):
    """Whether this part of the request is meant to be good."""
    part = case.meta.components.get(location)
    return part is None or part.mode == GenerationMode.POSITIVE


def with_content(attachment):
    """An attachment whose content is there, unless it is bad in that very point."""
    if not isinstance(attachment, dict) or not is_key(attachment.get("sha256")):
        return attachment
    size = attachment.get("size")
    if type(size) not in (int, float) or size != int(size) or not 0 <= size < 2**53:
        return attachment
    return {**attachment, "sha256": digest(CONTENT), "size": len(CONTENT)}


SESSION.put(BASE + "/attachments/" + digest(CONTENT), data=CONTENT, timeout=20).raise_for_status()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None:
        return
    name = case.operation.definition.raw.get("operationId")
    if name in ("createTicket", "createReply") and isinstance(case.body, dict):
        body = dict(case.body)  # A copy: the generator may use its value again.
        if is_key(body.get("key")) and is_key(case.headers.get("Idempotency-Key")):
            body["key"] = case.headers["Idempotency-Key"] = fresh_key()
        if isinstance(body.get("attachments"), list):
            body["attachments"] = [with_content(a) for a in body["attachments"]]
        case.body = body
    if name == "createReply" and is_whole(case, ParameterLocation.PATH) and next(NUMBERS) % 4:
        case.path_parameters["id"] = a_ticket()
    if case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if name == "putAttachment":
        # Half of it is there already.
        case.body = b"content %d" % (next(NUMBERS) % 50)
        case.path_parameters["sha256"] = digest(case.body)
        case.headers.pop("Idempotency-Key", None)
        case.headers["Content-Length"] = str(len(case.body))
    if name == "findConversation" and not any(case.query.get(sign) for sign in SIGNS):
        case.query["ticket"] = [a_ticket()]
    if name == "directoryChanges" and "cursor" in case.query:
        case.query["cursor"] = ask("GET", "/directory", 200).json()["cursor"]


@schemathesis.check
def an_accepted_key_is_replayed_refused_to_others_and_found(ctx, response, case):
    name = case.operation.definition.raw.get("operationId")
    if name not in ("createTicket", "createReply") or response.status_code != 201:
        return
    sent = response.request
    path = sent.url[len(BASE):]
    key = sent.headers["Idempotency-Key"]
    headers = {"Idempotency-Key": key, "Content-Type": sent.headers["Content-Type"]}
    again = ask("POST", path, 201, data=sent.body, headers=headers)
    assert again.headers.get("Idempotency-Replayed") == "true", "a replay that does not say so"
    assert again.content == response.content, "a replay with another answer"
    body = sent.body if isinstance(sent.body, bytes) else sent.body.encode()
    other = ask("POST", path, 422, data=body + b" ", headers=headers).json()
    assert other["type"] == "urn:postern:problem:key-used", other
    found = ask("GET", "/tickets", 200, params={"key": key}).json()["found"]
    assert found == [response.json()], found


@schemathesis.check
def the_conversation_of_what_was_accepted_is_found_by_each_of_its_signs(ctx, response, case):
    name = case.operation.definition.raw.get("operationId")
    if name not in ("createTicket", "createReply") or response.status_code != 201:
        return
    message = json.loads(response.request.body)
    ticket = response.json()["ticket"]
    signs = {"token": message.get("token"), "message_id": message.get("message_id"), "ticket": ticket.lower()}
    for sign, value in signs.items():
        if value and len(value) <= 500:
            found = ask("GET", "/conversations", 200, params={sign: value}).json()["found"]
            assert found and found["ticket"] == ticket and found["open"], (sign, value, found)


@schemathesis.check
def content_that_was_kept_is_there(ctx, response, case):
    name = case.operation.definition.raw.get("operationId")
    if name != "putAttachment" or response.status_code not in (200, 201):
        return
    path = response.request.url[len(BASE):]
    there = ask("HEAD", path, 200)
    assert there.headers["Content-Length"] == str(response.json()["size"]), there.headers
    ask("PUT", path, 200, data=response.request.body)
