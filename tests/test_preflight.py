"""What a configuration meets on this machine: in a network namespace that has what each case wants, judged by the text."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from kernel_ground import needs_root, veth_pair
from pyroute2 import IPRoute

from hardtack.control import preflight
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.ways import ways
from hardtack.kernel.routes import LOCAL, Routing
from hardtack.keys import make_key

pytestmark = needs_root

FRONT = '[front]\ninterface = "{interface}"\nkey_file = "key"\n'
HOST = '[[host]]\nname = "{name}"\naddresses = ["{address}"]\nports = [80]\nhandshake = "agent"\nvia = "{via}"\n'


@pytest.fixture
def left() -> Iterator[int]:
    """A namespace with left and right, where left has addresses and a network behind it; nothing is forwarded."""
    with veth_pair() as (left, _), IPRoute() as kernel:
        for address, length in (("192.0.2.1", 24), ("2001:db8::1", 64)):
            kernel.addr("add", index=left, address=address, prefixlen=length, flags=0x02)  # IFA_F_NODAD
        with Routing() as routing:  # an address of IPv6 takes effect once the link has come up
            own = ip_address("2001:db8::1").packed
            while not ((route := routing.route(own)) and route.kind == LOCAL):
                time.sleep(0.05)
        yield left


def config(*hosts: tuple[str, str, str], interface: str = "left", folder: Path = Path()) -> Config:
    """With hosts as (name, address, via)."""
    told = "".join(HOST.format(name=name, address=address, via=via) for name, address, via in hosts)
    return read(FRONT.format(interface=interface) + told, folder / "x.toml")


def forward(on: bool) -> None:
    for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        (Path("/proc/sys/net") / setting).write_text(str(int(on)))


def test_nothing_stands_in_the_way(left: int) -> None:
    forward(True)
    hosts = [("a", "192.0.2.9", "kernel"), ("b", "2001:db8::9", "direct"), ("c", "192.0.2.1", "local")]
    assert [*ways(config(*hosts))] == []


def test_routes(left: int) -> None:
    forward(True)
    hosts = [
        *(("a", "198.51.100.1", "kernel"), ("b", "2001:db8:1::1", "direct"), ("c", "192.0.2.1", "kernel")),
        *(("d", "192.0.2.77", "local"), ("e", "2001:db8::1", "local")),
    ]
    assert [str(finding) for finding in ways(config(*hosts))] == [
        "no route to 198.51.100.1 (a), 2001:db8:1::1 (b): ip route add ADDRESS via GATEWAY",
        "this machine itself has 192.0.2.1 (c): "
        'write via = "local" if this machine is the host, else remove the address from it',
        'this machine does not have 192.0.2.77 (d): add the address, or write another via than "local"',
    ]


def test_forwarding(left: int) -> None:
    forward(False)
    hosts = [("a", "192.0.2.9", "kernel"), ("b", "2001:db8::9", "direct"), ("c", "192.0.2.1", "local")]
    assert [str(finding) for finding in ways(config(*hosts))] == [
        "net.ipv4.ip_forward is 0, but Linux must forward to a: sysctl -w net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding is 0, but Linux must forward to b: sysctl -w net.ipv6.conf.all.forwarding=1",
    ]


def test_interfaces(left: int) -> None:
    own = ("c", "192.0.2.1", "local")
    assert [str(finding) for finding in ways(config(own, interface="lo"))] == [
        "lo carries no traffic from other machines: name the interface that faces the clients"
    ]
    with IPRoute() as kernel:
        (right,) = kernel.link_lookup(ifname="right")
        kernel.link("set", index=right, state="down")
        assert [finding.name for finding in ways(config(own))] == ["no-carrier"]
        kernel.link("set", index=left, state="down")
        assert next(map(str, ways(config(own)))) == "left is down: ip link set left up"


def test_all_that_is_lacking_at_once(left: int, tmp_path: Path) -> None:
    """In the words of `check` and of `front`, which are the same."""
    wanted = config(("a", "192.0.2.9", "kernel"), interface="none0", folder=tmp_path)
    interface, key = preflight.notes(wanted)
    assert re.fullmatch("no interface none0 here; there are: (left, right|right, left)", interface)
    what = "no such key file; copy it from another front or agent, or create the first one: "
    assert key.startswith(f"{tmp_path}/key: {what}")
    with pytest.raises(preflight.Unfit) as refused:
        preflight.require(wanted)
    assert (str(refused.value).splitlines(), refused.value.status) == (preflight.notes(wanted), 2)
    make_key(tmp_path / "key")
    preflight.require(config(("a", "192.0.2.9", "kernel"), folder=tmp_path))
