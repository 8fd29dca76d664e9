#!/usr/bin/env python3
"""A line between two network namespaces that can be made bad: delay, jitter, loss in bursts, rate, queue, a NAT that changes its mind.

Two TUN devices, one process that carries packets between them. Everything is seeded. Started as

    link.py <name of the near device> <name of the far device> <namespace of the far one> <seed>

then told what to do by lines of JSON on standard input:

    {"up": {…}, "down": {…}}   up: far to near (what a client sends); each may hold delay_ms, jitter_ms, loss (0..1 of UDP packets),
                               burst (mean length of a loss), rate_kbit (0: no limit), queue_ms (what waits longer is dropped),
                               reorder (0..1 of UDP packets that up to 40 ms of later ones overtake), duplicate (0..1 of UDP packets that come
                               twice), mtu (longer UDP packets are dropped without a word)
    {"block": "udp"}           a firewall that drops UDP; "all but TLS" also drops what comes on a TCP connection that does not begin with a TLS record;
                               "" lets everything through again
    {"nat": true}              from now on the client's UDP packets come from other ports, as behind a NAT that forgot them
    {"report": true}           answers one line of JSON with what passed and what was lost

It knows IPv4 and UDP headers and nothing above them. Loss leaves TCP alone: the pages load, the media suffers.
"""
import fcntl, heapq, json, os, random, select, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
TCP, UDP, SYN, TLS_HANDSHAKE = 6, 17, 2, 0x16


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Direction:
    """One way of the line: decides the fate of each packet."""

    def __init__(self, out, seed):
        self.out, self.random = out, random.Random(seed)
        self.rule, self.losing, self.free_at, self.last_at = {}, False, 0.0, 0.0
        self.passed = self.udp = self.lost = self.overflowed = self.octets = self.reordered = self.duplicated = self.too_long = 0
        self.longest = 0

    def lose(self):
        """Gilbert's model: losses come in runs of `burst` packets on average and make up `loss` of all."""
        loss = self.rule.get("loss", 0)
        burst = max(1.0, self.rule.get("burst", 1))
        if loss <= 0:
            self.losing = False
        elif burst == 1.0:
            self.losing = self.random.random() < loss
        elif self.losing:
            self.losing = self.random.random() >= 1 / burst
        else:
            self.losing = self.random.random() < loss / (burst * (1 - loss))
        return self.losing

    def chance(self, what):
        share = self.rule.get(what, 0)
        return share > 0 and self.random.random() < share

    def due(self, packet, now):
        """When the packet comes out at the other end: never, once or twice."""
        udp = packet[9] == UDP
        if udp and self.lose():
            self.lost += 1
            return ()
        if udp and len(packet) > self.rule.get("mtu", 65536):
            self.too_long += 1
            return ()
        self.longest = max(self.longest, len(packet) if udp else 0)
        start = now
        rate = self.rule.get("rate_kbit", 0)
        if rate:
            start = max(now, self.free_at)
            if (start - now) * 1000 > self.rule.get("queue_ms", 300):
                self.overflowed += 1
                return ()
            self.free_at = start = start + len(packet) * 8 / (rate * 1000)
        jitter = self.rule.get("jitter_ms", 0)
        at = start + (self.rule.get("delay_ms", 0) + (self.random.uniform(0, jitter) if jitter else 0)) / 1000
        at = max(at, self.last_at)
        if udp and self.chance("reorder"):
            self.reordered += 1
            at += self.random.uniform(0.005, 0.04)
        else:
            self.last_at = at  # late, never out of order
        self.passed += 1
        self.udp += udp
        self.octets += len(packet)
        if udp and self.chance("duplicate"):
            self.duplicated += 1
            return (at, at + 0.001)
        return (at,)

    def report(self):
        return {"passed": self.passed, "udp": self.udp, "lost": self.lost, "overflowed": self.overflowed, "octets": self.octets,
                "reordered": self.reordered, "duplicated": self.duplicated, "too_long": self.too_long, "longest": self.longest}


class Firewall:
    """Drops without a word what it is told to."""

    def __init__(self):
        self.block, self.flows = "", {}

    def drops(self, packet, upward):
        if not self.block:
            return False
        if packet[9] == UDP:
            return True
        if self.block != "all but TLS" or packet[9] != TCP:
            return False
        head = (packet[0] & 15) * 4
        near, far = packet[16:20] + packet[head + 2 : head + 4], packet[12:16] + packet[head : head + 2]
        flow, payload = (near, far) if upward else (far, near), packet[head + (packet[head + 12] >> 4) * 4 :]
        if packet[head + 13] & SYN:
            self.flows.pop(flow, None)
        elif upward and payload:
            self.flows.setdefault(flow, payload[0] == TLS_HANDSHAKE)
        return not self.flows.get(flow, True)


class Nat:
    """Gives the client's UDP ports other numbers once `forget` was called; what still comes to the old ones is dropped."""

    def __init__(self):
        self.shift = 0

    def forget(self):
        self.shift += 1000

    def move(self, packet, offset, by):
        if packet[0] >> 4 != 4 or packet[9] != UDP:
            return packet
        head = (packet[0] & 15) * 4
        at = head + offset
        port = 1024 + (struct.unpack_from("!H", packet, at)[0] - 1024 + by) % (65536 - 1024)
        moved = bytearray(packet)
        struct.pack_into("!H", moved, at, port)
        struct.pack_into("!H", moved, head + 6, 0)  # no checksum, which IPv4 allows
        return bytes(moved)

    def up(self, packet):
        return self.move(packet, 0, self.shift) if self.shift else packet

    def down(self, packet):
        return self.move(packet, 2, -self.shift) if self.shift else packet


def main():
    near_name, far_name, namespace, seed = sys.argv[1:5]
    near, far = open_tun(near_name), open_tun(far_name)
    subprocess.run(["ip", "link", "set", far_name, "netns", namespace], check=True)
    up, down, nat, firewall = Direction(near, seed + "up"), Direction(far, seed + "down"), Nat(), Firewall()
    os.set_blocking(0, False)
    print(json.dumps({"ready": True}), flush=True)
    waiting, number, text = [], 0, b""
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 5.0
        readable, _, _ = select.select([near, far, 0], [], [], timeout)
        now = time.monotonic()
        for source in readable:
            if source == 0:
                part = os.read(0, 65536)
                if not part:
                    return
                *lines, text = (text + part).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    up.rule, down.rule = order.get("up", up.rule), order.get("down", down.rule)
                    firewall.block = order.get("block", firewall.block)
                    if order.get("nat"):
                        nat.forget()
                    if order.get("report"):
                        print(json.dumps({"up": up.report(), "down": down.report()}), flush=True)
                continue
            way, change = (up, nat.up) if source == far else (down, nat.down)
            for _ in range(64):
                try:
                    packet = os.read(source, 65536)
                except (BlockingIOError, OSError):
                    break
                if packet[0] >> 4 != 4 or firewall.drops(packet, way is up):
                    continue
                for at in way.due(packet, now):
                    number += 1
                    heapq.heappush(waiting, (at, number, way.out, change(packet)))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, out, packet = heapq.heappop(waiting)
            try:
                os.write(out, packet)
            except (BlockingIOError, OSError):
                pass  # the device is down or full: a loss like any other


main()
