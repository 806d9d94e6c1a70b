"""A front that has lost what it knew."""

from __future__ import annotations

from handshake.counted import pinned
from handshake.returning import Client, is_syn_ack
from handshake.stage import Stage
from hardtack.packet.layout import TAGS


def forget(stage: Stage) -> None:
    """The front knows no connection any more, as when many others came."""
    with pinned(stage.net.outside, TAGS) as table:
        table.memory()[:] = bytes(len(table.memory()))


def open_unknown(stage: Stage, new: Client) -> None:
    """The front has forgotten the last connection when its SYN comes; again if the host's FIN has taught it just then."""
    forget(stage)
    while not is_syn_ack(answer := new.ask_for_it()):
        forget(stage)
    new.take(answer)
