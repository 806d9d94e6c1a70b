"""Programs on interfaces of a namespace made for the purpose."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_ground import image, needs_root, pin_directory, veth_pair
from pyroute2 import IPRoute

from hardtack.image import Table
from hardtack.kernel import links, maps, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.interfaces import find
from hardtack.kernel.maps import MismatchError
from hardtack.kernel.programs import Program

pytestmark = needs_root
DROP, PASS, NEXT, SHOT = 1, 2, -1, 2  # XDP's, XDP's, tcx's, tcx's
ETHERTYPE = 0x88B5  # for local experiments: nothing on a machine answers it


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    with veth_pair() as indices:
        yield indices


def xdp(verdict: int, name: str = "test") -> Program:
    return programs.load(image(returning(verdict), name=name), {})


def tcx(verdict: int) -> Program:
    return programs.load(image(returning(verdict), "tcx"), {})


def passes() -> bool:
    """Whether a frame sent into left arrives at right."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)) as sender,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)) as receiver,
    ):
        sender.bind(("left", 0))
        receiver.bind(("right", ETHERTYPE))
        receiver.settimeout(0.3)
        try:
            sender.send(b"\xff" * 6 + bytes(6) + ETHERTYPE.to_bytes(2, "big") + bytes(46))
            return len(receiver.recv(100)) == 60
        except OSError:  # nothing came in time; or ENOBUFS: dropped on its way out
            return False


@pytest.mark.parametrize("mode", ["driver", "generic"])
def test_xdp_is_attached_while_the_link_lives(pair: tuple[int, int], mode: links.Mode) -> None:
    assert passes()
    with xdp(DROP) as program, links.attach_xdp(program, pair[1], mode) as link:
        assert not passes()
        assert (link.ifindex, link.program_id) == (pair[1], program.id)
        assert (find("right").attached, find("right").program) == (mode, program.id)
    assert find("right").attached == ""
    assert passes()


def test_update_puts_another_program_in_its_place(pair: tuple[int, int]) -> None:
    with xdp(DROP) as first, xdp(PASS) as second, links.attach_xdp(first, pair[1]) as link:
        assert not passes()
        link.update(second)
        assert passes()
        assert link.program_id == second.id
        link.update(first)
        assert not passes()


def test_tcx_ingress_attaches_updates_and_goes(pair: tuple[int, int]) -> None:
    with tcx(NEXT) as lets_by, tcx(SHOT) as drops, links.attach_tcx(drops, pair[1]) as link:
        assert link.ifindex == pair[1]
        assert link.program_id == drops.id
        link.update(lets_by)
        assert link.program_id == lets_by.id


def test_tcx_egress_stops_what_goes_out(pair: tuple[int, int]) -> None:
    with tcx(SHOT) as drops, links.attach_tcx(drops, pair[0], "egress"):
        assert not passes()
    assert passes()


def test_several_tcx_programs_share_an_interface(pair: tuple[int, int]) -> None:
    with (
        tcx(NEXT) as first,
        tcx(NEXT) as second,
        links.attach_tcx(first, pair[1]) as one,
        links.attach_tcx(second, pair[1]) as two,
    ):
        assert one.program_id != two.program_id


def test_a_second_xdp_program_is_told_who_is_there(pair: tuple[int, int]) -> None:
    with (
        xdp(PASS, "incumbent") as first,
        xdp(PASS) as second,
        links.attach_xdp(first, pair[1]),
        pytest.raises(BpfError) as refused,
    ):
        links.attach_xdp(second, pair[1])
    assert refused.value.errno == errno.EBUSY
    assert "\n" not in str(refused.value)
    assert f'program "incumbent" (id {first.id}) is attached to right by link' in str(refused.value)
    assert "bpftool link detach id" in str(refused.value)


def test_a_program_without_a_link_is_told_of_too(pair: tuple[int, int]) -> None:
    with xdp(PASS, "incumbent") as first, xdp(PASS) as second, IPRoute() as kernel:
        kernel.link("set", index=pair[1], xdp_fd=first.fd)
        with pytest.raises(BpfError, match=r'"incumbent".*ip link set dev right xdp off'):
            links.attach_xdp(second, pair[1])


@pytest.mark.parametrize(
    "attach", [lambda: links.attach_xdp(xdp(PASS), 4711), lambda: links.attach_tcx(tcx(NEXT), 4711)]
)
def test_no_such_interface(pair: tuple[int, int], attach: object) -> None:
    with pytest.raises(BpfError, match="no such interface in this network namespace"):
        attach()  # type: ignore[operator]


def test_a_driver_without_xdp(pair: tuple[int, int]) -> None:
    with xdp(PASS) as program, pytest.raises(BpfError, match="the driver of lo has no native XDP support: use generic mode"):
        links.attach_xdp(program, 1)


def test_an_mtu_too_large_for_one_page(pair: tuple[int, int]) -> None:
    with IPRoute() as kernel:
        for index in pair:
            kernel.link("set", index=index, mtu=9000)
    with xdp(PASS) as program, pytest.raises(BpfError, match="ip link set right mtu"):
        links.attach_xdp(program, pair[1])


def test_a_pinned_link_outlives_us_and_is_adopted(pair: tuple[int, int], tmp_path: Path) -> None:
    with pin_directory(tmp_path) as directory:
        with xdp(DROP) as program, links.attach_xdp(program, pair[1]) as link:
            link.pin(directory / "link")
        assert not passes()
        with links.adopt(directory / "link") as adopted, xdp(PASS) as other:
            assert adopted.ifindex == pair[1]
            adopted.update(other)
            assert passes()
            (directory / "link").unlink()
        assert find("right").attached == ""


def test_what_is_no_link_is_not_adopted(tmp_path: Path) -> None:
    with pin_directory(tmp_path) as directory, maps.create(Table("xdp", "array", 4, 4, 1)) as table:
        table.pin(directory / "table")
        with pytest.raises(MismatchError, match="is not an XDP or tcx link: remove it with `rm"):
            links.adopt(directory / "table")
