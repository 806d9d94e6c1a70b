"""Records and tables: as the kernel has them, as both sides write them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardtack.agent.locals import key_of
from hardtack.agent.waiting import NUMBERS
from hardtack.compiler.target import BOUNDS
from hardtack.image import Table
from hardtack.kernel import btf, structures
from hardtack.packet import layout
from hardtack.packet.entries import KEY_SLOTS, ONLY, clock_entry, keys_entry
from hardtack.packet.host import admit, again, place, round_lo
from hardtack.packet.layout import Clock, Keys
from hardtack.packet.reasons import FRONT_REASONS, REASONS, Reason, Verdict, verdict
from hardtack.packet.records import Attributes, Passage, Tuple4, Tuple6
from hardtack.packet.rule_tables import POSITION

needs_btf = pytest.mark.skipif(not btf.readable(), reason="this kernel shows no BTF")


def offset(record: np.dtype[np.void], name: str) -> int:
    """Where a field lies in a record, in bytes."""
    assert record.fields is not None
    return record.fields[name][1]


# A member of a structure of the kernel's, and where we think it is
MEMBERS = {
    **{f"bpf_tcp_req_attrs.{name}": offset(Attributes, name) for name in Attributes.names or () if name != "reserved"},
    "bpf_tcp_req_attrs.reserved": 17,
    "bpf_sock_tuple.ipv4.saddr": offset(Tuple4, "addresses"),
    "bpf_sock_tuple.ipv4.daddr": offset(Tuple4, "addresses") + 4,
    "bpf_sock_tuple.ipv4.sport": offset(Tuple4, "ports"),
    "bpf_sock_tuple.ipv4.dport": offset(Tuple4, "ports") + 2,
    "bpf_sock_tuple.ipv6.saddr": offset(Tuple6, "source_high"),
    "bpf_sock_tuple.ipv6.daddr": offset(Tuple6, "destination_high"),
    "bpf_sock_tuple.ipv6.sport": offset(Tuple6, "ports"),
    "bpf_sock_tuple.ipv6.dport": offset(Tuple6, "ports") + 2,
    "bpf_sock.state": admit.STATE,
    "bpf_sock.src_ip4": place.SOURCE_4,
    "bpf_sock.src_ip6": place.SOURCE_6,
    "xdp_md.data": BOUNDS["xdp"][0],
    "xdp_md.data_end": BOUNDS["xdp"][1],
    "__sk_buff.data": BOUNDS["tcx"][0],
    "__sk_buff.data_end": BOUNDS["tcx"][1],
    "__sk_buff.len": 0,
    "__sk_buff.ifindex": again.INTERFACE,
    "__sk_buff.tc_index": again.MARK,
    "__sk_buff.priority": round_lo.PRIORITY,
}


def test_rule_programs_write_where_the_front_reads() -> None:
    assert offset(Passage, "position") == POSITION and Passage["position"].itemsize == 4


@needs_btf
def test_the_kernels_structures_are_as_we_think() -> None:
    assert structures.member_places(MEMBERS) == MEMBERS


def test_sizes_that_the_kernel_is_told() -> None:
    assert Attributes.itemsize == 20  # sizeof(struct bpf_tcp_req_attrs); it refuses any other
    assert (admit.TUPLE_4_SIZE, admit.TUPLE_6_SIZE) == (4 + 4 + 2 + 2, 16 + 16 + 2 + 2)  # what a look-up takes
    assert Tuple4.itemsize >= admit.TUPLE_4_SIZE and Tuple6.itemsize >= admit.TUPLE_6_SIZE


TABLES = {name: table for name, table in vars(layout).items() if isinstance(table, Table)}
# A table of one entry is called as its record is; of the others each entry is one
SIZES = {name: getattr(layout, name.capitalize(), np.dtype("u4")).itemsize for name in TABLES} | {
    "BUDGETS": layout.Budget.itemsize,
    "SHARES": layout.Share.itemsize,
    "CONNECTIONS": layout.Connection.itemsize,
    "MARKS": layout.Mark.itemsize,
    "PREFIXES": layout.Prefix.itemsize,
    "ASKED_FOR": layout.Asked.itemsize,
    "AGENT_COUNTERS": layout.AgentCounters.itemsize,
    "EXPLAINED": layout.Flow.itemsize,
}
KEY_SIZES = {"WAITING": 40, "LOCALS": 20}  # bytes; of others a number
RECORDS = {name: record for name, record in vars(layout).items() if isinstance(record, np.dtype)}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_large_as_its_record(name: str) -> None:
    table, size = TABLES[name], SIZES[name]
    named, keyed = name.lower().removeprefix("agent_").removesuffix("_for"), KEY_SIZES.get(name, len(ONLY))
    assert (table.name, table.key_size, table.value_size) == (named, keyed, size)


def test_what_the_agents_process_reads_and_writes() -> None:
    assert NUMBERS.size == layout.Waiting.itemsize and layout.Waiter.itemsize == KEY_SIZES["WAITING"]
    assert len(key_of(32, b"", old=True)) == KEY_SIZES["LOCALS"]


@pytest.mark.parametrize("name", RECORDS)
def test_every_word_lies_at_an_even_address(name: str) -> None:
    """The compiler promises LLVM natural alignment, and new() makes records of whole words."""
    for field, (kind, where, *_) in (RECORDS[name].fields or {}).items():
        assert where % kind.base.alignment == 0, field


def test_every_reason_has_a_counter() -> None:
    assert layout.AgentCounters.itemsize == 16 * REASONS and max(Reason) < REASONS and len({*Reason}) == len(Reason)
    assert layout.Counters.itemsize == 16 * FRONT_REASONS
    assert {verdict(reason) for reason in Reason if reason >= FRONT_REASONS} == {Verdict.PASS}  # the agent's


schedules = st.dictionaries(st.integers(0, 2**40), st.binary(min_size=16, max_size=16), max_size=10)


@given(schedules, schedules)
@settings(max_examples=100, deadline=None)
def test_keys_are_written_as_they_are_read(schedule: dict[int, bytes], others: dict[int, bytes]) -> None:
    """Of two epochs for one slot the last written stays; slots without a key name no epoch there is, and have no old key."""
    old = others | {epoch: key[::-1] for epoch, key in schedule.items() if epoch % 2}
    slots = np.frombuffer(keys_entry(schedule.items(), old.items()), Keys)[0]["slots"]
    assert len(slots) == KEY_SLOTS
    held = {epoch % KEY_SLOTS: epoch for epoch in schedule}
    for number, slot in enumerate(slots):
        epoch = held.get(number)
        if epoch is None:
            assert slot["epoch"] > 2**56 and not slot["old"]
            continue
        assert (slot["epoch"], struct.pack("<QQ", slot["low"], slot["high"])) == (epoch, schedule[epoch])
        assert bool(slot["old"]) == (epoch in old)
        assert struct.pack("<QQ", slot["old_low"], slot["old_high"]) == old.get(epoch, bytes(16))


def test_a_connection_is_one_cache_line() -> None:
    """What it costs in all: 64 bytes and a tag, in two thirds of the places."""
    assert layout.Connection.itemsize == 64 and layout.Tags.itemsize == layout.WAYS


@given(st.integers(-(2**63), 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_clock_is_written_as_it_is_read(offset_ns: int, still_ns: int) -> None:
    written = np.frombuffer(clock_entry(offset_ns, still_ns), Clock)
    assert len(written) == 1 and (int(written[0]["offset_ns"]) - offset_ns) % 2**64 == 0
    assert int(written[0]["still_ns"]) == still_ns
    assert clock_entry(offset_ns) == clock_entry(offset_ns, 0)
