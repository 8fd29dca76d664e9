"""The people of the contract's test: who they are to the server, and what they own that a request can name. Talks to a demo server; judges nothing."""

import base64
import itertools
import json
import os
import queue
import random
import threading
import time
import urllib.error
import urllib.request

DICE = random.Random()
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"


class Refused(Exception):
    pass


class People:
    def __init__(self, base, demo):
        self.base = base
        self.api = base + "/api/v1"
        self.demo = demo
        self.lock = threading.Lock()
        self.agents = queue.SimpleQueue()
        self.citizens = queue.SimpleQueue()
        self.guest = None
        self.numbers = itertools.count(1)
        self._agent = None
        self.sign_ins = itertools.count(1)

    # ---- requests of our own ----

    def ask(self, method, path, body=None, headers=None, raw=None):
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else b"")
        given = {"X-Visavis": "1", "X-Forwarded-For": self.address(), **(headers or {})}
        if body is not None:
            given["Content-Type"] = "application/json"
        request = urllib.request.Request(self.api + path, data=None if method == "GET" else data, method=method, headers=given)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, (json.loads(text) if text else None), answer.headers
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.code} {error.read()[:300]}") from None

    @staticmethod
    def address():
        """Each request from another one: what one person may ask is not what is tested here."""
        return f"10.{DICE.randrange(256)}.{DICE.randrange(256)}.{DICE.randrange(1, 255)}"

    def key(self):
        return {"Authorization": "Bearer " + self.demo["api"]["key"]}

    # ---- appointments and links ----

    def times(self, minutes=-1):
        start = time.time() + 60 * minutes
        form = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        return form(start), form(start + 1200)

    def book(self, minutes=-1):
        start, end = self.times(minutes)
        email = f"clara{next(self.numbers)}@example.lu"
        wish = {"service": "advice", "start": start, "end": end, "name": "Clara", "language": "en", "email": email}
        _, booked, _ = self.ask("POST", "/appointments", wish, self.key())
        return {"reference": booked["reference"], "token": booked["join_url"].split("#")[1], "email": email}

    def join(self, token):
        _, _, headers = self.ask("POST", "/join", {"token": token})
        return headers["Set-Cookie"].split(";")[0]

    def document(self, cookie):
        _, entry, _ = self.ask("POST", "/link/documents?kind=document&name=a.pdf", headers={"Cookie": cookie, "Content-Type": "application/octet-stream"}, raw=PDF)
        return entry["id"]

    def citizen(self, minutes=-1):
        """A citizen with an open link: the appointment, the cookie and one document."""
        one = self.book(minutes)
        one["cookie"] = self.join(one["token"])
        if minutes < 15:
            one["document"] = self.document(one["cookie"])
        return one

    def cancel_token(self, one):
        for _ in range(100):
            with urllib.request.urlopen(self.base + "/demo/mailbox.json", timeout=30) as answer:
                for mail in json.load(answer):
                    if mail["to"] == one["email"] and mail["links"]["cancel"]:
                        return mail["links"]["cancel"].split("#")[1]
            time.sleep(0.1)
        raise Refused("no mail with a cancel link")

    def slot(self):
        """A free slot that nobody was told before, if there is one."""
        _, told, _ = self.ask("GET", "/slots?service=advice")
        return DICE.choice(told["slots"])["start"] if told["slots"] else self.times(60)[0]

    def topic(self):
        _, told, _ = self.ask("GET", "/topics?service=advice")
        return next(topic["key"] for topic in told["topics"] if topic["by_video"])

    def time_to_call(self):
        _, told, _ = self.ask("GET", "/callbacks/times?service=advice")
        return DICE.choice(told["times"])["start"]

    def callback(self):
        wish = self.wish()
        _, asked, _ = self.ask("POST", "/callbacks", wish, self.key())
        return asked["callback"]

    def wish(self):
        phone = f"+352 6{DICE.randrange(10**8):08d}"
        return {"service": "advice", "reason": "question", "start": self.time_to_call(), "name": "Jos", "phone": phone, "language": "lb", "consent": True}

    # ---- agents ----

    def sign_in(self):
        # The sixteenth sign-in after it ends the one that is shared.
        if next(self.sign_ins) % 8 == 0:
            self._agent = None
        agent = self.demo["agent"]
        _, _, headers = self.ask("POST", "/agent/sign-in", {"username": agent["username"], "password": agent["password"]})
        return headers["Set-Cookie"].split(";")[0]

    def agent(self):
        with self.lock:
            if self._agent is None:
                self._agent = self.sign_in()
            return self._agent

    def consultation(self, reference):
        """The consultation of an appointment, as the desk names it."""
        with Socket(self, "agent", self.agent()) as agent:
            desk = agent.until(lambda heard: heard["type"] == "desk")
            return next(row["appointment"] for row in desk["rows"] if row["reference"] == reference)

    def guests_cookie(self):
        """An agent calls, the citizen answers, and a relative gets a link."""
        one = self.book()
        with Socket(self, "citizen", self.join(one["token"])) as citizen, Socket(self, "agent", self.agent()) as agent:
            citizen.say("arrive")
            desk = agent.until(lambda heard: heard["type"] == "desk" and any(row["reference"] == one["reference"] and row["state"] == "waiting" for row in heard["rows"]))
            appointment = next(row["appointment"] for row in desk["rows"] if row["reference"] == one["reference"])
            agent.say("call", appointment=appointment)
            ringing = citizen.until(lambda heard: heard["type"] == "state" and heard["phase"] == "ringing")
            citizen.say("accept", call=ringing["call"]["number"])
            agent.until(lambda heard: heard["type"] == "state" and heard["phase"] == "in_call")
            asked = agent.say("invite", appointment=appointment, kind="relative", name="Tom", direct=False)
            invited = agent.until(lambda heard: heard["type"] in ("invited", "error") and heard["re"] == asked)
            return self.join(invited["url"].split("#")[1])


class Socket:
    """The few messages that lead into a call (docs/protocol.md)."""

    def __init__(self, people, role, cookie):
        from websockets.sync.client import connect

        address = people.base.replace("http", "ws", 1) + "/signaling/" + role
        self.line = connect(address, additional_headers={"Cookie": cookie}, origin=people.base, subprotocols=["visavis.v1"], compression=None)
        self.number = 0
        self.heard = []
        self.say("hello", version=1, device=base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("="))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.line.close()

    def say(self, what, **fields):
        self.number += 1
        self.line.send(json.dumps({"type": what, "id": self.number, **fields}))
        return self.number

    def until(self, good):
        end = time.time() + 20
        while time.time() < end:
            for message in self.heard:
                if good(message):
                    self.heard.remove(message)
                    return message
            self.heard.append(json.loads(self.line.recv(timeout=20)))
        raise Refused("never heard")
