"""A model of two workers' table: which connections there may be, where each frame must have gone, and what was counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt
from clients_under_test import (
    ACK_NUMBER,
    ADDRESSES,
    DATA,
    SEQ,
    TRANSPORT,
    Bytes,
    Kind,
    Numbers,
    addresses,
    is_six,
    isns,
    ports,
    records,
    segments,
)
from crew_snapshots import FIXED, Places, Snapshots, names_of
from crew_under_test import DOWN, UPLINK, WORKERS, Crew, Gone

from hardtack.packet.layout import CLIENT_FIN, HOST_SEEN
from hardtack.packet.reasons import Reason, Verdict, verdict

OWN, SHARED, RESET, FORGED = 5000, 3000, 1000, 500  # clients of a round: each worker's, both's; of its own those that end so
COMPARED = 28  # bytes of a forwarded frame: of IPv4 addresses and the TCP header, of IPv6 addresses
AHEAD = {Kind.syn: 0, Kind.ack: 1, Kind.data: 1, Kind.fin: 1 + DATA, Kind.rst: 1}
NEXT = (1, 1 + DATA, 2 + DATA)  # after its cookie, its data, its FIN
SENT = 7  # bytes that hosts have sent when there are data: an acknowledgment of those is no cookie
Sent = list[tuple[Kind, Numbers]]


@dataclass(frozen=True)
class Batch:
    """Clients that begin in the same round."""

    own: tuple[Numbers, ...]
    shared: Numbers

    def of(self, worker: int) -> Numbers:
        """All whom a worker meets."""
        return np.concatenate([self.own[worker], self.shared])


@dataclass(frozen=True)
class Made:
    """Frames of a worker's round: what each is, whose, its bytes and how many there are."""

    kinds: npt.NDArray[np.object_]
    numbers: Numbers
    frames: Bytes
    sizes: npt.NDArray[np.uint32]


