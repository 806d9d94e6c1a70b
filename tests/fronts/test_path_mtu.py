"""A link on the way carries less than both ends believe: the ICMP error that says so comes through, and is heeded.

 home                     client                  site
+--------+  1500    1400 +----------+
|   .2   +---------------+ .1       |  as in lab/site.py
+--------+               +----------+
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from handshake.stage import PATIENCE, TALK

from fronts.running import Value, agent, configuration, counting, front
from fronts.town import WAYS, Town
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, FRONT_TWO, SECOND, SERVER, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import download, upload
from hardtack.lab.counters import tcp_events
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

HOME, GATE = ("203.0.113.2", "2001:db8:2::2"), ("203.0.113.1", "2001:db8:2::1")
HOMES = ("203.0.113.0/24", "2001:db8:2::/64")
FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
NARROW = 1400  # bytes of an IP packet
SIZE = 300_000
TABLE = "77"  # of routes


@pytest.fixture(scope="module")
def home(place: Town) -> Iterator[Namespace]:
    """A client behind the client, which is a router meanwhile."""
    site = place.site
    home = site.lab.namespace("home")
    door, gate = site.lab.join(home, site.client)
    door.add_addresses(*with_length(HOME, 24, 64))
    gate.add_addresses(*with_length(GATE, 24, 64))
    gate.set_mtu(NARROW)
    for key in FORWARDING:
        site.client.sysctl(key, 1)
    for gateway in GATE:
        door.add_routes("default", via=gateway)
    for outside in (site.one.outside, site.two.outside):
        for homes, client in zip(HOMES, CLIENT, strict=True):
            outside.add_routes(homes, via=client)
    yield home
    for key in FORWARDING:
        site.client.sysctl(key, 0)


@pytest.mark.parametrize("name", WAYS)
def test_errors_reach_the_host(place: Town, home: Namespace, name: str, version: int) -> None:
    """Also where its `default` drops what is not TCP."""
    way = place.way(name, version)
    forget_paths(way.host)
    with counting(way.outside) as seen:
        download(home, way.address, TALK, SIZE, timeout=PATIENCE)
    assert seen[Reason.icmp_error] > 0


@pytest.mark.parametrize("name", ["kernel", "direct", "mac"])
def test_errors_that_come_by_another_front_reach_the_host(place: Town, home: Namespace, name: str, version: int) -> None:
    """It knows nothing of the connection, and drops what is not TCP; but the error quotes a protected port."""
    way, two = place.way(name, version), place.site.two
    forget_paths(way.host)
    with errors_by(place.site.client, FRONT_TWO[version == 6]), counting(two.outside) as seen:
        download(home, way.address, TALK, SIZE, timeout=PATIENCE)
    assert seen[Reason.icmp_quote] > 0 and seen[Reason.connection] == 0


@contextmanager
def errors_by(client: Namespace, gateway: str) -> Iterator[None]:
    """What the client has to say of packets takes another way than they do."""
    family, protocol = ("-6", "ipv6-icmp") if ":" in gateway else ("-4", "icmp")
    commands = (
        ["route", "add", "default", "via", gateway, "table", TABLE],
        ["rule", "add", "ipproto", protocol, "table", TABLE],
        ["rule", "del", "ipproto", protocol, "table", TABLE],
        ["route", "flush", "table", TABLE],
    )
    for number, command in enumerate(commands):
        if number == 2:
            yield
        done = run(["ip", family, *command], client)
        assert done.returncode == 0, done.stderr


def forget_paths(host: Namespace) -> None:
    """What its kernel has learned of the MTU of paths, for its other addresses, too."""
    for family in ("-4", "-6"):
        assert run(["ip", family, "route", "flush", "cache"], host).returncode == 0


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """The link to the host is the narrow one, and the front does not know: it tells clients of its own MSS."""
    folder = tmp_path_factory.mktemp("narrow")
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(attach(net.near, PASS))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        for end in (net.inside, net.far):
            end.set_mtu(NARROW)
        hosts: list[dict[str, Value]] = [
            {"name": "kernel", "addresses": SERVER, "via": "kernel"},
            {"name": "direct", "addresses": SECOND, "via": "direct"},
        ]
        settings = configuration(folder, net.outside, hosts, inside=[net.inside.name])
        parts.enter_context(agent(net.far, folder))
        parts.enter_context(front(net.outside, settings))
        yield net


@pytest.mark.parametrize("addresses", [SERVER, SECOND], ids=["kernel", "direct"])
def test_errors_reach_the_client(narrow: Topology, addresses: tuple[str, str], version: int) -> None:
    """What is too large to go straight goes to the kernel, whose error it is."""
    errors = "Icmp6OutPktTooBigs" if version == 6 else "IcmpOutDestUnreachs"
    before = tcp_events(narrow.front)[errors]
    upload(narrow.client, addresses[version == 6], TALK, SIZE, timeout=PATIENCE)
    assert tcp_events(narrow.front)[errors] > before
