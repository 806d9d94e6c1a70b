"""XDP programs as the kernel's generic hook takes them well: of frames of one buffer only. It brings frames into one.

For a program that takes several it copies nearly every frame instead (skb_pp_cow_data), and the copy has forgotten how long
its Ethernet header is (mac_len): tc then sees a frame that begins with IP, and that cannot come in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from hardtack.image import Image, Table
from hardtack.kernel import maps, programs
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program

HAS_FRAGS = 32  # BPF_F_XDP_HAS_FRAGS


def load(image: Image, tables: Mapping[str, Map], parts: ExitStack) -> Program:
    """The program of `image` for the generic hook, with these tables as they are now filled. Raises what programs.load does.

    Tables of devices are copied: they take programs of one kind only (bpf_prog_map_compatible). Tables of programs have a
    twin among the tables: `plain`.
    """
    own = {}
    for table in image.tables:
        if table.kind == "devmap":
            own[table.name] = parts.enter_context(maps.create(tables[table.name].table))
            for key, value in tables[table.name].items():
                own[table.name].update(key, value)
        elif table.kind == "prog_array":
            own[table.name] = tables[plain(table).name]
    return parts.enter_context(programs.load(of_one_buffer(image), {**tables, **own}))


def of_one_buffer(image: Image) -> Image:
    """The same program, for frames of one buffer only."""
    return replace(image, flags=image.flags & ~HAS_FRAGS)


def plain(table: Table) -> Table:
    """The table of programs that the generic hook's take in the place of this one."""
    return replace(table, name=f"{table.name}_plain")