class Book:
    """What is known of all clients, and what the table had when it was looked at last."""

    def __init__(self, crew: Crew) -> None:
        self.crew, self._number, self._random = crew, count(), np.random.default_rng(1)
        self._names: dict[tuple[int, ...], int] = {}
        self._cookies: dict[int, int] = {}
        self._batches: list[Batch] = []
        self.before: Places = {}
        self.torn: list[tuple[str, tuple[object, ...]]] = []
        self._counted = self._counts()
        self.remembered = self.missing = self.forwarded = self.dropped = self.ended = 0

    def round(self) -> None:
        """One round, and all that must hold after it."""
        self._batches.append(Batch(tuple(self._new(OWN) for _ in range(WORKERS)), self._new(SHARED)))
        given = [self._made(self._sent_by(worker)) for worker in range(WORKERS)]
        self._hosts_speak()
        snapshots = Snapshots(self.crew, self.before)
        gone = self.crew.work([(made.frames, made.sizes) for made in given], snapshots.take)
        torn, before, after = len(self.torn), sum(map(len, self.before.values())), self.look()
        self._compare(given, gone, after)
        snapshots.check(after)
        self._account(given, gone, before, after)
        self.missing -= len(self.torn) - torn
        self.before = after

    def _new(self, number: int) -> Numbers:
        found = np.array([next(self._number) for _ in range(number)], np.uint64)
        rows = records(found, np.zeros(number, np.uint32))
        names = dict(zip(names_of(rows), map(int, found), strict=True))
        assert len(names) == number and not names.keys() & self._names.keys()
        self._names |= names
        return found

    def _sent_by(self, worker: int) -> Sent:
        """What its clients send in this round: the newest their SYNs, those of the last round their cookies, and so on."""
        newest, *older = self._batches[:-5:-1]
        found = [(Kind.syn, newest.of(worker)), (Kind.data, newest.own[worker][:FORGED])]
        if older:
            found.append((Kind.ack, older[0].of(worker)))
        for batch, reset, others in zip(older[1:], (Kind.rst, Kind.data), (Kind.data, Kind.fin), strict=False):
            found += [(reset, batch.own[worker][:RESET]), (others, batch.of(worker)[RESET:])]
        return found

    def _made(self, sent: Sent) -> Made:
        """The frames, in a random order."""
        parts = [segments(kind, numbers, AHEAD[kind], self._acks(kind, numbers)) for kind, numbers in sent]
        kinds = np.concatenate([np.full(len(numbers), kind) for kind, numbers in sent])
        numbers = np.concatenate([numbers for _, numbers in sent])
        order = self._random.permutation(len(numbers))
        frames, sizes = (np.concatenate(one)[order] for one in zip(*parts, strict=True))
        return Made(kinds[order], numbers[order], frames, sizes)

    def _acks(self, kind: Kind, numbers: Numbers) -> npt.NDArray[np.uint32]:
        cookies = self._cookies_of(numbers)
        return cookies * 0 if kind == Kind.syn else cookies + np.uint32(1 + (0 if kind == Kind.ack else SENT))

    def _cookies_of(self, numbers: Numbers) -> npt.NDArray[np.uint32]:
        return np.array([self._cookies.get(one, 0) for one in numbers.tolist()], np.uint32)

    def _hosts_speak(self) -> None:
        """Of those that will be reset the hosts have been heard, in the round before: only so an RST ends a connection."""
        if len(self._batches) > 2:
            ending = np.concatenate([own[:RESET] for own in self._batches[-3].own]).tolist()
            places = [place for one in ending for place in self.before.get(one, ())]
            self.crew.table.rows["state"][places] |= HOST_SEEN

    def look(self) -> Places:
        """What the table has. Entries that are not whole are noted in `torn`, and taken out."""
        table = self.crew.table
        found = table.taken()
        rows = table.rows[found]
        wrong = self._what_is_wrong(found, rows)
        for place, row in zip(found[wrong != ""].tolist(), rows[wrong != ""].tolist(), strict=True):
            self.torn.append((wrong[found == place][0], row))
            table.tags.reshape(-1)[place] = 0
        places: Places = {}
        for name, place in zip(names_of(rows[wrong == ""]), found[wrong == ""].tolist(), strict=True):
            places.setdefault(self._names[name], set()).add(place)
        return places

    def _what_is_wrong(self, found: npt.NDArray[np.intp], rows: npt.NDArray[np.void]) -> npt.NDArray[np.str_]:
        """Of each entry: what in it is not of the client that it is called by; "" if it is whole."""
        table = self.crew.table
        numbers = np.array([self._names.get(name, -1) for name in names_of(rows)], np.int64)
        clients = np.maximum(numbers, 0).astype(np.uint64)
        wanted = records(clients, self._cookies_of(clients))
        first, second, tags = table.seats(rows)
        buckets = found // table.tags.shape[1]
        whole = {
            **{field: rows[field] == wanted[field] for field in FIXED},
            "next": np.isin(rows["next"] - isns(clients), NEXT),
            "state": rows["state"] & ~np.uint8(CLIENT_FIN | HOST_SEEN) == 0,
            "bucket": (buckets == first) | (buckets == second),
            "tag": table.tags.reshape(-1)[found] == tags,
            "name": numbers >= 0,
        }
        wrong = np.full(len(found), "", "U16")
        for what, holds in whole.items():
            wrong[~holds] = what
        return wrong

    def _compare(self, given: list[Made], gone: list[Gone], after: Places) -> None:
        """Where each frame went, and as what. None is answered or sent on twice: Crew.work."""
        cookies = {*np.concatenate([made.numbers[made.kinds == Kind.ack] for made in given]).tolist()}
        assert {*after} <= {*self.before} | cookies, "a connection that nobody has opened"
        evicted = self._counts()["evicted"] > self._counted["evicted"]
        for made, one in zip(given, gone, strict=True):
            self._keep_answers(made, one)
            check_sent_on(made, one)
            for kind, number, port in zip(made.kinds, made.numbers.tolist(), one.ports.tolist(), strict=True):
                if kind == Kind.syn:
                    assert port == UPLINK, f"not answered: {number}"
                elif kind == Kind.ack or (number in self.before and (number in after or not evicted)):
                    assert port not in (UPLINK, DOWN), f"lost: {number}, whose {kind.name} went by {port}"
                    assert kind != Kind.rst or evicted or number not in after, f"not reset: {number}"
                elif number not in self.before:
                    assert port == DOWN, f"nobody knows {number}, whose {kind.name} went by {port}"

    def _keep_answers(self, made: Made, gone: Gone) -> None:
        """To whom each SYN-ACK goes, what it acknowledges; and its cookie."""
        asked = made.kinds == Kind.syn
        numbers, frames, sizes = made.numbers[asked], gone.frames[asked], gone.sizes[asked]
        assert (sizes == made.sizes[asked]).all()
        for six in (False, True):
            mine = is_six(numbers) == six
            tcp, at = TRANSPORT[six], ADDRESSES[six] + (16 if six else 4)
            clients, answers = numbers[mine], frames[mine]
            assert (answers[:, at:tcp] == addresses(clients)[:, 0 if six else 12 :]).all()
            assert (words(answers[:, tcp + 2 : tcp + 4], ">u2") == ports(clients)).all()
            acknowledged = words(answers[:, tcp + ACK_NUMBER : tcp + ACK_NUMBER + 4], ">u4")
            assert (acknowledged == isns(clients) + np.uint32(1)).all()
            cookies = words(answers[:, tcp + SEQ : tcp + SEQ + 4], ">u4")
            for number, cookie in zip(clients.tolist(), cookies.tolist(), strict=True):
                assert self._cookies.setdefault(number, cookie) == cookie, "a shared client has two cookies"

    def _account(self, given: list[Made], gone: list[Gone], before: int, after: Places) -> None:
        """Every frame is counted once, and is in one place; every connection that has gone was evicted, or reset."""
        now = self._counts()
        new = {name: value - self._counted[name] for name, value in now.items()}
        self._counted = now
        frames = sum(len(made.sizes) for made in given)
        assert (new["frames"], new["bytes"]) == (frames, sum(int(made.sizes.sum()) for made in given))
        by_port = np.concatenate([one.ports for one in gone])
        assert new["received"] == frames and new["passed"] == new["ring_full"] == 0
        assert new["REPLY"] == new["replied"] == (by_port == UPLINK).sum()
        assert new["DROP"] == new["dropped"] == (by_port == DOWN).sum()
        assert new["FORWARD"] == new["redirected"] == (by_port > UPLINK).sum()
        where = self.crew.where()
        assert "twice" not in where, f"twice: {where['twice']}"
        assert "kernel" not in where, f"nowhere: {where['kernel']}"
        assert sum(map(len, where.values())) == self.crew.umem.frames
        grown = sum(map(len, after.values())) - before
        self.missing += new["remembered"] - new["evicted"] - new["reset"] - grown
        self.remembered, self.ended = self.remembered + new["remembered"], self.ended + new["reset"]
        self.forwarded, self.dropped = self.forwarded + new["FORWARD"], self.dropped + new["DROP"]

    def _counts(self) -> dict[str, int]:
        """By reason and by verdict, as counters have them; by what was done, as the workers' records have it."""
        tallies = self.crew.tallies().astype(np.int64)
        ours = [reason for reason in Reason if reason < len(tallies)]
        found = {reason.name: int(tallies[reason, 0]) for reason in ours}
        for one in Verdict:
            found[one.name] = sum(found[reason.name] for reason in ours if verdict(reason) == one)
        for name in ("received", "replied", "redirected", "passed", "dropped", "ring_full"):
            found[name] = sum(self.crew.count(name, worker) for worker in range(WORKERS))
        found["frames"], found["bytes"] = tallies.sum(axis=0).tolist()
        return found | {"evicted": self.crew.evicted()}


def check_sent_on(made: Made, gone: Gone) -> None:
    """Frames for exits leave as they came, but for link and hops; of IPv6, with a tag, and by the second exit."""
    for six in (False, True):
        mine = (gone.ports > UPLINK) & (is_six(made.numbers) == six)
        at, tag = ADDRESSES[six], 4 if six else 0
        assert (gone.ports[mine] == 1 + six).all()
        assert (gone.sizes[mine] == made.sizes[mine] + tag).all()
        assert (gone.frames[mine, at + tag : at + tag + COMPARED] == made.frames[mine, at : at + COMPARED]).all()


def words(columns: Bytes, kind: str) -> npt.NDArray[np.uint32]:
    """Numbers in network order."""
    return np.ascontiguousarray(columns).view(kind).reshape(-1).astype(np.uint32)
