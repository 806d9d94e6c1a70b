"""The engine for bursts with a check before every access to memory; and as it is, between pages that nobody may touch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from bursts_under_test import Bursts

from hardtack.compiler.checked import CheckedProgram
from hardtack.compiler.native import NativeProgram


class Checked(Bursts):
    """Every access is checked. OutOfBounds."""

    PROGRAM = CheckedProgram

    def permit(self, program: NativeProgram, bounds: npt.NDArray[np.void], batch: npt.NDArray[np.void]) -> None:
        """What comes with a burst."""
        assert isinstance(program, CheckedProgram)
        frames = bounds.ctypes.data, len(bounds), bounds.itemsize
        program.permit((batch.ctypes.data, batch.nbytes), (bounds.ctypes.data, bounds.nbytes), frames=frames)
