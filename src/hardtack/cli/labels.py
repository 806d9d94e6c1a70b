"""How help names what an option takes: flags take nothing, numbers N, choices what there is to choose."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

KINDS = {"int": "N", "float": "NUMBER", "str": "TEXT"}


def label(parameter: Any) -> str:
    """What help shows beside a parameter."""
    kind = parameter.type_descriptor
    if kind.is_choice:
        return "|".join(map(str, kind.choices or ()))
    if parameter.param_type_name == "argument" or parameter.is_flag:
        return ""  # its name says it
    return KINDS.get(getattr(kind.annotation, "__name__", ""), "PATH" if kind.is_path else "TEXT")


def range_of(parameter: Any) -> str | None:
    """`2 to 200`, what a number may be."""
    info = parameter.type_descriptor.parameter_info
    if info.min is not None and info.max is not None:
        return f"{info.min:.10g} to {info.max:.10g}"
    if info.min is not None:
        return f"{info.min:.10g} or more"
    return None if info.max is None else f"at most {info.max:.10g}"


def labelled(parameters: list[Any]) -> list[Any]:
    """The same, with labels where they have none of their own."""
    for one in parameters:
        own = one.metavar if one.param_type_name == "option" else None
        text, range_ = label(one) if own is None else own, range_of(one)
        one.display_type_rich = one.display_type = lambda ctx, text=text: text
        one._get_number_range_help_str = lambda range_=range_: range_
    return parameters


def unbraced(pieces: list[str]) -> list[str]:
    """The pieces of a line of usage: what must be there stands alone, what may be in brackets."""
    return [piece.replace("{", "").replace("}", "").replace("[[", "[").replace("]]", "]") for piece in pieces]


class Command(TyperCommand):
    """A command whose help is so."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All of them, help's own among them."""
        return labelled(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What follows the command's name."""
        return unbraced(super().collect_usage_pieces(ctx))


class Group(TyperGroup):
    """Likewise, of the whole."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All of them, help's own among them."""
        return labelled(super().get_params(ctx))
