"""The agent's program on single frames: what it makes of each, and that it changes none. Real handshakes: tests/handshake.

BPF_PROG_TEST_RUN runs it in the network namespace of whoever asks, so its socket look-up meets this file's own sockets.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from frame_table import ROWS
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_ground import needs_root, veth_pair
from naive import cookie
from naive.cookie import Flow
from naive.frames import ACK, FIN, PSH, RST, SYN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.options import Offer
from naive.parse import parse
from naive.world import EPOCH_NOW, KEYS, NOW
from pyroute2 import IPRoute
from rows.row import Row
from strategies import frames

from hardtack.agent.locals import key_of
from hardtack.compiler import objects
from hardtack.kernel.datapath import Datapath
from hardtack.packet.entries import ONLY, bytes_of, clock_entry, frames_of, keys_entry, promise_entry
from hardtack.packet.host.round_lo import LOOPBACK
from hardtack.packet.programs import AGENT
from hardtack.packet.reasons import Reason

pytestmark = needs_root
NEXT = -1  # TCX_NEXT
LONGEST = 3400  # bytes of a frame that BPF_PROG_TEST_RUN takes for a tcx program
PORT = 4443
IP_FREEBIND = 15  # linux/in.h
CLIENT4, SERVER4, CLIENT6, SERVER6 = "198.51.100.7", "192.0.2.10", "2001:db8::1", "2001:db8::2"


def taken(given_frame: bytes) -> bool:
    """Whether BPF_PROG_TEST_RUN takes a frame for a tcx program: what calls itself IP must have an IP header's bytes."""
    shortest = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(given_frame[12:14], 14)
    return shortest <= len(given_frame) <= LONGEST


EVERYTHING = bytes(20)  # of the table `locals`: all addresses are this machine's
FOR_THE_KERNEL = [row for row in ROWS if taken(row.frame)]


@dataclass
class Agent:
    """The shipped program, but for its clock, which stands at the moment of `naive.world`."""

    datapath: Datapath
    interface: int

    def reason(self, given_frame: bytes) -> str:
        """What it counted a frame under. It passes every frame on as it is."""
        before = self.datapath.counters()
        ran = self.datapath.program.test_run(given_frame, ifindex=self.interface)
        after = self.datapath.counters()
        assert (ran.verdict, ran.frame.hex()) == (NEXT, given_frame.hex())
        grown = {reason.name: now - then for reason, then, now in of_each(before, after) if now != then}
        size = sum(bytes_of(after)) - sum(bytes_of(before))
        once = sum(frames_of(after)) - sum(frames_of(before)) == 1
        assert once and size == len(given_frame) and len(grown) == 1, f"not counted once: {grown} for {given_frame.hex()}"
        return next(iter(grown))


def of_each(before: list[int], after: list[int]) -> Iterator[tuple[Reason, int, int]]:
    """Each reason, and how often it was counted then and now."""
    then, now = frames_of(before), frames_of(after)
    return ((reason, then[reason], now[reason]) for reason in Reason)


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    """In a namespace where nobody listens, until a test does."""
    with veth_pair() as (left, _), IPRoute() as kernel:
        kernel.link("set", index=kernel.link_lookup(ifname="lo")[0], state="up")
        with Datapath(objects.compiled(replace(AGENT, name="agent_still", clock="table"))) as datapath:
            datapath.tables["keys"].update(ONLY, keys_entry(KEYS.items()))
            datapath.tables["clock"].update(ONLY, clock_entry(NOW * 1_000_000))
            datapath.tables["locals"].update(EVERYTHING, bytes(4))
            datapath.tables["promise"].update(ONLY, promise_entry(7))
            yield Agent(datapath, left)


def expected(given_frame: bytes) -> str:
    """What becomes of a frame where nobody listens."""
    segment = parse(given_frame)
    if isinstance(segment, Reason):
        return segment.name
    return Reason.no_listener.name if segment.flags & (ACK | SYN | RST) == ACK else Reason.not_ack.name


@pytest.mark.parametrize("row", FOR_THE_KERNEL, ids=lambda row: row.description)
def test_every_frame_of_the_table(agent: Agent, row: Row) -> None:
    assert agent.reason(row.frame) == expected(row.frame)


def test_generated_frames(agent: Agent) -> None:
    seen: Counter[str] = Counter()

    @seed(1)
    @given(st.lists(frames(), min_size=20, max_size=20), st.sampled_from([ACK, ACK | PSH, ACK | FIN, ACK | RST, FIN, 0]))
    @settings(deadline=None, database=None, max_examples=50, phases=[Phase.generate])  # the frame at fault is named
    def each(several: list[bytes], flags: int) -> None:
        for drawn in several:
            for given_frame in (drawn, with_flags(drawn, flags)):
                if taken(given_frame):
                    assert agent.reason(given_frame) == expected(given_frame), given_frame.hex()
                    seen[expected(given_frame)] += 1

    each()
    parsing = ("not_ip", "truncated", "bad_header", "fragment", "extension", "not_tcp")
    assert set(seen) == {*parsing, "not_ack", "no_listener"}, seen


