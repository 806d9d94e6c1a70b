"""Tunnels for tests: a tun device in each of two namespaces, and a thread that carries packets between them.

What comes in by a tun device begins with the IP header, as by WireGuard, GRE or IPIP. What comes in by a tap device has its
Ethernet header, and little room before it, as from most cards.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyroute2 import IPRoute

from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace

TUN, TAP, NO_PACKET_INFORMATION = 1, 2, 0x1000  # IFF_TUN, IFF_TAP, IFF_NO_PI: linux/if_tun.h
TUNSETIFF, TUNSETLINK = 0x400454CA, 0x400454CD
LONGEST = 65536


@contextmanager
def tunnel(first: Namespace, second: Namespace, mode: int = TUN) -> Iterator[tuple[Interface, Interface]]:
    """Both ends, up."""
    with tun(first, "tuna", mode=mode) as (one, near), tun(second, "tunb", mode=mode) as (other, far):
        bell, wire = socket.socketpair()
        carrier = threading.Thread(target=carry, args=({one: other, other: one}, bell), daemon=True)
        carrier.start()
        try:
            yield near, far
        finally:
            wire.close()
            carrier.join()
            bell.close()


def carry(ways: dict[int, int], bell: socket.socket) -> None:
    """Packets from each device to the other, until the bell rings."""
    while True:
        ready = select.select([*ways, bell.fileno()], [], [])[0]
        if bell.fileno() in ready:
            return
        for device in ready:
            os.write(ways[device], os.read(device, LONGEST))


@contextmanager
def tun(namespace: Namespace, name: str, kind: int | None = None, mode: int = TUN) -> Iterator[tuple[int, Interface]]:
    """A tun device, up: its descriptor and the interface. `kind`: the ARPHRD_* that it pretends to be."""

    def make() -> int:
        made = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(made, TUNSETIFF, struct.pack("16sH22x", name.encode(), mode | NO_PACKET_INFORMATION))
        if kind is not None:
            fcntl.ioctl(made, TUNSETLINK, kind)
        return made

    def raise_it() -> tuple[int, bytes]:
        with IPRoute() as kernel:
            index = kernel.link_lookup(ifname=name)[0]
            kernel.link("set", index=index, state="up")
            mac = kernel.link("get", index=index)[0].get("address") or ""
        return int(index), bytes.fromhex(mac.replace(":", ""))

    device = namespace.call(make)
    try:
        yield device, Interface(namespace, name, *namespace.call(raise_it))
    finally:
        os.close(device)
