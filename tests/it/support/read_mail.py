"""Reads mails and calendar files as other programs do, with Python's email and icalendar packages, and says in JSON what they hold.

read_mail.py FILE.eml|FILE.ics …: a list with one object for each file, in order.
"""

import email
import email.policy
import html.parser
import json
import re
import sys

import icalendar


class Page(html.parser.HTMLParser):
    """What a person sees of a page, and what a page may not have."""

    def __init__(self) -> None:
        super().__init__()
        self.language, self.words, self.links, self.tags, self.remote, self.hidden = None, [], [], [], [], False

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        if tag == "html":
            self.language = named.get("lang")
        if tag == "a":
            self.links.append(named.get("href"))
        if tag in ("style", "title"):
            self.hidden = True
        self.remote += [value for name, value in attributes if name in ("src", "srcset", "background", "poster") or (tag == "link" and name == "href")]
        self.remote += [name for name, _ in attributes if name.startswith("on")]

    def handle_endtag(self, tag):
        if tag in ("style", "title"):
            self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def calendar(raw: bytes, kind: str) -> dict:
    # Under a name that no database knows, so that the file's own time zone is what counts.
    zone = re.search(rb"TZID:(\S+)", raw).group(1)
    calendar.count = getattr(calendar, "count", 0) + 1
    renamed = raw.replace(b"TZID=" + zone, b"TZID=Own/Zone-%d" % calendar.count).replace(b"TZID:" + zone, b"TZID:Own/Zone-%d" % calendar.count)
    file = icalendar.Calendar.from_ical(renamed)
    (event,) = file.walk("VEVENT")
    attendees = event.get("ATTENDEE")
    utc = lambda name: event[name].dt.astimezone(__import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": kind,
        "method": str(file["METHOD"]),
        "version": str(file["VERSION"]),
        "zone": zone.decode(),
        "changes": [(part.name, part["DTSTART"].dt.isoformat()) for part in file.walk("VTIMEZONE")[0].subcomponents],
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "status": str(event["STATUS"]),
        "class": str(event["CLASS"]),
        "start": utc("DTSTART"),
        "end": utc("DTEND"),
        "shown": event["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "summary": str(event["SUMMARY"]),
        "description": str(event["DESCRIPTION"]),
        "url": str(event.get("URL", "")),
        "organizer": str(event["ORGANIZER"]),
        "organizer_name": str(event["ORGANIZER"].params.get("CN", "")),
        "attendee": None if attendees is None else str(attendees),
        "attendee_name": None if attendees is None else str(attendees.params.get("CN", "")),
        "alarms": [str(alarm["TRIGGER"].dt) for alarm in event.walk("VALARM")],
        "longest_line": max(len(line) for line in raw.split(b"\r\n")),
        "bare_line_feeds": len(re.findall(rb"(?<!\r)\n", raw)),
    }


def mail(raw: bytes) -> dict:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = [part for part in message.walk() if not part.is_multipart()]
    by_kind = lambda kind: [part for part in parts if part.get_content_type() == kind]
    page = Page()
    page.feed(by_kind("text/html")[0].get_content())
    return {
        "headers": sorted({name.lower() for name in message.keys()}),
        "envelope_to": message.get_all("X-Envelope-To"),
        "secure": message["X-Line-Is-Secure"],
        "message_id": message["Message-ID"],
        "from": str(message["From"]),
        "to": [(address.display_name, address.addr_spec) for address in message["To"].addresses],
        "subject": str(message["Subject"]),
        "language": message["Content-Language"],
        "auto_submitted": message["Auto-Submitted"],
        "defects": [type(defect).__name__ for part in message.walk() for defect in part.defects],
        "kinds": [part.get_content_type() for part in message.walk()],
        "text": by_kind("text/plain")[0].get_content().replace("\r\n", "\n"),
        "html": by_kind("text/html")[0].get_content(),
        "html_language": page.language,
        "html_words": " ".join(" ".join(page.words).split()),
        "html_blocks": [" ".join(words.split()) for words in page.words if words.strip()],
        "html_links": page.links,
        "html_tags": sorted(set(page.tags)),
        "html_remote": page.remote,
        "calendars": [
            calendar(part.get_payload(decode=True), part["Content-Type"]) for part in by_kind("text/calendar") + by_kind("application/ics")
        ],
        "size": len(raw),
    }


def read(path: str) -> dict:
    with open(path, "rb") as file:
        raw = file.read()
    return mail(raw) if path.endswith(".eml") else calendar(raw, "text/calendar")


json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
