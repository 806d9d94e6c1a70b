"""Instructions put between others of an image, with all that counts instructions kept right."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace

from hardtack.compiler.bytecode import Instruction, assemble
from hardtack.image import Image


def inserted(image: Image, code: list[Instruction], extra: Mapping[int, Instruction]) -> Image:
    """The image, its code now `code` and one more before each instruction of `extra`: on the way from the one above it only.

    What jumps to such an instruction still does, past the new one.
    """
    places = sorted(extra)

    def moved(index: int) -> int:
        return index + bisect_right(places, index)

    longer = []
    for index, here in enumerate(code):
        if index in extra:
            longer.append(extra[index])
        if here.jumps:
            here = here._replace(offset=moved(index + 1 + here.offset) - moved(index) - 1)
        longer.append(here)
    return replace(
        image,
        instructions=assemble(longer),
        references=tuple(replace(reference, index=moved(reference.index)) for reference in image.references),
        lines=tuple(replace(line, index=moved(line.index)) for line in image.lines),
    )
