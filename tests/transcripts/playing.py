"""A conversation, played to an engine and to the naive twin: each step must come out as it is written, for both."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Protocol

from engines_under_test import Outcome, Side, Twin
from naive import options, world
from naive.frames import ACK, SYN, IPv4, IPv6, Tcp, frame, packed
from naive.moment import WINDOW, WORD
from naive.parse import Segment as Parsed
from naive.parse import parse
from naive.state import PROVEN_WAYS, WAYS, Connection, Handshake, Held, Name, State, mapped
from naive.world import EPOCH_BEGINS, NOW
from tables_under_test import BUCKETS, SOURCE_BUCKETS, in_words, sources_in_words

from hardtack.packet.reasons import Reason
from transcripts.reading import Change, Client, Conversation, Number, Segment, client, duration

# The monotonic clock when a conversation begins: ten minutes later all that is kept of it begins anew at 0
BOOTED = (3 << 32) - (600 << 10)
CLIENT_ISN, HOST_ISN = 0xFFFFFFF0, 0x7FFFFFF0  # near where they wrap, and turn their sign
PORT, CLIENT_PORT = 80, 40000
HOSTS = {
    "web": {4: world.WEB, 6: world.WEB6},
    "scarce": {4: world.SCARCE, 6: world.SCARCE6},
    "heard": {4: world.HEARD, 6: world.HEARD6},
    "slow": {4: world.SLOW, 6: world.SLOW6},
    "challenged": {4: world.CHALLENGED, 6: world.CHALLENGED6},
    "unheard": {4: world.UNHEARD, 6: world.UNHEARD6},
    "passing": {4: world.PASSED, 6: world.PASSED6},
    "open": {4: world.OPEN, 6: world.OPEN6},
    "few": {4: world.FEW, 6: world.FEW6},
    "calm": {4: world.CALM, 6: world.CALM6},
}
HANDSHAKES = {"agent": Handshake.cookie, "challenge": Handshake.challenge, "pass": Handshake.passing}
LIMITS = ("replies", "prefix_replies", "prefix_connections", "learned", "taught", "source_syns", "source_life")
# What Linux offers in its SYN with timestamps, and without
OFFERS = {True: bytes.fromhex("020405b40402080a000000070000000001030307"), False: bytes.fromhex("020405b401010402")}
LETTERS = {"c": "client_fin", "h": "host_fin", "s": "host_seen", "a": "awaited", "f": "fin_acked", "o": "half_open"}


class Engine(Protocol):
    """What a conversation can be played to."""

    def run(self, frame: bytes, now_ms: int, side: Side, *, cpu: int, ms: int) -> Outcome:
        """A frame at a moment, on a CPU."""

    def known(self) -> dict[Name, str]:
        """The table of connections."""

    def proven(self) -> dict[bytes, str]:
        """The table of proven sources."""

    def set_policy(self, state: State) -> None:
        """What holds for all hosts together."""

    def set_buckets(self, buckets: int) -> None:
        """So many of the table are in use."""

    def set_source_buckets(self, buckets: int) -> None:
        """So many of that of proven sources."""

    def forget(self) -> None:
        """Begin with nothing."""


@dataclass(frozen=True)
class Answer:
    """The front's SYN-ACK."""

    seq: int
    tsval: int


