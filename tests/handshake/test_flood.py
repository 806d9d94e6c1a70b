"""Honest clients while a flood goes on. How fast is a matter of the bench; here it is that every one succeeds."""

from __future__ import annotations

import pytest

from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage
from hardtack.lab.clients import download, server_socket
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Options, Target
from hardtack.packet.reasons import Reason

FLOODS: list[tuple[Kind, Options]] = [("syn", "linux"), ("syn", "none"), ("ack", "none")]
RATE, SECONDS = 30_000, 2
ENOUGH = 1000  # frames that make a flood, however busy the machine


@pytest.mark.parametrize(("kind", "options"), FLOODS)
def test_every_honest_request_succeeds(stage: Stage, version: int, kind: Kind, options: Options) -> None:
    target = Target(ADDRESSES[version], TALK, stage.net.near.mac, stage.net.outside.mac)
    requests = 0
    with stage.counting() as seen, stage.events() as events:
        with flooding(stage.net.near, target, seconds=SECONDS, rate=RATE, kind=kind, options=options) as flood:
            while flood.process.returncode is None:
                assert server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]
                requests += 1
            download(stage.net.client, ADDRESSES[version], TALK, 1_000_000, timeout=PATIENCE)
            flood.wait(PATIENCE)
        requests += 1
    assert flood.frames > ENOUGH
    answered, admitted, _ = seen.cookies()
    assert (admitted, events["TcpPassiveOpens"]) == (requests, requests)
    assert events["TcpExtSyncookiesSent"] == events["TcpExtTCPReqQFullDrop"] == 0
    if kind == "syn":
        assert answered > ENOUGH
    else:
        assert answered == requests
        assert seen.front[Reason.not_syn] > ENOUGH
        assert seen.agent[Reason.bad_cookie] > ENOUGH
