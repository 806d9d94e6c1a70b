"""Ids of kernel functions, against a twin that reads every record."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from kernel_ground import image

from hardtack.image import Line
from hardtack.kernel import btf, lineinfo
from hardtack.kernel.assembly import returning
from hardtack.kernel.btf import BtfError

needs_btf = pytest.mark.skipif(not btf.readable(), reason="this kernel shows no BTF")


def every_function(path: Path) -> dict[str, int]:
    """The twin: name and id of every function."""
    data = path.read_bytes()
    _, _, _, header, types, size, strings, _ = struct.unpack_from("=HBBIIIII", data)
    found, at, number = {}, header + types, 1
    while at < header + types + size:
        name, info, _ = struct.unpack_from("=III", data, at)
        kind, members = info >> 24 & 31, info & 0xFFFF
        if kind == 12:
            start = header + strings + name
            found[data[start : data.index(b"\0", start)].decode()] = number
        at += 12 + {1: 4, 3: 12, 14: 4, 17: 4}.get(kind, 0)
        at += members * {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}.get(kind, 0)
        number += 1
    return found


@needs_btf
def test_same_ids_as_the_twin() -> None:
    twin = every_function(btf.VMLINUX)
    names = random.Random(2).sample(sorted(twin), 200)
    assert btf.function_ids(names) == {name: twin[name] for name in names}


@needs_btf
def test_a_function_the_kernel_lacks_is_left_out() -> None:
    found = btf.function_ids(["no_such_function_anywhere", "tcp_v4_rcv"])
    assert list(found) == ["tcp_v4_rcv"]
    assert btf.function_ids(["tcp_sock", ""]) == {}  # a struct, not a function


def test_a_small_blob(tmp_path: Path) -> None:
    blob, _ = lineinfo.encode(image(returning(2), lines=(Line(0, "a.py", 1, 1, "return PASS"),), name="decide"))
    (tmp_path / "btf").write_bytes(blob)
    assert btf.function_ids(["decide", "other"], tmp_path / "btf") == {"decide": lineinfo.FUNCTION}


@pytest.mark.parametrize("content", [None, b"", b"not BTF, whatever its length may be", b"\x9f\xeb" + bytes(5)])
def test_no_btf_is_told_in_a_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "btf").write_bytes(content)
    with pytest.raises(BtfError, match="btf") as error:
        btf.function_ids(["decide"], tmp_path / "btf")
    assert "\n" not in str(error.value)
    assert not btf.readable(tmp_path / "btf")
