"""The xdp engine: the packet program in the kernel, in the network driver where it can be."""

from __future__ import annotations

from hardtack.compiler import objects
from hardtack.kernel import interfaces
from hardtack.kernel.datapath import Datapath
from hardtack.packet.programs import FRONT


def open_front() -> Datapath:
    """The front's program and tables in the kernel, nothing attached yet. Mistake if the kernel refuses them."""
    return Datapath(objects.compiled(FRONT))


def attach_front(datapath: Datapath, interface: str) -> str:
    """From now on the program sees what comes in by `interface`. Why not in its driver, if not; else "".

    Mistake if it cannot be attached at all.
    """
    return datapath.attach_xdp(interfaces.find(interface).index)
