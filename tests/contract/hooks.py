"""What schemathesis is told about this server: who asks, half of the time with something that exists, and one check of our own. Counts every answer."""

import json
import os
import random
import threading

# Two threads that import it at once end one of them (Python 3.11).
import anyio  # noqa: F401
import schemathesis
from schemathesis.generation import GenerationMode

from people import PDF, People, Refused

ROLE = os.environ["CONTRACT_ROLE"]
COUNTED = os.environ["CONTRACT_COUNTED"]
with open(os.environ["CONTRACT_DEMO"]) as file:
    PEOPLE = People(os.environ["CONTRACT_BASE"], json.load(file))
WRITING = threading.Lock()
# Not that of the module, which makes what is generated.
DICE = random.Random()
REACHED = set()
# Of the requests of good form, so many are about something that exists.
REAL = 0.5
SPENDS = {"eraseLink", "cancelLink", "rescheduleLink"}
OWN = {"citizen": "__Host-visavis-citizen", "guest": "__Host-visavis-guest", "agent": "__Host-visavis-agent"}


class Kept(threading.local):
    """The citizen of this thread, who is another one when the old one's appointment is over."""

    one = None
    uses = 0
    minutes = -1


KEPT = Kept()


def citizen(renew=False, minutes=-1):
    if renew or KEPT.one is None or KEPT.uses > 40 or minutes != -1 or KEPT.minutes != minutes:
        KEPT.one, KEPT.uses, KEPT.minutes = PEOPLE.citizen(minutes), 0, minutes
    KEPT.uses += 1
    return KEPT.one


@schemathesis.auth(refresh_interval=None)
class Who:
    """The credential of the role, on every request."""

    def get(self, case, context):
        operation = context.operation.definition.raw.get("operationId")
        if ROLE == "key":
            return {"Authorization": "Bearer " + PEOPLE.demo["api"]["key"]}
        if ROLE == "citizen":
            # Only before its waiting room opens is an appointment moved.
            return {"Cookie": citizen(operation in SPENDS, 120 if operation == "rescheduleLink" else -1)["cookie"]}
        if ROLE == "agent":
            return {"Cookie": PEOPLE.sign_in() if operation == "signOut" else PEOPLE.agent()}
        if ROLE == "guest":
            with PEOPLE.lock:
                if PEOPLE.guest is None:
                    with open(os.environ["CONTRACT_GUEST"]) as file:
                        PEOPLE.guest = file.read()
            return {"Cookie": PEOPLE.guest}
        return {}

    def set(self, case, data, context):
        for name, value in data.items():
            case.headers[name] = value


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = PEOPLE.address()
    positive = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    stateful = case.meta is not None and case.meta.phase.name.value == "stateful"
    operation = case.operation.definition.raw.get("operationId")
    if not positive or (operation in REACHED and DICE.random() > REAL and not stateful):
        return
    try:
        real(operation, case, stateful)
    except Exception as error:  # what is never made real is found by the count of 2xx
        print("contract: something real could not be made:", repr(error))


def real(operation, case, stateful):
    """Puts something that exists into the places of the request."""
    if "reference" in case.path_parameters and ROLE == "key" and not stateful:
        case.path_parameters["reference"] = PEOPLE.book(120)["reference"]
    if operation == "reschedule" and ROLE == "key":
        case.body = dict(zip(("start", "end"), PEOPLE.times(DICE.randrange(60, 9999))))
    if operation == "book" and ROLE == "key":
        start, end = PEOPLE.times(DICE.randrange(60, 9999))
        case.body = {**case.body, "service": "advice", "start": start, "end": end, "name": "Clara", "language": "en"}
        for optional in ("email", "phone", "note", "topic"):
            case.body.pop(optional, None)
    if operation in ("listSlots", "listTopics", "listCallbackTimes", "listCallbacks") and "service" in case.query:
        case.query["service"] = "advice"
        case.query.pop("topic", None)
    if operation == "bookAsCitizen":
        case.body = {
            "service": "advice", "topic": PEOPLE.topic(), "start": PEOPLE.slot(), "name": "Clara", "language": "lb", "consent": True,
            "email": f"c{DICE.randrange(10**9)}@example.lu",
        }
    if operation == "askToBeCalled":
        case.body = PEOPLE.wish()
        case.headers.pop("Idempotency-Key", None)
    if operation == "join":
        case.body = {"token": PEOPLE.book()["token"]}
    if operation in ("showCancelLink", "useCancelLink"):
        case.body = {"token": PEOPLE.cancel_token(PEOPLE.book())}
    if operation == "signIn":
        case.body = {"username": PEOPLE.demo["agent"]["username"], "password": PEOPLE.demo["agent"]["password"]}
    if ROLE == "citizen":
        if operation in ("downloadDocument", "removeDocument") and not stateful:
            one = citizen()
            case.path_parameters["id"] = PEOPLE.document(one["cookie"]) if operation == "removeDocument" else one["document"]
            case.headers["Cookie"] = one["cookie"]
        if operation == "addDocument":
            case.body, case.query = PDF, {"kind": "document", "name": "a.pdf"}
            case.headers["Cookie"] = PEOPLE.citizen()["cookie"]
        if operation == "rescheduleLink":
            case.body = {"start": PEOPLE.slot()}
    if ROLE == "agent":
        if operation == "setCallbackDone":
            case.path_parameters["id"] = PEOPLE.callback()
        if "consultation" in case.path_parameters:
            one = PEOPLE.citizen()
            case.path_parameters["consultation"] = PEOPLE.consultation(one["reference"])
            if "id" in case.path_parameters:
                case.path_parameters["id"] = one["document"]
    if operation == "addLoadAgents" and ROLE == "key":
        case.body = {"count": 1}
        if DICE.random() < 0.9:
            try:
                PEOPLE.ask("POST", "/load/begin", headers=PEOPLE.key())
            except Refused:
                pass  # one is under way already
    if operation == "beginLoad" and ROLE == "key":
        PEOPLE.ask("POST", "/load/end", headers=PEOPLE.key())


@schemathesis.hook
def after_call(context, case, response):
    mode = case.meta.generation.mode.value if case.meta is not None else "?"
    if 200 <= response.status_code < 300:
        REACHED.add(case.operation.definition.raw.get("operationId"))
    line = json.dumps({"operation": case.operation.definition.raw.get("operationId"), "role": ROLE, "status": response.status_code, "mode": mode})
    with WRITING, open(COUNTED, "a") as file:
        file.write(line + "\n")


@schemathesis.check
def nobody_gets_past_what_the_document_says(ctx, response, case):
    """2xx only for a role that the document names."""
    needs = case.operation.definition.raw.get("security")
    if not 200 <= response.status_code < 300 or not needs or {} in needs:
        return
    asked = response.request.headers
    held = set()
    if "Authorization" in asked:
        held.add("key")
    cookie = asked.get("Cookie") or ""
    held |= {name for name, own in OWN.items() if own + "=" in cookie}
    assert any(set(need) <= held for need in needs), f"{ROLE} with {sorted(held)} got {response.status_code}, needed is one of {needs}"
