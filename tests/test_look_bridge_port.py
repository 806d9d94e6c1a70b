"""An agent on a bridge's port is refused; on the bridge itself, and on ports of a bond, it is not."""

from __future__ import annotations

import pytest
from kernel_ground import needs_root, veth_pair
from pyroute2 import IPRoute

from hardtack.diagnosis.bridge_port import bridge_port
from hardtack.diagnosis.finding import Role, Site
from hardtack.diagnosis.looks import findings
from hardtack.diagnosis.telling import Hopeless, tell

pytestmark = needs_root
TEXT = (
    "left is a bridge port (bridge), where an agent's clients are reset: run the agent on the bridge interface "
    "itself, which has the address"
)


def said(interface: str, role: Role = "agent") -> list[tuple[str, str, bool]]:
    return [(one.name, str(one), one.fatal) for one in findings(Site(role, interface), [bridge_port])]


def test_only_the_port_of_a_bridge_is_no_place() -> None:
    with veth_pair() as (left, _), IPRoute() as kernel:
        assert said("left") == said("nowhere") == []
        kernel.link("add", ifname="switch", kind="bridge")
        kernel.link("set", index=left, master=kernel.link_lookup(ifname="switch")[0])
        assert said("left") == [("bridge-port", TEXT, True)]
        with pytest.raises(Hopeless, match="left is a bridge port"):
            tell(Site("agent", "left"))
        assert said("left", "front") == said("switch") == said("right") == []
