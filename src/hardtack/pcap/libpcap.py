"""libpcap, by ctypes: an expression becomes classic BPF, in libpcap's own meaning and with libpcap's own complaints.

Debian has it in libpcap0.8. Nothing is looked up in the DNS: see words.py. One call at a time: a lock.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Literal, TypeVar

from hardtack.mistake import Mistake
from hardtack.pcap import classic
from hardtack.pcap.classic import Code, Instruction
from hardtack.pcap.words import Unknown, check_names, words

Link = Literal["ethernet", "ip"]
LINK_TYPES = {"ethernet": 1, "ip": 12}  # DLT_EN10MB, DLT_RAW: pcap/dlt.h
FILES = ("libpcap.so.0.8", "libpcap.so.1")  # Debian's name, everybody else's
OLDEST = (1, 10)
SNAP = 262144  # what a match returns: tcpdump's, bytes
NO_NETMASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
LONGEST = 4096  # bytes of an expression
MOST_TO_OPTIMISE = 8192  # instructions: libpcap's optimiser takes cubic time; for these half a second
SHOWN = 60  # characters of it in a message

_lock = Lock()
Result = TypeVar("Result")


class ExpressionError(Mistake):
    """An expression that cannot become part of a packet program, and why.

    `expression` and `reason` are apart for those who put a file and a line before them; `at` is where it is wrong, as an
    index, or -1.
    """

    status = 2

    def __init__(self, expression: str, reason: str, at: int = -1) -> None:
        self.expression, self.reason, self.at = expression, reason, at
        super().__init__(f"expression {quoted(expression)}: {reason}")


class NoLibpcap(Mistake):
    """libpcap is not installed, or too old."""

    status = 2  # only a person can put it right


@dataclass(frozen=True)
class Expression:
    """An expression, compiled. `sees_tags`: it has the word `vlan`, so it is matched against the frame as it is."""

    text: str
    code: Code
    link: Link = "ethernet"
    sees_tags: bool = False


class RawInstruction(ctypes.Structure):
    """struct bpf_insn"""

    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class RawProgram(ctypes.Structure):
    """struct bpf_program"""

    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.POINTER(RawInstruction))]


@cache
def library() -> ctypes.CDLL:
    """libpcap, its functions typed. NoLibpcap."""
    for name in FILES:
        try:
            found = ctypes.CDLL(name)
            break
        except OSError:
            continue
    else:
        raise NoLibpcap("libpcap is not installed, and rules need it: apt-get install libpcap0.8")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    program = ctypes.POINTER(RawProgram)
    for name, gives, takes in (
        ("pcap_lib_version", text, []),
        ("pcap_open_dead", pointer, [number, number]),
        ("pcap_compile", number, [pointer, program, text, number, ctypes.c_uint32]),
        ("pcap_freecode", None, [program]),
        ("pcap_geterr", text, [pointer]),
        ("pcap_close", None, [pointer]),
        ("bpf_image", text, [ctypes.POINTER(RawInstruction), number]),
        ("bpf_validate", number, [ctypes.POINTER(RawInstruction), number]),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = gives, takes
    version = re.search(r"(\d+)\.(\d+)", found.pcap_lib_version().decode("ascii", "replace"))
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise NoLibpcap(f"{found.pcap_lib_version().decode()} is too old: rules need 1.10 or newer")
    return found


def compile(text: str, link: Link = "ethernet") -> Expression:
    """The expression as classic BPF, optimised. ExpressionError, NoLibpcap. An empty one matches every frame."""
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise ExpressionError(text, f"it is longer than {LONGEST} bytes: split it into several")
    try:
        found = words(text)
        check_names(found)
    except Unknown as unknown:
        what = f"`{printable(unknown.text)}` (character {unknown.at + 1}) {unknown}"
        raise ExpressionError(text, what, unknown.at) from None
    if (length := _compiled(text, link, 0, lambda program: int(program.length))) > MOST_TO_OPTIMISE:
        raise ExpressionError(text, f"it is too complex for libpcap's optimiser ({length} instructions): split it")
    code = _compiled(text, link, 1, _code)
    if reason := classic.objection(code):
        raise ExpressionError(text, reason)
    return Expression(text, code, link, any(word.text == "vlan" for word in found))


def checked(expression: Expression) -> Expression:
    """The same, if its code is what libpcap could have made: what somebody else says is code may be anything. ValueError."""
    if not 0 < len(expression.code) <= classic.MOST_INSTRUCTIONS:
        raise ValueError("no code, or too much")
    try:
        raw = (RawInstruction * len(expression.code))(*(RawInstruction(*here) for here in expression.code))
    except TypeError as error:
        raise ValueError("no classic BPF") from error
    if tuple(Instruction(here.code, here.jt, here.jf, here.k) for here in raw) != expression.code:
        raise ValueError("numbers out of range")
    if not library().bpf_validate(raw, len(raw)):
        raise ValueError("no classic BPF: bpf_validate()")
    if reason := classic.objection(expression.code):
        raise ValueError(reason)
    return expression


def _compiled(text: str, link: Link, optimised: int, wanted: Callable[[RawProgram], Result]) -> Result:
    pcap, program = library(), RawProgram()
    with _lock:
        handle = pcap.pcap_open_dead(LINK_TYPES[link], SNAP)
        if not handle:
            raise MemoryError("pcap_open_dead")
        try:
            if pcap.pcap_compile(handle, ctypes.byref(program), text.encode(), optimised, NO_NETMASK):
                raise ExpressionError(text, f"{printable(pcap.pcap_geterr(handle).decode('utf-8', 'replace'))} (libpcap)")
            result = wanted(program)
            pcap.pcap_freecode(ctypes.byref(program))
            return result
        finally:
            pcap.pcap_close(handle)


def _code(program: RawProgram) -> Code:
    return tuple(Instruction(raw.code, raw.jt, raw.jf, raw.k) for raw in program.instructions[: program.length])


def listing(code: Code) -> list[str]:
    """A line for each instruction, in libpcap's words: what `tcpdump -d` prints."""
    pcap = library()
    with _lock:  # bpf_image() writes into a buffer of its own
        lines = [bytes(pcap.bpf_image(RawInstruction(*here), at)) for at, here in enumerate(code)]
    return [line.decode("ascii", "replace") for line in lines]


def quoted(text: str) -> str:
    """As much of an expression as a message shows."""
    shown = printable(text)
    return f'"{shown}"' if len(shown) <= SHOWN else f'"{shown[:SHOWN]}…"'


def printable(text: str) -> str:
    """Without what would play tricks on a terminal or a log."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
