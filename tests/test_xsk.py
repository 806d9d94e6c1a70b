"""AF_XDP sockets as the kernel gives them, and what is said when it does not. On veths of a namespace of their own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kernel_ground import needs_root, veth_pair

from hardtack.kernel import xsk
from hardtack.kernel.queues import Queues, queues_of
from hardtack.kernel.umem import Umem, frame_size_for
from hardtack.kernel.xsk import BusyPolling, Sizes, XskError, open_socket

pytestmark = needs_root

SMALL = Sizes(64, 64, 64, 64)
# As root without the right to pin memory, or as somebody else
CHILD = """
import resource, sys
from hardtack.kernel.umem import Umem
from hardtack.kernel.xsk import Sizes, open_socket
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
try:
    open_socket(Umem(1024), "lo", 0, Sizes())
except Exception as error:
    print(error)
"""


@pytest.fixture(scope="module")
def _place() -> Iterator[None]:
    with veth_pair():
        yield


def test_a_socket_has_the_rings_it_was_asked_for(_place: None) -> None:
    with Umem(256) as umem, open_socket(umem, "left", 0, SMALL) as one:
        assert {kind: ring.entries for kind, ring in one.rings.items()} == dict.fromkeys(one.rings, 64)
        assert [ring.indices() for ring in one.rings.values()] == [(0, 0)] * 4
        assert not one.zero_copy  # veth cannot
        assert one.statistics() == xsk.Statistics(0, 0, 0, 0, 0, 0)
        one.poll_busily(BusyPolling())


def test_sockets_share_umem_over_queues_and_interfaces(_place: None) -> None:
    only_sends = Sizes(0, 64, 64, 64)
    with (
        Umem(256) as umem,
        open_socket(umem, "left", 0, SMALL) as first,
        open_socket(umem, "right", 0, only_sends, first) as other,
        open_socket(umem, "right", 0, Sizes(0, 64, 0, 0), other) as third,
    ):
        assert (set(other.rings), set(third.rings)) == ({xsk.TX, xsk.FILL, xsk.COMPLETION}, {xsk.TX})


def test_its_queue_is_free_when_it_is_closed(_place: None) -> None:
    for _ in range(2):
        with Umem(64) as umem, open_socket(umem, "left", 0, SMALL):
            pass


@pytest.mark.parametrize(
    ("interface", "queue", "sizes", "said"),
    [
        ("nowhere", 0, SMALL, "AF_XDP on nowhere, queue 0: the kernel refused it: No such device; no such interface"),
        ("left", 7, SMALL, "AF_XDP on left, queue 7: the kernel refused to bind it: Invalid argument; is there such"),
        ("left", 0, Sizes(3), "AF_XDP on left, queue 0: the kernel refused its rings: Invalid argument; sizes are powers"),
    ],
)
def test_mistakes_are_told(_place: None, interface: str, queue: int, sizes: Sizes, said: str) -> None:
    with Umem(64) as umem, pytest.raises(XskError) as refusal:
        open_socket(umem, interface, queue, sizes)
    assert str(refusal.value).startswith(said)


def test_a_queue_that_somebody_has(_place: None) -> None:
    said = pytest.raises(XskError, match="another AF_XDP socket has this queue: stop its process")
    with Umem(64) as umem, Umem(64) as other, open_socket(umem, "left", 0, SMALL), said:
        open_socket(other, "left", 0, SMALL)


def test_a_driver_without_zero_copy(_place: None) -> None:
    with Umem(64) as umem, socket.socket(xsk.AF_XDP, socket.SOCK_RAW) as kernel:
        xsk.register(kernel, umem, "here")
        rings = xsk.make_rings(kernel, SMALL, "here")
        with pytest.raises(XskError, match="refused zero-copy mode: Operation not supported; its driver cannot do this"):
            xsk.bind(kernel, "left", 0, None, xsk.ZERO_COPY)
        assert len(rings) == 4


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["setpriv", "--bounding-set=-ipc_lock"], "a process may lock 64 KiB of memory: set LimitMEMLOCK=infinity"),
        (["setpriv", "--reuid=65534", "--clear-groups"], "run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"),
    ],
)
def test_without_the_rights(command: list[str], said: str) -> None:
    ran = subprocess.run([*command, sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert said in ran.stdout


def test_queues_are_counted(_place: None) -> None:
    assert queues_of("left") == Queues(1, 1)


@pytest.mark.parametrize(("mtu", "size"), [(1500, 2048), (1770, 2048), (1771, 4096), (3818, 4096), (3819, 0), (9000, 0)])
def test_frames_are_as_large_as_the_mtu_wants(mtu: int, size: int) -> None:
    assert frame_size_for(mtu) == size
