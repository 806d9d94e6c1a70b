"""What the kernel says of connections that are open: its sockets, and conntrack, whatever NAT makes of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest
from handshake.firewall import rules
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually, needs_root

from hardtack.kernel import conntrack, sockets
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, FRONT, INSIDE, SERVER
from hardtack.lab.clients import connect
from hardtack.lab.namespaces import Namespace
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology

pytestmark = needs_root
TRANSLATED = 8088
# What comes for the front's own address goes to the server; what the server opens, leaves as the front's
NAT = f"""
table inet some {{
    chain in {{ type nat hook prerouting priority dstnat;
        ip daddr {FRONT[0]} tcp dport {TRANSLATED} dnat ip to {SERVER[0]}:{TALK}
        ip6 daddr {FRONT[1]} tcp dport {TRANSLATED} dnat ip6 to [{SERVER[1]}]:{TALK}
    }}
    chain out {{ type nat hook postrouting priority srcnat;
        ip saddr {SERVER[0]} masquerade
        ip6 saddr {SERVER[1]} masquerade
    }}
}}
"""
Known = set[tuple[str, int, str, int]]  # the other end, its port; this one's


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """A router between client and server."""
    with topology.routed() as made, talker(made.server, SERVER, [TALK]):
        yield made


def readable(names: list[bytes]) -> Known:
    """As one reads them."""
    return {(text(one[:16]), port(one[32:34]), text(one[16:32]), port(one[34:])) for one in names}


def text(packed: bytes) -> str:
    found = ip_address(packed)
    return str(getattr(found, "ipv4_mapped", None) or found)


def port(packed: bytes) -> int:
    return int.from_bytes(packed, "big")


def in_conntrack(namespace: Namespace) -> Known:
    """All that it knows there."""
    return readable(namespace.call(lambda: [*conntrack.names()]))


def of_sockets(namespace: Namespace) -> Known:
    """Likewise."""
    return readable(namespace.call(lambda: [*sockets.names()]))


def called(session: socket.socket) -> tuple[str, int]:
    """Its own end."""
    address, number, *_ = session.getsockname()
    return str(address), int(number)


def test_sockets_of_both_families_at_both_ends(net: Topology) -> None:
    with ExitStack() as parts:
        made = [parts.enter_context(connect(net.client, address, TALK, timeout=PATIENCE)) for address in SERVER]
        expected = {(*called(one), address, TALK) for one, address in zip(made, SERVER, strict=True)}
        assert expected <= of_sockets(net.server)
        turned = {(there, of, here, ours) for here, ours, there, of in expected}
        assert turned <= of_sockets(net.client)
    assert eventually(lambda: not expected & of_sockets(net.server), PATIENCE)


def test_a_socket_for_both_families_is_called_by_what_is_on_the_wire(net: Topology) -> None:
    def listening() -> socket.socket:
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    with net.server.call(listening) as every:
        number = every.getsockname()[1]
        with connect(net.client, SERVER[0], number, timeout=PATIENCE) as session, every.accept()[0]:
            assert (*called(session), SERVER[0], number) in of_sockets(net.server)


def test_conntrack_knows_both_ends_as_their_frames_come_in(net: Topology) -> None:
    assert not net.front.call(conntrack.is_there)
    with rules(net.front, NAT), ExitStack() as parts:
        for version, (front, server, client) in enumerate(zip(FRONT, SERVER, CLIENT, strict=True)):
            session = parts.enter_context(connect(net.client, front, TRANSLATED, timeout=PATIENCE))
            session.sendall(b"echo\n")
            found = in_conntrack(net.front)
            assert (*called(session), front, TRANSLATED) in found, "as the client calls it"
            assert (server, TALK, *called(session)) in found, "as the server does"

            family = socket.AF_INET6 if version else socket.AF_INET
            listener = parts.enter_context(net.client.call(socket.create_server, (client, 0), family=family))
            number = listener.getsockname()[1]
            outward = parts.enter_context(connect(net.server, client, number, timeout=PATIENCE, source=server))
            accepted, seen = listener.accept()
            parts.enter_context(accepted)
            assert seen[0] == front
            found = in_conntrack(net.front)
            assert (client, number, front, seen[1]) in found, "as the one who is called answers, to the front's address"
            assert (*called(outward), client, number) in found
        assert net.front.call(conntrack.is_there)
        assert INSIDE[0] not in {end for one in found for end in one}


def test_conntrack_knows_nothing_of_what_is_no_connection(net: Topology) -> None:
    """A SYN that nobody answers, datagrams, and a connection that was reset."""
    with rules(net.front, NAT), ExitStack() as parts:
        datagram = parts.enter_context(net.client.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM))
        datagram.sendto(b"hello", (SERVER[0], TALK))
        asking = parts.enter_context(net.client.call(socket.socket))
        asking.setblocking(False)
        asking.connect_ex((SERVER[0].rpartition(".")[0] + ".77", TALK))  # nobody's
        reset = parts.enter_context(connect(net.client, SERVER[0], TALK, timeout=PATIENCE))
        ends = called(reset)
        assert eventually(lambda: (*ends, SERVER[0], TALK) in in_conntrack(net.front), PATIENCE)
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        assert eventually(lambda: (*ends, SERVER[0], TALK) not in in_conntrack(net.front), PATIENCE)
        assert all(called(asking) != one[:2] and called(datagram) != one[:2] for one in in_conntrack(net.front))


def test_where_there_is_none(tmp_path: Path) -> None:
    count = tmp_path / "count"
    assert not conntrack.is_there(count)
    count.write_text("0\n")
    assert not conntrack.is_there(count)
    count.write_text("3\n")
    assert conntrack.is_there(count)
