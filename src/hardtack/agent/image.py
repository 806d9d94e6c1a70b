"""The agent's image: from the wheel, or compiled where the compiler is installed (a checkout)."""

from __future__ import annotations

from hardtack.image import Image
from hardtack.prebuilt import prebuilt, sources_hash


def agent_image() -> Image:
    """CompileError if there is neither a prebuilt image nor a compiler."""
    image = prebuilt("agent", sources_hash())
    if image is None:
        from hardtack.compiler import objects
        from hardtack.compiler.errors import CompileError

        try:
            from hardtack.packet.programs import AGENT
        except ModuleNotFoundError as error:
            raise CompileError(
                f"this copy of hardtack has no matching agent program, and {error.name} is not installed to "
                "compile one; install the wheel that `make build` makes"
            ) from error
        image = objects.compiled(AGENT)
    return image
