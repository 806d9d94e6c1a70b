"""Tables as maps of the real kernel."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_ground import image, needs_root, pin_directory, veth_pair

from hardtack.image import Reference, Table, TableKind
from hardtack.kernel import batches, links, maps, programs
from hardtack.kernel.assembly import CALL, MOV, op, op_map, returning
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import MismatchError

pytestmark = needs_root
ARRAY = Table("array", "array", 4, 12, 3)
HASH = Table("hash", "hash", 3, 5, 64)
COUNTERS = Table("counters", "percpu_array", 4, 12, 2)  # 12: the kernel makes 16 of it for each CPU


def number(value: int) -> bytes:
    return struct.pack("=I", value)


def test_array_holds_zeroes_then_what_was_written() -> None:
    with maps.create(ARRAY) as table:
        assert table.lookup(number(2)) == bytes(12)
        table.update(number(2), b"twelve bytes")
        assert table.lookup(number(2)) == b"twelve bytes"
        assert table.lookup(number(3)) is None
        assert list(table.items()) == [(number(0), bytes(12)), (number(1), bytes(12)), (number(2), b"twelve bytes")]


@pytest.mark.parametrize("kind", ["hash", "lru_hash"])
def test_hash_forgets_what_is_deleted(kind: str) -> None:
    with maps.create(Table("h", kind, 3, 5, 64)) as table:  # type: ignore[arg-type]
        assert table.lookup(b"key") is None
        table.update(b"key", b"value")
        assert table.lookup(b"key") == b"value"
        assert table.delete(b"key")
        assert not table.delete(b"key")
        assert list(table.items()) == []


def test_hash_says_when_it_is_full() -> None:
    with maps.create(Table("small", "hash", 1, 1, 1)) as table:
        table.update(b"a", b"1")
        with pytest.raises(BpfError, match="table small: the kernel refused BPF_MAP_UPDATE_ELEM"):
            table.update(b"b", b"2")


def test_lru_hash_is_never_full() -> None:
    with maps.create(Table("small", "lru_hash", 4, 4, 16)) as table:
        for n in range(200):
            table.update(number(n), number(n))
        assert 0 < len(list(table.keys())) <= 16


def test_update_flags() -> None:
    with maps.create(HASH) as table:
        with pytest.raises(BpfError) as absent:
            table.update(b"key", b"value", maps.EXIST)
        assert absent.value.errno == errno.ENOENT
        table.update(b"key", b"value", maps.NOEXIST)
        with pytest.raises(BpfError) as present:
            table.update(b"key", b"value", maps.NOEXIST)
        assert present.value.errno == errno.EEXIST


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 2**32 - 1)), max_size=40))
@settings(max_examples=50, deadline=None)
def test_hash_does_what_a_dict_does(steps: list[tuple[bool, int, int]]) -> None:
    twin: dict[bytes, bytes] = {}
    with maps.create(Table("twin", "hash", 4, 4, 16)) as table:
        for write, key, value in steps:
            if write:
                twin[number(key)] = number(value)
                table.update(number(key), number(value))
            else:
                assert table.delete(number(key)) == (twin.pop(number(key), None) is not None)
        assert dict(table.items()) == twin


def test_lpm_trie_finds_the_longest_prefix() -> None:
    def prefix(length: int, address: str) -> bytes:
        return struct.pack("=I", length) + socket.inet_aton(address)

    with maps.create(Table("prefixes", "lpm_trie", 8, 1, 8)) as table:
        table.update(prefix(8, "10.0.0.0"), b"a")
        table.update(prefix(16, "10.1.0.0"), b"b")
        assert table.lookup(prefix(32, "10.1.2.3")) == b"b"
        assert table.lookup(prefix(32, "10.2.2.3")) == b"a"
        assert table.lookup(prefix(32, "11.0.0.1")) is None
        assert dict(table.items()) == {prefix(8, "10.0.0.0"): b"a", prefix(16, "10.1.0.0"): b"b"}


def test_per_cpu_array_has_a_value_for_each_possible_cpu() -> None:
    with maps.create(COUNTERS) as table:
        assert table.lookup_all(number(0)) == [bytes(12)] * maps.possible_cpus()
        table.update(number(1), b"twelve bytes")
        assert table.lookup_all(number(1)) == [b"twelve bytes"] * maps.possible_cpus()
        assert table.lookup_all(number(2)) == []
        with pytest.raises(TypeError, match="lookup_all"):
            table.lookup(number(0))
    with maps.create(ARRAY) as table, pytest.raises(TypeError, match="use lookup"):
        table.lookup_all(number(0))


@pytest.mark.parametrize(("text", "count"), [("0\n", 1), ("0-1\n", 2), ("0-3,8-11,15\n", 9)])
def test_possible_cpus(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "possible").write_text(text)
    assert maps.possible_cpus(tmp_path / "possible") == count


def test_devmap_takes_interfaces() -> None:
    with veth_pair() as (left, _), maps.create(Table("out", "devmap", 4, 4, 2)) as table:
        table.update(number(1), number(left))
        assert table.lookup(number(1)) == number(left)
        assert table.lookup(number(0)) is None
        assert table.delete(number(1))
        with pytest.raises(BpfError):
            table.update(number(0), number(0x7FFFFFFF))


def test_xskmap_takes_af_xdp_sockets() -> None:
    with maps.create(Table("sockets", "xskmap", 4, 4, 2)) as table, socket.socket(44, socket.SOCK_RAW) as sock:
        sock.setsockopt(283, 2, 64)  # SOL_XDP, XDP_RX_RING: without a ring it cannot stand in the map
        table.update(number(1), number(sock.fileno()))
        assert table.delete(number(1))
        with pytest.raises(BpfError):
            table.update(number(0), number(0))  # not an AF_XDP socket


def test_prog_array_is_where_a_program_goes_on() -> None:
    with (
        maps.create(Table("next", "prog_array", 4, 4, 4)) as table,
        programs.load(image(returning(7)), {}) as seven,
        programs.load(image(returning(9)), {}) as nine,
        programs.load(image(tail_call(2), references=(Reference(0, "map", "next"),)), {"next": table}) as first,
    ):
        assert first.test_run(bytes(60)).verdict == 1  # nothing there: the call falls through
        for program in (seven, nine):
            table.update(number(2), number(program.fd))
            assert first.test_run(bytes(60)).verdict == (7 if program is seven else 9)
            assert table.lookup(number(2)) == number(program.id)
        assert table.delete(number(2))
        assert table.lookup(number(2)) is None
        assert first.test_run(bytes(60)).verdict == 1


def test_prog_array_takes_programs_of_one_kind() -> None:
    with (
        maps.create(Table("next", "prog_array", 4, 4, 4)) as table,
        programs.load(image(returning(2)), {}) as xdp,
        programs.load(image(returning(-1), "tcx"), {}) as tcx,
        programs.load(image(returning(2), flags=32), {}) as of_several_buffers,  # BPF_F_XDP_HAS_FRAGS
    ):
        table.update(number(0), number(xdp.fd))
        for other in (tcx, of_several_buffers):
            with pytest.raises(BpfError) as refused:
                table.update(number(1), number(other.fd))
            assert refused.value.errno == errno.EINVAL
        with pytest.raises(BpfError):
            table.update(number(4), number(xdp.fd))


def tail_call(place: int) -> bytes:
    """A program that goes on in table "next", and gives 1 if nothing is there."""
    code = op_map(2) + op(MOV, 3, value=place) + op(CALL, value=12)  # bpf_tail_call, whose first argument is the context
    return code + returning(1)


def test_wrong_sizes_are_told_before_the_kernel_reads_past_them() -> None:
    with maps.create(HASH) as table:
        with pytest.raises(ValueError, match="table hash takes keys of 3 bytes, not 4"):
            table.lookup(b"four")
        with pytest.raises(ValueError, match="table hash takes values of 5 bytes, not 4"):
            table.update(b"key", b"four")


@pytest.mark.parametrize(
    "table",
    [
        ARRAY,
        HASH,
        COUNTERS,
        Table("p", "lpm_trie", 8, 4, 8),
        Table("d", "devmap", 4, 4, 2),
        Table("n", "prog_array", 4, 4, 2),
    ],
)
def test_a_pinned_table_outlives_us_and_is_adopted(tmp_path: Path, table: Table) -> None:
    with pin_directory(tmp_path) as directory:
        with maps.create(table) as made:
            if table == HASH:
                made.update(b"key", b"value")
            made.pin(directory / "it")
        with maps.adopt(directory / "it", table) as adopted:
            if table == HASH:
                assert adopted.lookup(b"key") == b"value"


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(("kind", "at_once"), [("array", 100), ("percpu_array", 1), ("percpu_array", 1 << 20)])
def test_all_entries_are_read_many_in_a_call(
    monkeypatch: pytest.MonkeyPatch, kind: TableKind, at_once: int, batched: bool
) -> None:
    """Or one by one, as where an older kernel refuses it. Each once, in order."""
    monkeypatch.setattr(batches, "AT_ONCE", at_once)
    if not batched:
        monkeypatch.setattr(batches, "_batch", lambda *_: None)
    with maps.create(Table("many", kind, 4, 12, 37)) as table:
        for key in range(37):
            table.update(number(key), bytes([key]) * 12)
        each, padding = (maps.possible_cpus(), 4) if table.per_cpu else (1, 0)
        found = [*batches.entries(table)]
    assert [first for first, _ in found] == [*range(0, 37, max(1, at_once // ((12 + padding) * each)))]
    assert b"".join(some for _, some in found) == b"".join((bytes([key]) * 12 + bytes(padding)) * each for key in range(37))


def test_a_pinned_table_of_another_size_is_adopted_as_it_is(tmp_path: Path) -> None:
    with pin_directory(tmp_path) as directory:
        with maps.create(HASH) as made:
            made.pin(directory / "it")
        with maps.adopt(directory / "it", replace(HASH, entries=65)) as adopted:
            assert adopted.table == HASH


@pytest.mark.parametrize(
    "other",
    [
        Table("hash", "lru_hash", 3, 5, 64),
        Table("hash", "hash", 4, 5, 64),
        Table("hash", "hash", 3, 6, 64),
        Table("hash", "hash", 3, 5, 64, flags=maps.NO_PREALLOC),
    ],
)
def test_another_table_is_not_adopted(tmp_path: Path, other: Table) -> None:
    with pin_directory(tmp_path) as directory:
        with maps.create(HASH) as made:
            made.pin(directory / "it")
        with pytest.raises(MismatchError, match=r"it holds a hash .*another version; remove it with `rm .*it`"):
            maps.adopt(directory / "it", other)


def test_what_is_no_table_is_not_adopted(tmp_path: Path) -> None:
    with (
        pin_directory(tmp_path) as directory,
        veth_pair() as (left, _),
        programs.load(image(returning(2)), {}) as program,
        links.attach_xdp(program, left) as link,
    ):
        link.pin(directory / "link")
        with pytest.raises(MismatchError, match="is not a table"):
            maps.adopt(directory / "link", HASH)
        (directory / "link").unlink()


def test_pinning_troubles_are_explained(tmp_path: Path) -> None:
    with maps.create(HASH) as table, pytest.raises(BpfError, match="the path must be on a bpffs: mount"):
        table.pin(tmp_path / "it")
    with pin_directory(tmp_path) as directory, maps.create(HASH) as table:
        with pytest.raises(BpfError) as nothing:
            maps.adopt(directory / "nothing", HASH)
        assert nothing.value.errno == errno.ENOENT
        table.pin(directory / "it")
        with pytest.raises(BpfError, match="something is already pinned there"):
            table.pin(directory / "it")
