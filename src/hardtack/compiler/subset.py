"""What of Python a packet program may be written in, looked for in its source before Numba sees it.

Numba would find most of this too, but says so in a page, often of another line. What only the types show (a float from a
library call, a wrong argument) is left to it, and to `refuse` what only the finished code shows.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from hardtack.compiler.errors import CompileError, short

Function = Callable[..., Any]
Definition = ast.FunctionDef | ast.AsyncFunctionDef

NO_EXCEPTIONS = "a packet program has no exceptions; check, and return a reason"
NO_MEMORY = "a packet program allocates no memory; use numbers, a record or scratch()"
NO_FLOATS = "a packet program counts in integers"
NO_STATE = "a packet program remembers nothing but in tables"
AT_TOP = "write it at the top of the module"

WORDS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Raise: ("raise", NO_EXCEPTIONS),
    ast.Assert: ("assert", NO_EXCEPTIONS),
    ast.Try: ("try", NO_EXCEPTIONS),
    ast.TryStar: ("try", NO_EXCEPTIONS),
    ast.With: ("with", NO_EXCEPTIONS),
    ast.List: ("a list", NO_MEMORY),
    ast.ListComp: ("a list", NO_MEMORY),
    ast.Dict: ("a dict", NO_MEMORY),
    ast.DictComp: ("a dict", NO_MEMORY),
    ast.Set: ("a set", NO_MEMORY),
    ast.SetComp: ("a set", NO_MEMORY),
    ast.JoinedStr: ("a string", NO_MEMORY),
    ast.GeneratorExp: ("a generator", NO_MEMORY),
    ast.Yield: ("yield", NO_MEMORY),
    ast.YieldFrom: ("yield", NO_MEMORY),
    ast.Lambda: ("lambda", f"{AT_TOP}, as a function marked @inlined"),
    ast.FunctionDef: ("a function within a function", f"{AT_TOP}, marked @inlined"),
    ast.ClassDef: ("a class", NO_MEMORY),
    ast.Import: ("import", AT_TOP),
    ast.ImportFrom: ("import", AT_TOP),
    ast.Global: ("global", NO_STATE),
    ast.Nonlocal: ("nonlocal", NO_STATE),
}
CONSTANTS: dict[type, tuple[str, str]] = {
    float: ("a float", NO_FLOATS),
    complex: ("a float", NO_FLOATS),
    str: ("a string", NO_MEMORY),
    bytes: ("a string", NO_MEMORY),
}
BUILTINS = {"abs", "bool", "int", "len", "max", "min", "range"}


def check(function: Function, callers: tuple[Function, ...] = ()) -> None:
    """CompileError for the first thing in `function`, or in what it calls, that a packet program cannot have."""
    definition = definition_of(function)
    if definition is None:
        return
    file = short(function.__code__.co_filename)
    if isinstance(definition, ast.AsyncFunctionDef):
        raise CompileError("async: a packet program waits for nothing", file, definition.lineno)
    for node in inside(definition):
        complaint = judge(node, function, (*callers, function))
        if complaint:
            raise CompileError(complaint, file, getattr(node, "lineno", definition.lineno))


def definition_of(function: Function) -> Definition | None:
    """The function's syntax tree, its lines as in the file; None where there is no source to read."""
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError:
        return None
    tree = ast.parse(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, first - 1)
    return next((node for node in tree.body if isinstance(node, Definition)), None)


def inside(definition: Definition) -> Iterator[ast.AST]:
    """What the body is made of, in the order of the text; without docstrings and annotations."""
    waiting: list[ast.AST] = [*reversed(definition.body)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        annotation = getattr(node, "annotation", None)
        waiting += [child for child in reversed([*ast.iter_child_nodes(node)]) if child is not annotation]


def judge(node: ast.AST, function: Function, callers: tuple[Function, ...]) -> str:
    """Why a packet program cannot have this node, and what to write instead; empty if it can."""
    words = WORDS.get(type(node))
    if isinstance(node, ast.Constant):
        words = CONSTANTS.get(type(node.value))
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        words = "/ makes a float", "write //, on u64 words"
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        words = judge_name(node.id, function)
    elif isinstance(node, ast.Call):
        words = judge_call(node.func, function, callers)
    return ": ".join(words) if words else ""


def judge_name(name: str, function: Function) -> tuple[str, str] | None:
    """A name that is nowhere defined."""
    code = function.__code__
    if name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars, *function.__globals__) or name in vars(builtins):
        return None
    return name, "this name is not defined"


def judge_call(called: ast.expr, function: Function, callers: tuple[Function, ...]) -> tuple[str, str] | None:
    """A call of what cannot be compiled; what can be is looked into."""
    target = value_of(called, function)
    body = getattr(target, "py_func", None)  # of a function marked @inlined
    if body in callers:
        return f"{body.__name__}()", "it calls itself, but every call is inlined; use a loop with a bound"
    if body is not None:
        check(body, callers)
    elif isinstance(target, FunctionType):
        return f"{target.__name__}()", "this is plain Python; mark it @inlined"
    elif name_of_builtin(target) not in BUILTINS | {""}:
        return f"{name_of_builtin(target)}()", "this is Python's own; a packet program has the words of its language"
    return None


def name_of_builtin(target: Any) -> str:
    """The name of one of Python's built-in functions and types; empty for anything else."""
    return next((name for name, value in vars(builtins).items() if value is target and callable(value)), "")


def value_of(expression: ast.expr, function: Function) -> Any:
    """What a global name or a dotted one stands for; None if it is anything else."""
    if isinstance(expression, ast.Name) and expression.id not in function.__code__.co_varnames:
        return {**vars(builtins), **function.__globals__}.get(expression.id)
    if isinstance(expression, ast.Attribute):
        return getattr(value_of(expression.value, function), expression.attr, None)
    return None
