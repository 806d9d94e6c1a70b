"""Other programs at the hook where the agent is: of strangers, who let nobody run behind them, and a second agent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from naive.frames import ACK, FIN, PSH

from handshake.counted import folder_of, pinned
from handshake.raw import Peer, Wire
from handshake.stage import TALK, Stage, agent_command, front_command, refusal
from hardtack.agent.image import agent_image
from hardtack.image import Image
from hardtack.kernel import links, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.links import Link
from hardtack.lab.links import Interface
from hardtack.packet.layout import CLOCK, KEYS
from hardtack.packet.reasons import Reason

TCX_PASS = 0  # to the network stack, past all that are behind


def stranger(interface: Interface, flags: int = 0) -> Link:
    """Somebody's program at ingress that ends the chain."""
    image = Image("stranger", "tcx", returning(TCX_PASS), (), (), (), "")
    with programs.load(image, {}) as program:
        return interface.namespace.call(links.attach, program, interface.index, links.DIRECTIONS["ingress"], flags, "stranger")


@contextmanager
def second_agent(stage: Stage) -> Iterator[Datapath]:
    """The same program, with the same keys, put there by force."""
    far, role = stage.net.far, "front" if stage.net.is_local else "agent"
    with ExitStack() as parts:
        shared = {table.name: parts.enter_context(pinned(far, table, role)) for table in (KEYS, CLOCK)}  # type: ignore[arg-type]
        made = parts.enter_context(Datapath(agent_image(), shared))
        far.namespace.call(made.attach_tcx, far.index)
        yield made


@pytest.mark.parametrize("flags", [ACK | PSH, ACK | PSH | FIN], ids=["data", "data and FIN"])
def test_two_agents_send_nothing_round_and_round(stage: Stage, wire: Wire, version: int, flags: int) -> None:
    with second_agent(stage), stage.counting() as seen:
        peer = Peer(wire, version, TALK)
        peer.syn()
        wire.send(peer.frame(flags, b"info\n"))
        assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    assert seen.agent[Reason.behind] <= 1
