"""Plans are values: made of a configuration and facts about a machine, without one."""

from __future__ import annotations

from typing import Any

import pytest

from hardtack.control.configuration.schema import Config
from hardtack.control.plan import Facts, Plan, planned, purposes, sites
from hardtack.kernel.tcp import Speech

MASTER = bytes(32)
MACHINE = Facts(Speech(("sack",), 9))
TUNNEL = Facts(Speech(), without_ethernet=frozenset(["tun0"]))


def configured(*hosts: dict[str, Any], **front: Any) -> Config:
    """Hosts by what is said of them; each has a name and an address."""
    written = [
        {"name": f"host{number}", "addresses": [f"192.0.2.{number}"], "handshake": "agent", "via": "kernel", **host}
        for number, host in enumerate(hosts, 1)
    ]
    return Config.model_validate({"front": {"interface": "eth0", "key_file": "key", **front}, "host": written})


def plan_of(*hosts: dict[str, Any], **front: Any) -> Plan:
    """On MACHINE."""
    config = configured(*hosts, **front)
    return planned(config, MACHINE, dict.fromkeys(config.key_files, MASTER))


@pytest.mark.parametrize(
    ("hosts", "front", "facts", "links"),
    [
        ([{}], {}, MACHINE, ["leaving-eth0/egress", "front-eth0/xdp"]),
        ([{}], {"inside": ["eth1"]}, MACHINE, ["inside-eth1/xdp", "front-eth0/xdp"]),
        ([{"via": "local"}], {"inside": ["eth1"]}, MACHINE, ["leaving-eth0/egress", "inside-eth1/xdp", "front-eth0/xdp"]),
        ([{}], {"inside": ["tun0"]}, TUNNEL, ["inside-tun0/ingress", "front-eth0/xdp"]),
        ([{}], {"interface": "tun0"}, TUNNEL, ["leaving-tun0/egress", "front-tun0/ingress"]),
    ],
)
def test_where_programs_are_to_be(
    hosts: list[dict[str, Any]], front: dict[str, Any], facts: Facts, links: list[str]
) -> None:
    """Those that watch first, the one that judges last."""
    config = configured(*hosts, **front)
    assert [f"{place.link}/{place.hook}" for place in planned(config, facts, {}).places] == links
    assert ("leaving" in purposes(config, facts)) == any("gress" in link for link in links)
    assert {site.interface for site in sites(config, facts.speech)} == {*config.front.uplinks, *config.front.inside}


def test_what_is_said_of_cookies_is_said_of_hosts_that_have_them() -> None:
    """Ports of others are no matter; without any such host nothing is said at all."""
    hosts = {"ports": [80]}, {"ports": [81], "handshake": "challenge", "via": "local"}, {"handshake": "pass"}
    (front,) = sites(configured(*hosts), MACHINE.speech)
    assert (front.role, front.ports, front.cookies) == ("front", frozenset({80}), True)
    (front,) = sites(configured(*hosts[1:]), MACHINE.speech)
    assert not front.cookies
    _, agent = sites(configured({"ports": [82], "via": "local"}, *hosts), MACHINE.speech)
    assert (agent.role, agent.ports) == ("agent", frozenset({82}))


def test_a_plan_knows_what_this_machine_promises_as_a_host() -> None:
    assert plan_of({}).promised is None
    assert plan_of({"via": "local"}).promised == MACHINE.speech.scale
    assert plan_of({"via": "local", "window_scale": 3}).promised == 3