def with_flags(given_frame: bytes, flags: int) -> bytes:
    """An untagged frame without extension headers or IP options, most of which are SYNs, with other flags."""
    at = {b"\x08\x00": 47, b"\x86\xdd": 67}.get(given_frame[12:14], len(given_frame))
    return given_frame[:at] + bytes([flags]) + given_frame[at + 1 :] if at < len(given_frame) else given_frame


@pytest.mark.parametrize("flags", [0, FIN, RST, RST | ACK, SYN, SYN | ACK, SYN | FIN, SYN | FIN | ACK, PSH])
def test_only_an_acknowledgment_is_looked_at(agent: Agent, flags: int) -> None:
    for ip in (IPv4(), IPv6()):
        assert agent.reason(frame(ip, Tcp(flags=flags))) == "not_ack"


@pytest.mark.parametrize("flags", [ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN])
@pytest.mark.parametrize("link", [Ethernet(), Ethernet(tags=[(0x8100, 5)])], ids=["untagged", "tagged"])
def test_an_acknowledgment_for_nobody(agent: Agent, flags: int, link: Ethernet) -> None:
    for ip in (IPv4(), IPv6()):
        assert agent.reason(frame(ip, Tcp(flags=flags, payload=b"GET /"), link)) == "no_listener"


def dual_stack() -> socket.socket:
    """A listener on every address."""
    return socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)


def acknowledgment(version: int, *, off_by: int = 0, port: int = PORT, timestamps: bool = True) -> bytes:
    """A client's first ACK, with a cookie that is good unless it is off by something."""
    source, destination = (CLIENT4, SERVER4) if version == 4 else (CLIENT6, SERVER6)
    flow, offer = Flow(packed(source), packed(destination), 40000, port), Offer(1440, 7, True, 1 if timestamps else None)
    o = cookie.options_byte(offer, version)
    ours = cookie.make(KEYS[EPOCH_NOW], flow, 7, o, NOW, timestamps=timestamps, ecn=False)
    carried = b"" if ours.tsval is None else b"\x01\x01\x08\x0a" + bytes(4) + ours.tsval.to_bytes(4, "big")
    tcp = Tcp(40000, port, 8, (ours.isn + 1 + off_by) % (1 << 32), ACK, options=carried)
    return frame(IPv4(source, destination) if version == 4 else IPv6(source, destination), tcp)


@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "bare"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_cookie_is_checked_for_a_listener_only(agent: Agent, version: int, timestamps: bool) -> None:
    good = acknowledgment(version, timestamps=timestamps)
    assert agent.reason(good) == "no_listener"
    with dual_stack():
        # What is tested does not really come in, so the kernel makes no socket; that it was asked shows that it held.
        assert agent.reason(good) == "not_admitted"
        assert agent.reason(acknowledgment(version, off_by=256, timestamps=timestamps)) == "bad_cookie"
        assert agent.reason(acknowledgment(version, port=PORT + 1, timestamps=timestamps)) == "no_listener"
    assert agent.reason(good) == "no_listener"


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_for_another_machine_is_no_wildcards(agent: Agent, version: int) -> None:
    """A listener that has the address itself says thereby that it is this machine's."""
    table, good = agent.datapath.tables["locals"], acknowledgment(version)
    family, address = (socket.AF_INET, SERVER4) if version == 4 else (socket.AF_INET6, SERVER6)
    table.delete(EVERYTHING)
    try:
        with dual_stack():
            assert agent.reason(good) == "elsewhere"
            assert agent.reason(acknowledgment(version, off_by=256)) == "bad_cookie"
            table.update(key_of(8 * len(packed(address)), packed(address), old=version == 4), bytes(4))
            assert agent.reason(good) == "not_admitted"
            table.delete(key_of(8 * len(packed(address)), packed(address), old=version == 4))
        with socket.socket(family) as bound:
            bound.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
            bound.bind((address, PORT))
            bound.listen()
            assert agent.reason(good) == "not_admitted"
    finally:
        table.update(EVERYTHING, bytes(4))


def test_what_lo_carries_is_not_looked_at(agent: Agent) -> None:
    """But what the agent itself sends round: tests/handshake/test_nat.py."""
    before = agent.datapath.counters()
    with dual_stack():
        for version in (4, 6):
            assert agent.datapath.program.test_run(acknowledgment(version), ifindex=LOOPBACK).verdict == NEXT
    assert agent.datapath.counters() == before


def test_a_listener_of_the_other_family_is_none(agent: Agent) -> None:
    with socket.create_server(("0.0.0.0", PORT)):
        assert agent.reason(acknowledgment(4)) == "not_admitted"
        assert agent.reason(acknowledgment(6)) == "no_listener"


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_connection_that_exists_is_left_alone(agent: Agent, family: socket.AddressFamily, host: str) -> None:
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        (ours, port), (theirs, served) = client.getsockname()[:2], client.getpeername()[:2]
        ip = IPv4(ours, theirs) if family == socket.AF_INET else IPv6(ours, theirs)
        assert agent.reason(frame(ip, Tcp(port, served, 1, 1, ACK))) == "known"
        assert agent.reason(frame(ip, Tcp((port + 1) % 65536, served, 1, 1, ACK))) == "bad_cookie"
