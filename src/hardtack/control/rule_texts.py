"""Which rule has which number, in a pinned table: for the next start, and for those who ask. No program reads it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hardtack.control.numbers import EVERYBODY, Numbering
from hardtack.control.pinned import key_of, values_of
from hardtack.image import Table
from hardtack.kernel.maps import Map
from hardtack.packet.rule_tables import FEWEST_RULES

if TYPE_CHECKING:  # status reads the texts, and does not wait for what compiles rules
    from hardtack.control.rules import Laid, Owned

# Host.number of the owner, 0: of all hosts; a digest of the text, by which it is known again; what there is room for of it
ENTRY = struct.Struct("=I12s240s")
RULE_TEXTS = Table("rule_texts", "array", 4, ENTRY.size, FEWEST_RULES, layout="owner digest text")
NOBODY = 0
MORE = "…"


class Written(NamedTuple):
    """An entry. `owner`: Host.number."""

    owner: int
    digest: bytes
    shown: str


def digest_of(text: str) -> bytes:
    """Never that of an empty entry."""
    return hashlib.sha256(text.encode()).digest()[:12]


def entry(owner: int, text: str) -> bytes:
    """An entry of the table."""
    shown, room = text, ENTRY.size - 16
    while len(shown.encode()) > room:
        shown = shown[: len(shown) - 2] + MORE if not shown.endswith(MORE) else shown[:-2] + MORE
    return ENTRY.pack(owner, digest_of(text), shown.encode())


def fill_texts(table: Map, laid: Laid, numbers: Numbering, before: Iterable[int] = ()) -> None:
    """Write what each rule is; `before`: numbers that were somebody's, and are nobody's any more."""
    for number in set(before) - {*laid.numbers.values()}:
        table.update(key_of(number), bytes(ENTRY.size))
    for (owner, text), number in laid.numbers.items():
        table.update(key_of(number), entry(NOBODY if owner == EVERYBODY else numbers[owner], text))


def written(table: Map | None) -> dict[int, Written]:
    """What the table says, by number."""
    found = {}
    for number, one in enumerate(values_of(table) if table else ()):
        owner, digest, shown = ENTRY.unpack(one)
        if any(digest):
            found[number] = Written(owner, digest, shown.rstrip(b"\0").decode("utf-8", "replace"))
    return found


def known(texts: Mapping[int, Written], hosts: Sequence[str], wanted: Iterable[Owned]) -> dict[Owned, int]:
    """The numbers that rules have by a table, `wanted` among them; `hosts`: names by number from 1.

    What nobody wants any more is there, too, under what is left of its name: its number is not nobody's.
    """
    digests = {digest_of(text): text for _, text in wanted}
    names = dict(enumerate(hosts, 1)) | {NOBODY: EVERYBODY}
    return {
        (names.get(one.owner, f"#{one.owner}"), digests.get(one.digest, one.digest.hex())): number
        for number, one in texts.items()
    }
