from __future__ import annotations
import pytest
from handshake.raw import Peer, wired
from handshake.stage import TALK
from naive.frames import ACK
from fronts.running import counts
from fronts.town import Town
from handshake.counted import folder_of

def test_loop(place: Town) -> None:
    site = place.site
    bad = 0
    for name in ("local", "kernel"):
        way = place.way(name, 4)
        router = site.two if name == "local" else site.one
        with wired(site.seen_by(router)) as wire:
            for n in range(150):
                before = counts(way.outside)
                ab = counts(way.outside, owner="agent-") if name == "local" else counts(way.arrival, "agent")
                peer = Peer(wire, 4, TALK, to=way.address)
                peer.syn()
                peer.send(ACK)
                peer.send(ACK | 8, b"info\n")
                try:
                    wire.wait_for(lambda d: (m := peer._mine(d)) is not None and m.payload.endswith(b"}\n"), 1, timeout=3)
                    peer.leave()
                except TimeoutError:
                    bad += 1
                    aa = counts(way.outside, owner="agent-") if name == "local" else counts(way.arrival, "agent")
                    print(name, n, [ (h.flags, h.payload[:20]) for h in peer.heard()], counts(way.outside) - before, aa - ab)
                    peer.leave()
        print(name, "bad", bad)
