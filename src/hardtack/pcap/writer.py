"""A function's IR in the making."""

from __future__ import annotations

from collections.abc import Sequence


class Writer:
    """A function's text in the making, line by line; values and blocks get names of their own.

    `here`: the block it is in.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.here = "begin"
        self._names = 0
        self._variables: list[str] = []

    def name(self) -> str:
        """One that nothing has yet, for a value or a block."""
        self._names += 1
        return f"v{self._names}"

    def variable(self, kind: str = "i32", align: int = 4) -> str:
        """Room on the stack: its address."""
        name = f"%{self.name()}"
        self._variables.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def put(self, text: str) -> None:
        """A line as it is."""
        self.lines.append(text)

    def let(self, what: str) -> str:
        """The value of an instruction."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {what}")
        return name

    def block(self, label: str = "") -> str:
        """Here a block begins: its label."""
        label = label or self.name()
        self.lines.append(f"{label}:")
        self.here = label
        return label

    def go(self, label: str) -> None:
        """On to a block."""
        self.lines.append(f"  br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        """To one or the other."""
        self.lines.append(f"  br i1 {condition}, label %{yes}, label %{no}")

    def leave(self, condition: str, label: str) -> None:
        """To `label` if it holds, else on."""
        after = self.name()
        self.branch(condition, label, after)
        self.block(after)

    def join(self, ways: Sequence[tuple[str, str]], kind: str = "i32") -> str:
        """One value of many: (value, block that it comes from)."""
        return self.let(f"phi {kind} " + ", ".join(f"[ {value}, %{label} ]" for value, label in ways))

    def function(self, head: str) -> str:
        """All that was written, as a function whose first block has the variables."""
        return "\n".join([f"define {head} {{", "begin:", *self._variables, *self.lines, "}"])
