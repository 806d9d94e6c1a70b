"""Classic BPF that somebody else has sent: what libpcap's own validator refuses is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardtack.control.helper.loading import load, packed, request, unpacked
from hardtack.packet.rule_tables import AFTER_RULES, MOST_PROGRAMS, RULE_PROGRAMS
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import checked, compile

GOOD = compile("tcp dst port 80 or vlan 5")
RETURN = Instruction(6, 0, 0, 1)
BAD = {
    "nothing": (),
    "no end": (Instruction(0x20, 0, 0, 12),),
    "a jump beyond the end": (Instruction(0x15, 9, 0, 1), RETURN),
    "a cell that there is not": (Instruction(0x60, 0, 0, 16), RETURN),
    "no instruction": (Instruction(0xE0, 0, 0, 0), RETURN),
    "a division by 0": (Instruction(0x34, 0, 0, 0), RETURN),
    "a number that is too large": (Instruction(0x15, 256, 0, 1), RETURN),
    "Linux's own extensions": (Instruction(0x20, 0, 0, 0xFFFFF000), RETURN),
    "too much": (RETURN,) * 5000,
}


def test_what_a_compiler_has_made_is_taken() -> None:
    assert unpacked(packed(GOOD)) == GOOD


@pytest.mark.parametrize("code", BAD.values(), ids=BAD.keys())
def test_what_none_has_made_is_refused(code: tuple[Instruction, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        checked(replace(GOOD, code=code))


def test_what_is_not_even_numbers() -> None:
    with pytest.raises(ValueError, match=r"frames of another kind"):
        unpacked({**packed(GOOD), "link": "token ring"})


@pytest.mark.parametrize("interface", ["../front-1-eth0", "..", ".", "", "a/b", "a-name-that-is-too-long"])
def test_a_front_names_no_folder_but_its_own(interface: str) -> None:
    with pytest.raises(ValueError, match="no name of an interface"):
        load(interface, request({}, {}), lambda: None)


@pytest.mark.parametrize("place", [-1, AFTER_RULES, MOST_PROGRAMS])
def test_a_front_puts_lists_where_lists_are(place: int) -> None:
    with pytest.raises(ValueError, match="no place of a list"):
        load("eth0", request({RULE_PROGRAMS.name: {place: [GOOD]}}, {}), lambda: None)
