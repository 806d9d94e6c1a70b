"""Build hook: compiles the packet programs to eBPF and puts the images into the wheel, never into the source tree.

eBPF does not depend on the CPU, so the wheel stays `py3-none-any` and a machine without a compiler can load them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PrebuiltImages(BuildHookInterface[Any]):
    """Adds `hardtack/prebuilt/` to a standard wheel; an editable install compiles when it must, and caches."""

    PLUGIN_NAME = "custom"
    folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self.folder = Path(tempfile.mkdtemp(prefix="hardtack-prebuilt-"))
        sys.path.insert(0, str(Path(self.root) / "src"))
        import_module("hardtack.packet.images").build_all(self.folder)
        build_data["force_include"][str(self.folder)] = "hardtack/prebuilt"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.folder:
            shutil.rmtree(self.folder)
