"""The table of what is local: as the kernel's routes say, whenever they change."""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator

import pytest
from kernel_ground import needs_root, veth_pair
from pyroute2 import IPRoute

from hardtack.agent.locals import Locals, key_of, local_keys
from hardtack.kernel import maps
from hardtack.kernel.maps import Map
from hardtack.packet.layout import LOCALS

pytestmark = needs_root
OLD, NEW = bytes.fromhex("c0000202"), bytes.fromhex("20010db8" + "00" * 11 + "02")  # 192.0.2.2, 2001:db8::2
NO_DAD = 0x02  # IFA_F_NODAD


@pytest.fixture
def left() -> Iterator[tuple[int, IPRoute]]:
    """An interface, and who changes it."""
    with veth_pair() as (index, _), IPRoute() as kernel:
        yield index, kernel


@pytest.fixture
def table() -> Iterator[Map]:
    """As the program reads it."""
    with maps.create(LOCALS) as made:
        yield made


def holds(table: Map, address: bytes) -> bool:
    """Whether the program would find an address."""
    return table.lookup(key_of(8 * len(address), address, old=len(address) == 4)) is not None


def test_addresses_that_come_and_go(left: tuple[int, IPRoute], table: Map) -> None:
    index, kernel = left
    with Locals(table) as followed:
        followed.write()
        assert not holds(table, OLD) and not holds(table, NEW)
        for command in ("add", "del"):
            kernel.addr(command, index=index, address="192.0.2.2", prefixlen=24)
            kernel.addr(command, index=index, address="2001:db8::2", prefixlen=64, flags=NO_DAD)
            while select.select([followed], [], [], 0.2)[0]:
                followed.follow()
            assert holds(table, OLD) == holds(table, NEW) == (command == "add")
    assert not holds(table, bytes.fromhex("c0000203"))


def test_networks_and_tables_of_their_own(left: tuple[int, IPRoute], table: Map) -> None:
    _, kernel = left
    kernel.link("set", index=1, state="up")
    kernel.route("add", family=2, dst="198.51.100.0/24", type="local", scope=254, oif=1, table=255)
    kernel.route("add", family=10, dst="2001:db8:7::/48", type="local", oif=1, table=77)
    kernel.route("add", family=2, dst="203.0.113.0/24", type="blackhole")
    with Locals(table) as followed:
        followed.write()
        assert holds(table, bytes.fromhex("c6336463")) and holds(table, bytes.fromhex("20010db80007" + "11" * 10))
        assert not holds(table, bytes.fromhex("cb007105"))
        assert holds(table, bytes([127, 1, 2, 3]))


def test_there_may_be_thousands(left: tuple[int, IPRoute]) -> None:
    """More than one answer of the kernel's holds."""
    _, kernel = left
    for number in range(2000):
        kernel.route("add", family=2, dst=f"10.0.{number >> 8}.{number & 255}/32", type="local", scope=254, oif=1, table=255)
    assert sum(key.startswith(struct.pack("=I", 128)) for key in local_keys()) >= 2000
