"""The verifier takes the programs that the bench measures, which are the front with something more or less."""

from __future__ import annotations

import pytest
from kernel_ground import needs_root

from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench import handshakes, scale, steps

PROGRAMS = [handshakes.PROGRAM, scale.WHOLE, scale.LOOK_UP, *map(steps.cut, steps.NAMES)]


@needs_root
@pytest.mark.parametrize("source", PROGRAMS, ids=lambda source: source.name)
def test_the_verifier_takes_it(source: Source) -> None:
    with Datapath(compiled(source)) as datapath:
        assert datapath.program.verified > len(datapath.program.image.instructions) // 16, "half of it is walked, at least"
