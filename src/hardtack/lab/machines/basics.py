"""What can be told without a network: what doctor says, and whether the verifier takes the programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from hardtack.compiler import objects
from hardtack.image import Image
from hardtack.kernel.datapath import Datapath
from hardtack.lab.machines.ground import START
from hardtack.lab.machines.outcomes import Outcome, Result
from hardtack.lab.process import run
from hardtack.mistake import Mistake
from hardtack.packet.programs import SHIPPED
from hardtack.prebuilt import FOLDER


def doctor() -> Iterator[Result]:
    """Good: enough for a front and an agent; answered: for a front."""
    done = run([sys.executable, "-P", "-m", "hardtack", "doctor", "--json"], None, timeout=START)
    told = json.loads(done.stdout)
    enough = told["enough_for"]
    with_agent = Outcome.good if enough["agent"] else Outcome.answered
    outcome = with_agent if enough["front"] else Outcome.refused
    lacks = [feature["name"] for feature in told["features"] if feature["present"] is False]
    found = [finding["name"] for finding in told["findings"]]
    yield Result("doctor", outcome, f"lacks {', '.join(lacks) or 'nothing'}; finds {', '.join(found) or 'nothing'}")


def programs() -> Iterator[Result]:
    """Each shipped program before this kernel's verifier."""
    for source in SHIPPED:
        name = f"program {source.name}"
        try:
            with Datapath(objects.compiled(source)) as datapath:
                program = datapath.program
                yield Result(name, Outcome.good, f"{program.verified:,} instructions walked, {program.seconds:.1f} s")
        except (Mistake, OSError) as error:
            yield Result(name, Outcome.refused, str(error).splitlines()[0])


def rules() -> Iterator[Result]:
    """Each program of rules that machines/rules.py made."""
    for path in sorted([*FOLDER.glob("rules_*.json"), *FOLDER.glob("match_*.json")]):
        try:
            with Datapath(Image.loads(path.read_text())) as datapath:
                yield Result(f"program {path.stem}", Outcome.good, f"{datapath.program.verified:,} instructions walked")
        except (Mistake, OSError) as error:
            yield Result(f"program {path.stem}", Outcome.refused, str(error).splitlines()[0])
