"""Admitted segments that the kernel parts from their request, and an nftables table that sends them once more, round `lo`.

Where any NAT rule is active, its hook behind the input filters compares a socket's port with that of the connection that
conntrack knows (nf_nat_proto.c: nf_nat_inet_port_was_mangled). The request that the agent's program gives a segment has no
port yet, so the hook takes the socket for a wrong one, and the segment would come to TCP without it and be reset. So a chain
behind that hook looks for such segments: marked by the program, and without a request. It sends a copy to lo, which
conntrack does not follow (nf_dup_ipv4.c) and the hook therefore leaves alone; there the same program admits it. The segment
itself goes on without a flag: conntrack confirms the connection, and TCP drops it in silence (RFC 9293 3.10.7).

By then all filters have seen the segment where it came in, and as conntrack knows it: none is passed by.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address

from hardtack.diagnosis.finding import Finding
from hardtack.diagnosis.telling import warn
from hardtack.kernel import nftables
from hardtack.kernel.nftables import Family, Message
from hardtack.packet.host.round_lo import LOOPBACK, mark_of

BEHIND_NAT = 101  # NF_IP_PRI_NAT_SRC is 100
META_PRIORITY, META_INTERFACE = 2, 4  # NFT_META_PRIORITY, NFT_META_IIF
SOCKET_MARK = 1  # NFT_SOCKET_MARK: requests have none, and the rule ends there
TRANSPORT, FLAGS_AT, CHECKSUM_AT, INTERNET = 2, 12, 16, 1  # NFT_PAYLOAD_*: base, places in the TCP header, kind of checksum
WITHOUT_FLAGS = b"\xf0\x00"  # of the header's length, which is to stay, and the flags
GATEWAYS: dict[Family, str] = {"ip": "127.0.0.1", "ip6": "::1"}
FIRST, SECOND = 1, 2  # registers: NFT_REG_1, NFT_REG_2
CHAIN = "behind-nat"
REMEDY = (
    "while any NAT rule is active on this host, its clients are reset; remove such rules, or `modprobe -a nf_tables "
    "nft_socket nft_dup_ipv4 nft_dup_ipv6` and restart the agent"
)


def name_of(interface: str) -> str:
    """The table's name, of an agent on this interface."""
    return f"hardtack-{interface}"


@contextmanager
def rounds(interface: str) -> Iterator[None]:
    """The table is there; while we are, nobody else removes it, and it stays when we have gone. OSError: not possible here.

    It takes the place of one that was left, at once.
    """
    name, flags, mark = name_of(interface), nftables.OWNER | nftables.PERSIST, mark_of(socket.if_nametoindex(interface))
    messages: list[Message] = []
    for family, gateway in GATEWAYS.items():
        there = nftables.table(family, name, flags)
        messages += [there, nftables.removal(family, name), there]
        messages.append(nftables.chain(family, name, CHAIN, nftables.INPUT, BEHIND_NAT))
        messages.append(nftables.rule(family, name, CHAIN, *once_more(mark, ip_address(gateway).packed)))
    with nftables.ours() as kernel:
        nftables.change(kernel, messages)
        yield


@contextmanager
def rounds_or_warning(interface: str) -> Iterator[None]:
    """The same, but where it is not possible, that is said."""
    with ExitStack() as parts:
        try:
            parts.enter_context(rounds(interface))
        except OSError as error:
            what = f"{interface}: this kernel refuses the nftables table that loops segments through lo ({error.strerror})"
            warn(Finding("no-rounds", what, REMEDY))
        yield


def once_more(mark: int, gateway: bytes) -> Iterator[bytes]:
    """Marked, not from lo, no request: a copy to lo, and no flag."""
    yield nftables.load(FIRST, META_PRIORITY)
    yield nftables.compare(FIRST, struct.pack("=I", mark))
    yield nftables.load(FIRST, META_INTERFACE)
    yield nftables.compare(FIRST, struct.pack("=I", LOOPBACK), equal=False)
    yield nftables.expression("socket", nftables.number(1, SOCKET_MARK), nftables.number(2, FIRST))
    yield nftables.expression("counter")
    yield nftables.constant(FIRST, gateway)
    yield nftables.constant(SECOND, struct.pack("=I", LOOPBACK))
    yield nftables.expression("dup", nftables.number(1, FIRST), nftables.number(2, SECOND))
    yield payload(nftables.number(1, FIRST))
    same = nftables.number(1, FIRST) + nftables.number(2, FIRST) + nftables.number(3, len(WITHOUT_FLAGS))
    yield nftables.expression("bitwise", same, nftables.value(4, WITHOUT_FLAGS), nftables.value(5, bytes(2)))
    yield payload(nftables.number(5, FIRST) + nftables.number(6, INTERNET) + nftables.number(7, CHECKSUM_AT))


def payload(how: bytes) -> bytes:
    """`payload`: the header's length and the flags, to or from a register."""
    where = nftables.number(2, TRANSPORT) + nftables.number(3, FLAGS_AT) + nftables.number(4, len(WITHOUT_FLAGS))
    return nftables.expression("payload", how, where)


def remove(interface: str) -> None:
    """No such table any more, if the kernel lets us, and there is one."""
    for family in GATEWAYS:
        with suppress(OSError), nftables.ours() as kernel:
            nftables.change(kernel, [nftables.removal(family, name_of(interface))])