class Player:
    """One conversation. `out`: where the host's frames are seen."""

    def __init__(self, engine: Engine, version: int, timestamps: bool, out: Side = "inside") -> None:
        self._engine, self._version, self._timestamps, self._out = engine, version, timestamps, out
        self._twin = Twin(world.state())
        self._begins = NOW - NOW % WINDOW
        self._cpu, self._step, self._skews = 0, 0, defaultdict[int, int](int)
        self._host = "web"
        self._before: set[Name] = set()  # that were known when somebody spoke last
        self._isns: dict[str, int] = {}  # those that were said
        self._answers: defaultdict[Client, list[Answer]] = defaultdict(list)
        self._challenges: dict[Client, int] = {}  # what they acknowledged
        self._first: dict[Name, int] = {}  # the client's, when the connection became known
        engine.forget()
        engine.set_policy(self._twin.state)
        engine.set_buckets(BUCKETS)
        engine.set_source_buckets(SOURCE_BUCKETS)

    def play(self, conversation: Conversation) -> None:
        """All of it; AssertionError, with the line, where it comes out differently."""
        if conversation.version not in (None, self._version):
            return
        for step in conversation.steps:
            if isinstance(step, Change):
                self._change(step)
                continue
            self._compare(step.line)
            for later, who in enumerate(step.clients):
                for _ in range(step.times):
                    self._speak(step, who, step.at + later)
            if step.known is not None:
                assert self._known(step.clients[0]) == step.known, step.line
        self._compare("the end")

    def _compare(self, line: str) -> None:
        assert self._engine.known() == in_words(self._twin.state), f"before: {line}"
        assert self._engine.proven() == sources_in_words(self._twin.state), f"before: {line}"

    def _change(self, change: Change) -> None:
        state, value = self._twin.state, change.values[-1]
        match change.what:
            case "epoch":
                self._begins = EPOCH_BEGINS + duration(value)
            case "grace":
                state.grace_until = BOOTED + duration(value)
            case limit if limit in LIMITS:
                setattr(state, limit, int(value))
            case "cpu":
                self._cpu = int(value)
            case "skew":
                self._skews[self._cpu] = duration(value)
            case "step":
                self._step += duration(value)
            case "to":
                self._host = value
            case "handshake":
                state.hosts = world.with_handshake(held_by(*change.values), *HOSTS[self._host].values())
            case "only":
                pass
            case "isn":
                self._isns[change.values[0]] = int(value)
            case "buckets" | "sources":
                assert value == "1", "the twin has one bucket, or no end of them"
                self._narrow(change.what)
            case _:
                self._expect(change)
        self._engine.set_policy(state)

    def _narrow(self, table: str) -> None:
        if table == "buckets":
            self._twin.state.slots = [None] * WAYS
            self._engine.set_buckets(1)
        else:
            self._twin.state.seats = [None] * PROVEN_WAYS
            self._engine.set_source_buckets(1)

    def _expect(self, change: Change) -> None:
        state, name = self._twin.state, self._name(client(change.values[0]))
        match change.what:
            case "gone":
                gone = self._before - {*state.connections}
                assert gone == {name}, f"{gone}, not: {change.values[0]}"
            case "still":
                assert name in state.connections, change.values[0]
            case "source":
                source = state.proven.get(name.client)
                said = "-" if source is None else f"{source.allowance}" + f" {source.lost}" * (source.lost > 0)
                assert said == " ".join(change.values[1:]), f"{said}, not: {change}"
            case _:
                raise ValueError(f"no such change: {change}")

    def _speak(self, step: Segment, who: Client, at: int) -> None:
        given, self._before = self._frame(step, who), {*self._twin.state.connections}
        now_ms, ms, cpu = self._begins + self._step + at, BOOTED + at + self._skews[self._cpu], self._cpu
        outcome = self._engine.run(given, now_ms, self._out if step.from_host else "outside", cpu=cpu, ms=ms)
        thought = self._twin.run(given, now_ms, "inside" if step.from_host else "outside", cpu=cpu, ms=ms)
        assert outcome.reason == step.reason, f"{outcome.reason.name}, not: {step.line}"
        assert str(outcome) == str(thought), step.line
        assert step.from_host or outcome.action in (None, thought.action), step.line
        if step.reason == Reason.answered:
            answer = parse(outcome.frame)
            assert isinstance(answer, Parsed)
            self._answers[who].append(Answer(answer.seq, options.parse(answer.options).tsval or 0))
            self._isns.pop("host", None)
        if step.reason == Reason.challenged:
            answer = parse(outcome.frame)
            assert isinstance(answer, Parsed)
            self._challenges[who] = answer.ack
        name = self._name(who)
        connection = self._twin.state.connections.get(name)
        if connection is not None and connection.begun == ms % WORD:
            self._first[name] = self._isns.get("client", CLIENT_ISN)

    def _frame(self, step: Segment, who: Client) -> bytes:
        ours, theirs = self._addresses(who)
        mine, other = self._isns.get("client", CLIENT_ISN), self._host_isn(who, step.ack)
        if step.from_host:
            ours, theirs, mine, other = theirs, ours, self._host_isn(who, step.seq), mine
        tcp = Tcp(
            PORT if step.from_host else CLIENT_PORT + who[2],
            CLIENT_PORT + who[2] if step.from_host else PORT,
            resolved(step.seq, self._challenges[who] if step.seq.challenge else mine),
            resolved(step.ack, other),
            step.flags,
            step.window,
            b"" if step.from_host else self._options(step, who),
            b"\xa5" * step.data,
        )
        return frame(IPv4(ours, theirs) if self._version == 4 else IPv6(ours, theirs), tcp)

    def _options(self, step: Segment, who: Client) -> bytes:
        if step.flags & (SYN | ACK) == SYN:
            return OFFERS[self._timestamps]
        if not self._timestamps:
            return b""
        answers = self._answers[who]
        echoed = answers[(step.ack.answer or 0) - 1].tsval if answers else 1
        return b"\x01\x01\x08\x0a\x00\x00\x00\x08" + echoed.to_bytes(4, "big")

    def _host_isn(self, who: Client, number: Number) -> int:
        answers = self._answers[who]
        if number.answer is not None:
            return answers[number.answer - 1].seq
        return self._isns.get("host", answers[-1].seq if answers else HOST_ISN)

    def _addresses(self, who: Client) -> tuple[str, str]:
        network, number, _ = who
        source = f"198.18.{network}.{number}" if self._version == 4 else f"2001:db8:{0xC00 + network:x}:{number:x}::1"
        return source, HOSTS[self._host][self._version]

    def _name(self, who: Client) -> Name:
        source, destination = self._addresses(who)
        return Name(mapped(packed(source)), mapped(packed(destination)), CLIENT_PORT + who[2], PORT)

    def _known(self, who: Client) -> str:
        name = self._name(who)
        connection = self._twin.state.connections.get(name)
        return "-" if connection is None else told(connection, self._first[name])


def held_by(handshake: str, mode: str = "") -> Held:
    """Which handshake a host has, in a conversation's words."""
    configured = HANDSHAKES[handshake]
    holds = Handshake.passing if mode in ("calm", "tried") else configured
    assert mode in ("", "calm", "tried", "unanswered"), mode
    return Held(holds, configured, mode == "tried", mode == "unanswered")


def resolved(number: Number, first: int) -> int:
    """As it is on the wire."""
    return (number.value if number.absolute else first + number.value) % WORD


def told(connection: Connection, first: int) -> str:
    """A connection, as a conversation's last column has it."""
    following = "?" if connection.asked else str((connection.next - first) % WORD)
    letters = "".join(letter for letter, name in LETTERS.items() if getattr(connection, name))
    if connection.numbered and not connection.host_seen:
        letters += "n"
    return " ".join(filter(None, [connection.origin.name, following, letters]))
