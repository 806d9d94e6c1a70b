"""The af_xdp engine over tables and links that are pinned: what outlives its process, the next start adopts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from af_xdp_ground import INSIDE_PLACE, Ground, carries, fill, ground, sizes
from kernel_ground import needs_root, pin_directory

from hardtack.compiler.objects import compiled
from hardtack.engines.af_xdp import Engine, Wanted, all_tables, jumps, outliving
from hardtack.engines.xdp import CONNECTIONS
from hardtack.kernel import pins
from hardtack.kernel.pins import Folder, link_name
from hardtack.kernel.standing import Place, Standing
from hardtack.lab.addresses import THIRD
from hardtack.lab.topology import Topology
from hardtack.packet.layout import COUNTERS, Counters
from hardtack.packet.programs import STEER
from hardtack.packet.worker_records import of_workers

pytestmark = needs_root
WORKER_COUNTERS = of_workers(COUNTERS)


def standing(folder: Folder) -> Standing:
    """Tables and programs, some of them adopted."""
    sized = sizes()
    return Standing(
        folder,
        [compiled(STEER)],
        lasting=(CONNECTIONS, (WORKER_COUNTERS.name,)),
        sizes=sized,
        also=(*all_tables(), *outliving(sized, 1)),
        jumps=jumps(),
    )


@contextmanager
def process(net: Topology, folder: Folder) -> Iterator[Standing]:
    """What a front's process does from its start to its end."""
    outside = net.outside.name
    made = net.front.call(standing, folder)
    fill(net, made.tables, anew="connections" not in made.adopted)
    net.front.call(made.attach, [Place(link_name("front", outside), STEER.name, outside, "xdp")])
    made.keep()
    engine = net.front.call(Engine, made.tables, Wanted({0: outside}, {INSIDE_PLACE: net.inside.name}), attach=False)
    try:
        net.front.call(engine.start)
        yield made
    finally:
        engine.close()
        made.close()


def counted(made: Standing) -> int:
    """Frames that workers have judged, ever."""
    return int(np.frombuffer(made.tables[WORKER_COUNTERS.name].memory(), Counters)["tallies"][:, 0::2].sum())


def test_the_next_start_has_what_the_last_one_had(tmp_path: Path) -> None:
    with ground() as place, pin_directory(tmp_path) as root, ExitStack() as parts:
        folder = place.net.front.call(pins.folder, "front", place.net.outside.name, root / "hardtack")
        parts.callback(folder.remove)
        with process(place.net, folder) as first:
            client, server = parts.enter_context(place.connection(THIRD[0]))
            assert carries(client, server) and not first.adopted
            judged = counted(first)
        assert carries(client, server)  # by way of the kernel
        with process(place.net, folder) as second:
            assert second.adopted == {*CONNECTIONS, WORKER_COUNTERS.name}
            assert Ground(place.net, second.tables).knows(THIRD[0], client.getsockname()[1])
            assert counted(second) >= judged > 0
            assert carries(client, server) and carries(server, client)
            assert counted(second) > judged
