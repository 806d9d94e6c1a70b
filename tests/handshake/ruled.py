"""Rules where a front is in no driver: in the generic hook, or at tcx. The second host has them, the first has none."""

from __future__ import annotations

from pathlib import Path

from fronts.datagrams import MANY, delivered

from handshake.stage import PATIENCE, SECOND_ADDRESSES, TALK, Stage
from hardtack.lab.clients import download, server_socket, upload
from hardtack.packet.reasons import Reason

SIZE = 300_000  # bytes
DROPPED, PLAIN, LIMITED = 9100, 9101, 9110  # ports of datagrams; each test has a limit of its own
PASSED, DRY = 21_000, 21_001  # ports of clients
RULES = [
    f"drop udp and dst port {DROPPED}",
    *(f"limit 1/s udp and dst port {LIMITED + number}" for number in range(2)),
    f"pass tcp and src port {PASSED}",
    f"dry drop tcp and src port {DRY}",
    "limit 1M/s per source tcp",
]


def with_rules(configuration: Path) -> None:
    """Give them to the second host."""
    first, second = configuration.read_text().split('name = "all-ports"\n')
    rules = ", ".join(f'"{rule}"' for rule in RULES)
    configuration.write_text(f'{first}name = "all-ports"\nrules = [{rules}]\n{second}')


def check_rules(stage: Stage, version: int) -> None:
    """They drop, limit, let pass, and what is protected behind them is; the dry one only counts."""
    net, address, limited = stage.net, SECOND_ADDRESSES[version], LIMITED + (version == 6)
    with stage.counting() as seen:
        arrived = [delivered(net.client, net.server, address, port) for port in (DROPPED, limited, PLAIN)]
    within = seen.front[Reason.rule_within]
    assert 1 <= within < MANY and seen.front[Reason.rule_limit] == MANY - within
    assert (arrived, seen.front[Reason.rule_drop]) == ([0, within, MANY], MANY)
    with stage.counting() as seen:
        for port in (0, DRY):
            facts = server_socket(net.client, address, TALK, source_port=port, timeout=PATIENCE)
            assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
        upload(net.client, address, TALK, SIZE, timeout=PATIENCE)
        download(net.client, address, TALK, SIZE, timeout=PATIENCE)
    assert (*seen.cookies(), seen.front[Reason.remembered]) == (4, 4, 0, 4)
    with stage.counting() as seen:
        server_socket(net.client, address, TALK, source_port=PASSED, timeout=PATIENCE)
    assert seen.front[Reason.rule_pass] >= 3 and not seen.front[Reason.answered]
