"""Tables of nftables, made, removed and read without its library.

linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h; numbers in attributes have the network's byte order.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Literal

from hardtack.kernel import netlink
from hardtack.kernel.netlink import ERROR, REQUEST, Attributes, attribute, attributes, opened

NETLINK_NETFILTER = 12
SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
BEGIN, END = 0x10, 0x11  # NFNL_MSG_BATCH_*
NEW_TABLE, DELETE_TABLE, NEW_CHAIN, GET_CHAIN, NEW_RULE, GET_RULE = 0, 2, 3, 4, 6, 7  # NFT_MSG_*
ACKNOWLEDGE, CREATE, APPEND = 4, 0x400, 0x800  # NLM_F_*
NESTED = 0x8000  # NLA_F_NESTED
OWNER, PERSIST = 2, 4  # NFT_TABLE_F_*: nobody else may change it while its socket is open; it stays when that closes
INPUT = 1  # NF_INET_LOCAL_IN
FAMILIES = {"inet": 1, "ip": 2, "ip6": 10}  # NFPROTO_*

Family = Literal["inet", "ip", "ip6"]
Message = tuple[int, int, int, bytes]  # type, flags, family, attributes


def table(family: Family, name: str, flags: int = 0) -> Message:
    """A new table, or one there is, adopted."""
    return NEW_TABLE, CREATE, FAMILIES[family], text(1, name) + number(2, flags)


def removal(family: Family, name: str) -> Message:
    """No table of this name any more."""
    return DELETE_TABLE, 0, FAMILIES[family], text(1, name)


def chain(family: Family, of: str, name: str, hook: int, priority: int) -> Message:
    """A new chain of filters at a hook."""
    where = nested(4, number(1, hook), number(2, priority))
    return NEW_CHAIN, CREATE, FAMILIES[family], text(1, of) + text(3, name) + where + text(7, "filter")


def rule(family: Family, of: str, where: str, *expressions: bytes) -> Message:
    """A new rule at the end of a chain."""
    body = text(1, of) + text(2, where) + nested(4, *expressions)
    return NEW_RULE, CREATE | APPEND, FAMILIES[family], body


def expression(name: str, *values: bytes) -> bytes:
    """One expression of a rule."""
    return nested(1, text(1, name), nested(2, *values))


def load(register: int, key: int) -> bytes:
    """`meta`: a fact about the packet (NFT_META_*) into a register."""
    return expression("meta", number(2, key), number(1, register))


def compare(register: int, wanted: bytes, *, equal: bool = True) -> bytes:
    """`cmp`: go on only if the register holds what is wanted, or anything else."""
    return expression("cmp", number(1, register), number(2, 0 if equal else 1), value(3, wanted))


def constant(register: int, content: bytes) -> bytes:
    """`immediate`: into a register."""
    return expression("immediate", number(1, register), value(2, content))


def value(kind: int, content: bytes) -> bytes:
    """An attribute that has data in it: NFTA_DATA_VALUE."""
    return nested(kind, attribute(1, content))


def number(kind: int, content: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(kind, struct.pack(">i", content) if content < 0 else struct.pack(">I", content))


def text(kind: int, content: str) -> bytes:
    """An attribute that is a name."""
    return attribute(kind, content.encode() + b"\0")


def nested(kind: int, *content: bytes) -> bytes:
    """An attribute of attributes."""
    return attribute(kind | NESTED, b"".join(content))


def change(kernel: socket.socket, messages: Sequence[Message]) -> None:
    """All of it at once, or nothing: OSError, the kernel's. `kernel`: of `ours()`; whoever owns a table keeps it open."""
    parts = [packed(BEGIN, 0, 0, b"", resource=SUBSYSTEM)]
    for kind, flags, family, body in messages:
        parts.append(packed(SUBSYSTEM << 8 | kind, flags | ACKNOWLEDGE, family, body))
    parts.append(packed(END, 0, 0, b"", resource=SUBSYSTEM))
    kernel.send(b"".join(parts))
    with suppress(BlockingIOError):  # all has been answered by now
        while True:
            for kind, answer in netlink.messages(kernel.recv(1 << 20, socket.MSG_DONTWAIT)):
                if kind == ERROR and any(answer[:4]):  # all 0: done
                    raise netlink.refused(answer)


def dump(kernel: socket.socket, kind: int, family: int = 0, body: bytes = b"") -> Iterator[tuple[int, Attributes]]:
    """The family and attributes of all there are of a kind. OSError."""
    for found in netlink.dump(kernel, SUBSYSTEM << 8 | kind, headed(family, body)):
        yield found[0], attributes(found[4:])


def ours() -> socket.socket:
    """A socket for tables of the network namespace that this thread is in."""
    return opened(NETLINK_NETFILTER)


def packed(kind: int, flags: int, family: int, body: bytes, resource: int = 0) -> bytes:
    """A message: struct nlmsghdr, struct nfgenmsg, attributes."""
    content = headed(family, body, resource)
    return struct.pack("=IHHII", 16 + len(content), kind, REQUEST | flags, 0, 0) + content


def headed(family: int, body: bytes, resource: int = 0) -> bytes:
    """Attributes behind their struct nfgenmsg."""
    return struct.pack("=BBH", family, 0, socket.htons(resource)) + body
