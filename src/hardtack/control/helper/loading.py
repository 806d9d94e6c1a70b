"""Rule programs for a front at work: the verb `load`. The front has no right to load any; it sends classic BPF, as JSON.

Here that is looked at once more, translated, and put where the front has asked for it: in the tables of programs that it has
pinned, and nowhere else. Nothing goes on there before the front says so in a host's word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from hardtack.control.rule_mistakes import refused
from hardtack.engines import xdp
from hardtack.engines.xdp import RuleTable
from hardtack.image import Image, Table
from hardtack.kernel import generic, maps, pins, programs
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.programs import Program, VerifierRefusal
from hardtack.mistake import Mistake
from hardtack.packet.rule_tables import AFTER_RULES, MOST_PROGRAMS
from hardtack.pcap import libpcap
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression

Lists = Mapping[int, list[Expression]]  # by place
PLAIN = re.compile(r"(?!\.{1,2}$)[^/\0]{1,15}")


class Refused(Mistake):
    """A list that the kernel refuses. `position`: of the first that is too much, from 1; 0: nobody knows."""

    status = 2

    def __init__(self, place: int, position: int, why: str) -> None:
        self.place, self.position, self.why = place, position, why
        super().__init__(f"rule {position} of list {place}, {why}")


class Missing(Mistake):
    """A table that the front was to have pinned."""

    status = 1


def request(lists: Mapping[str, Lists], sizes: Mapping[str, int]) -> bytes:
    """What to send: for each kind of table, by name, lists of expressions; sizes of tables, as maps.sized takes them."""
    told = {name: {str(place): [*map(packed, some)] for place, some in of.items()} for name, of in lists.items()}
    return json.dumps({"lists": told, "sizes": sizes}).encode()


def packed(expression: Expression) -> dict[str, Any]:
    """An expression as JSON has it."""
    return {"text": expression.text, "code": expression.code, "link": expression.link, "tags": expression.sees_tags}


def unpacked(told: Mapping[str, Any]) -> Expression:
    """The same back, if it is one. ValueError."""
    code = tuple(Instruction(*map(int, here)) for here in told["code"])
    if told["link"] not in libpcap.LINK_TYPES:
        raise ValueError("frames of another kind")
    return libpcap.checked(Expression(str(told["text"]), code, told["link"], bool(told["tags"])))


def load(interface: str, asked: bytes, alive: Callable[[], object]) -> None:
    """Have them loaded, and in their places; `alive` is called before each. Refused, Mistake, ValueError, OSError."""
    if not PLAIN.fullmatch(interface):  # the front names what is its own, and nothing elsewhere
        raise ValueError("no name of an interface")
    folder, told = pins.folder("front", interface), json.loads(asked)
    with ExitStack() as parts:
        for table in xdp.RULE_TABLES:
            if (some := told["lists"].get(table.name)) is not None:
                lists = {int(place): [*map(unpacked, one)] for place, one in some.items()}
                if not all(AFTER_RULES < place < MOST_PROGRAMS for place in lists):
                    raise ValueError("no place of a list")
                tables = opened(folder, [maps.sized(one, told["sizes"]) for one in table.after().tables], parts)
                load_into(tables, table, lists, parts, alive)


def load_into(
    tables: Mapping[str, Map], table: RuleTable, lists: Lists, parts: ExitStack, alive: Callable[[], object]
) -> None:
    """Those of one kind; for a front that also runs in the generic hook, twice."""
    for name, is_plain in ((table.table.name, False), (generic.plain(table.table).name, True)):
        if name not in tables:
            continue
        for place, image in images(table, lists, tables[name]):
            alive()
            program = loaded(image, place, table, lists, tables, is_plain, parts)
            tables[name].update(place.to_bytes(4, "little"), program.fd.to_bytes(4, "little"))


def images(table: RuleTable, lists: Lists, programs: Map) -> Iterator[tuple[int, Image]]:
    """What is to be loaded, and where: the front's second program first, if it is not there yet."""
    if programs.lookup(AFTER_RULES.to_bytes(4, "little")) is None:
        yield AFTER_RULES, table.after()
    for place, some in lists.items():
        yield place, xdp.rule_image(some, table.kind, place)


def loaded(
    image: Image, place: int, table: RuleTable, lists: Lists, tables: Mapping[str, Map], is_plain: bool, parts: ExitStack
) -> Program:
    """The program. Refused."""
    try:
        if is_plain:
            return generic.load(image, tables, parts)
        return parts.enter_context(programs.load(image, tables))
    except VerifierRefusal as refusal:
        if place == AFTER_RULES:
            raise
        raise Refused(place, xdp.culprit(lists[place], table.kind), refused(refusal)) from None


def opened(folder: Folder, tables: Sequence[Table], parts: ExitStack) -> dict[str, Map]:
    """The front's tables that programs need, as they are pinned. Missing."""
    found = {}
    for table in tables:
        if one := folder.open(table):
            found[table.name] = parts.enter_context(one)
        else:
            raise Missing(f"the table {table.name} is no longer pinned: restart the front")
        if table.kind == "prog_array" and (twin := folder.open(generic.plain(table))):
            found[twin.table.name] = parts.enter_context(twin)
    return found
