#!/usr/bin/env python3
"""Holds a running server against the contract that it serves: schemathesis with all checks, as nobody, citizen, guest, agent and portal.

    run.py [--cases N]     so many cases in all, about (200)

Starts the server itself (TEST_BINARY or target/debug/visavis). Fails when a check fails, when an answer is a 5xx other than 503 or a status that the document does not name, or
when an operation was never answered as it promises."""

import argparse
import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from people import People

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROLES = ["nobody", "citizen", "guest", "agent", "key"]
# Which part of the cases each role has: a guest has one operation of their own.
PARTS = {"nobody": 2, "citizen": 3, "guest": 1, "agent": 2, "key": 3}

# What needs a provider of OpenID Connect, or an account that has no second factor yet: reached in tests/it/{sign_in,staff,second_factor}.rs, where there is one. Must not be reached here.
ELSEWHERE = {
    "offerSecondFactor", "confirmSecondFactor", "beginStaffSignIn", "endStaffSignIn", "stepUp", "showMe", "listMyAppointments", "cancelMyAppointment", "openMyAppointment",
    "rescheduleMyAppointment", "beginSignIn", "endSignIn", "signOutMe",
}


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def start(directory):
    port = free_port()
    binary = os.environ.get("TEST_BINARY", str(ROOT / "target/debug/visavis"))
    log = open(directory / "server.log", "wb")
    # A booking in JSON alone: the form with a copy of the card has tests of its own.
    settings = directory / "visavis.toml"
    settings.write_text('[services.advice]\nidentity_check = "never"\n')
    server = subprocess.Popen(
        [
            binary, f"--config={settings}", "--demo=true", "--web.https=127.0.0.1:0", "--media.addresses=127.0.0.1", f"--media.port={free_port(socket.SOCK_DGRAM)}",
            f"--web.http=127.0.0.1:{port}", f"--data.directory={directory / 'data'}", f"--tls.directory={directory / 'certs'}",
            "--web.trusted_proxies=127.0.0.0/8", "--api.requests_per_minute=60000000", "--load.allowed=true",
        ],
        stdout=log, stderr=log, cwd=directory,
    )
    base = f"http://127.0.0.1:{port}"
    demo = directory / "data/demo.json"
    for _ in range(600):
        try:
            with urllib.request.urlopen(base + "/readyz", timeout=5) as answer:
                if answer.status == 200 and demo.exists():
                    return server, base, demo
        except OSError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit("the server did not start: " + (directory / "server.log").read_text()[-2000:])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cases", type=int, default=int(os.environ.get("CONTRACT_CASES", "200")))
    arguments.add_argument("--roles", default=",".join(ROLES))
    arguments.add_argument("--only", help="one operation, by its id")
    wanted = arguments.parse_args()
    roles = wanted.roles.split(",")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="visavis-contract-"))
    counted, guest = directory / "counted", directory / "guest"
    counted.touch()
    server, base, demo = start(directory)
    failed = []
    try:
        document = json.load(urllib.request.urlopen(base + "/api/v1/openapi.json"))
        people = People(base, json.loads(demo.read_text()))
        if "guest" in roles:
            guest.write_text(people.guests_cookie())
        operations = {of["operationId"]: of for item in document["paths"].values() for of in item.values()}
        for role in roles:
            begun = time.time()
            before = len(counted.read_text().splitlines())
            most = max(2, wanted.cases * PARTS[role] // sum(PARTS[one] for one in roles) // len(operations))
            environment = os.environ | {
                "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "hooks", "CONTRACT_ROLE": role, "CONTRACT_COUNTED": str(counted),
                "CONTRACT_DEMO": str(demo), "CONTRACT_BASE": base, "CONTRACT_GUEST": str(guest),
            }
            small = ["--phases", "examples,fuzzing,stateful"] if wanted.cases < 2000 else []
            only = ["--include-operation-id", wanted.only] if wanted.only else []
            program = pathlib.Path(sys.executable).parent / "st"
            run = subprocess.run(
                [
                    program, "--config-file", HERE / "schemathesis.toml", "run", base + "/api/v1/openapi.json", "--checks", "all", "-n", str(most), "--seed", "17",
                    "--generation-database", "none", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--workers", "2", "--no-color",
                    "--request-timeout", "30", *small, *only,
                ],
                env=environment, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            (directory / f"{role}.log").write_text(run.stdout)
            cases = len(counted.read_text().splitlines()) - before
            good = run.returncode == 0 and cases > 0
            if not good:
                failed.append(role)
                print(run.stdout[-12000:])
            print(f"{'ok  ' if good else 'FAIL'} contract as {role}: {cases} cases in {time.time() - begun:.0f} s")
        lines = [json.loads(line) for line in counted.read_text().splitlines()]
        # schemathesis leaves out the address that it has the document from.
        lines.append({"operation": "getContract", "status": 200})
        statuses = collections.defaultdict(collections.Counter)
        for line in lines:
            statuses[line["operation"]][line["status"]] += 1
        unreached = [name for name, of in operations.items() if not any(status[0] == "2" and statuses[name][int(status)] for status in of["responses"])]
        # A list that names too much would hide what is not reached any more.
        unreached = sorted(set(unreached) ^ ELSEWHERE)
        undeclared = [(name, status) for name, of in operations.items() for status in statuses[name] if str(status) not in of["responses"] and status != 405]
        broken = [(name, status, number) for name in statuses for status, number in statuses[name].items() if status >= 500 and status != 503]
        partial = bool(wanted.only) or set(roles) != set(ROLES)
        for name, found in (("a status that is not declared", undeclared), ("5xx", broken), ("an operation that never reached its 2xx, or one that should not have", [] if partial else unreached)):
            print(f"{'FAIL' if found else 'ok  '} contract: {name}: {found or 'none'}")
            failed += [name] if found else []
        all_in_all = collections.Counter(line["status"] for line in lines)
        print(f"contract: {len(lines)} cases of {len(operations)} operations; statuses {dict(sorted(all_in_all.items()))}; logs in {directory}")
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
