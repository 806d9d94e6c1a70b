"""What the person at the keyboard can put right. Standard library only: every layer may raise it."""

from __future__ import annotations


class Mistake(Exception):
    """A mistake of the user's, never a bug: told in a line (one for each problem), never with a traceback.

    `str(mistake)` names the thing, the place and the remedy. `status` is the exit status of the command that meets it.
    """

    status = 2  # as for wrong usage
