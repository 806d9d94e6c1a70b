"""An image's references filled in: map descriptors, BTF ids of kernel functions, places of members of kernel structures.

linux/bpf.h, BPF_PSEUDO_*
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from hardtack.image import Image, ImageError, Reference
from hardtack.kernel.btf import BtfError, function_ids
from hardtack.kernel.maps import Map
from hardtack.kernel.structures import member_places

LOAD, CALL = 0x18, 0x85  # opcodes: BPF_LD | BPF_IMM | BPF_DW, which is two instructions long; BPF_JMP | BPF_CALL
NUMBER, MAP_FD, MAP_VALUE, KFUNC = 0, 1, 2, 2  # what the source register field then means
FORMS = {
    "map": (LOAD, MAP_FD),
    "value": (LOAD, MAP_VALUE),
    "size": (LOAD, NUMBER),
    "kfunc": (CALL, KFUNC),
    "field": (LOAD, NUMBER),
}


def fill(image: Image, maps: Mapping[str, Map]) -> bytes:
    """The image's instructions, ready to load. ImageError: a table is missing; BtfError: a kfunc or a member is."""
    code = bytearray(image.instructions)
    kfuncs, places = find_kfuncs(image), find_members(image)
    for reference in image.references:
        opcode, source = form(image, reference)
        at = reference.index * 8
        if code[at] != opcode:
            raise ImageError(f"program {image.name}: instruction {reference.index} cannot refer to {reference.name}")
        code[at + 1] = code[at + 1] & 0x0F | source << 4
        if reference.kind == "kfunc":
            struct.pack_into("=hi", code, at + 2, 0, kfuncs[reference.name])  # 0: not a module's
            continue
        if reference.kind == "field":
            struct.pack_into("=i4xi", code, at + 4, places[reference.name], 0)
            continue
        if reference.name not in maps:
            raise ImageError(f"program {image.name} refers to table {reference.name}, which it was not given")
        if reference.kind == "size":
            struct.pack_into("=i4xi", code, at + 4, maps[reference.name].table.value_size, 0)
            continue
        struct.pack_into("=i", code, at + 4, maps[reference.name].fd)
        if reference.kind == "map":
            struct.pack_into("=i", code, at + 12, 0)  # of a value, this is the offset: it stays
    return bytes(code)


def form(image: Image, reference: Reference) -> tuple[int, int]:
    """The opcode that can hold such a reference, and what marks it."""
    if reference.kind not in FORMS or not 0 <= reference.index < len(image.instructions) // 8:
        raise ImageError(f"program {image.name}: bad reference {reference}")
    return FORMS[reference.kind]


def find_kfuncs(image: Image) -> dict[str, int]:
    """The BTF ids of the kernel functions it calls; BTF is read only if there are any."""
    names = {reference.name for reference in image.references if reference.kind == "kfunc"}
    if not names:
        return {}
    ids = function_ids(names)
    if missing := ", ".join(sorted(names - ids.keys())):
        raise BtfError(f"program {image.name} needs {missing}, which this kernel lacks: use a newer kernel")
    return ids


def find_members(image: Image) -> dict[str, int]:
    """Where the members of kernel structures that it reads lie; BTF is read only if there are any."""
    paths = {reference.name for reference in image.references if reference.kind == "field"}
    if not paths:
        return {}
    try:
        return member_places(paths)
    except BtfError as error:
        raise BtfError(f"program {image.name}: {error}") from None
