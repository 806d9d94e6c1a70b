"""The small world that the tables of frames and the generated frames are about: hosts, keys, a moment."""

from __future__ import annotations

from naive.cookie import EPOCH, epoch, keys
from naive.decide import Host, mapped
from naive.frames import packed

MASTER = bytes(range(32))
NOW = 1_763_800_000_345  # ms; the moment of cookie.md's vectors, epoch 27559375
EPOCH_NOW = epoch(NOW)
EPOCH_BEGINS = EPOCH_NOW * EPOCH
# Two epochs either side, and the first of all, which a vector uses; each in a slot of its own (epoch modulo 64).
KEYS = keys(MASTER, [0, *range(EPOCH_NOW - 2, EPOCH_NOW + 3)])

WEB, ANY_PORT, EDGES = "192.0.2.10", "10.0.0.2", "203.0.113.255"
WEB6, ANY_PORT6 = "2001:db8::2", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
HOSTS = {
    mapped(packed(WEB)): Host(frozenset({80, 443}), 1460),
    mapped(packed(ANY_PORT)): Host(None, 1400),
    mapped(packed(EDGES)): Host(frozenset({1, 65535}), 536),
    mapped(packed(WEB6)): Host(frozenset({80}), 1440),
    mapped(packed(ANY_PORT6)): Host(None, 8940),
}
PROTECTED4, PROTECTED6 = (WEB, ANY_PORT, EDGES), (WEB6, ANY_PORT6)
