"""Clients that are containers of this machine leave checksums to their veth: what the front sends on has them whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest
from handshake.counted import pinned
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.running import write
from fronts.straight import ADDRESSES, straight
from hardtack.image import ONLY
from hardtack.lab.clients import connect, download, upload
from hardtack.lab.topology import Topology
from hardtack.packet.layout import OUTSIDE, Outside

SIZE = 1_000_000
ways = pytest.mark.parametrize("way", ADDRESSES)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with straight(tmp_path_factory.mktemp("straight")) as made:
        made.near.features(tx_checksum=True, gso=True)
        assert eventually(lambda: record(made)["unfinished"] == 1, PATIENCE)
        yield made


def record(net: Topology) -> np.void:
    """What the front's program has of its interface."""
    with pinned(net.outside, OUTSIDE) as table:
        found: np.void = np.frombuffer(table.lookup(ONLY) or b"", Outside).copy()[0]
        return found


@ways
def test_transfers_are_whole(net: Topology, way: str, version: int) -> None:
    upload(net.client, ADDRESSES[way][version == 6], TALK, SIZE, timeout=PATIENCE)
    download(net.client, ADDRESSES[way][version == 6], TALK, SIZE, timeout=PATIENCE)


@pytest.mark.parametrize("size", [0, 1, 1000, 1400])
def test_datagrams_arrive_by_the_switch(net: Topology, version: int, size: int) -> None:
    """Past the kernel, too."""
    family, to = (socket.AF_INET6 if version == 6 else socket.AF_INET), ADDRESSES["mac"][version == 6]
    with net.server.call(socket.socket, family, socket.SOCK_DGRAM) as there:
        there.settimeout(PATIENCE)
        there.bind((to, 0))
        with net.client.call(socket.socket, family, socket.SOCK_DGRAM) as here:
            here.sendto(b"x" * size, there.getsockname()[:2])
        assert there.recv(2000) == b"x" * size


@ways
def test_if_nobody_finished_them_nothing_would_arrive(net: Topology, way: str, version: int) -> None:
    """The control: the host's kernel throws them away."""
    before = record(net)
    without = before.copy()
    without["unfinished"] = 0
    write(net.outside, OUTSIDE, without.tobytes())
    try:
        with connect(net.client, ADDRESSES[way][version == 6], TALK, timeout=PATIENCE) as client:
            client.settimeout(0.3)
            client.sendall(b"info\n")
            with pytest.raises(TimeoutError):
                client.recv(100)
            write(net.outside, OUTSIDE, before.tobytes())
            client.settimeout(PATIENCE)
            assert client.recv(100)
    finally:
        write(net.outside, OUTSIDE, before.tobytes())
