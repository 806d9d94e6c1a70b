"""What this network namespace's TCP takes of what clients offer, as its settings say (ip-sysctl.rst of Linux)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path("/proc/sys/net")
OPTIONS = ("sack", "timestamps", "window_scaling", "ecn")  # each is net.ipv4.tcp_..., of IPv6 too; 0: off
MOST_SCALE = 14  # RFC 7323 2.3
USUAL_SCALE = 7  # Linux's own, with the 6 MB that tcp_rmem allowed for long
NEWER_SCALE = 10  # with the 32 MB that it allows in newer kernels: nobody has asked for it
UNSCALED_BITS = 16  # of the largest window without a scale


@dataclass(frozen=True)
class Speech:
    """The options that a TCP takes, in the order of OPTIONS, and the scale of its receive windows."""

    options: tuple[str, ...] = OPTIONS
    scale: int = USUAL_SCALE


def own(settings: Path = SETTINGS) -> Speech:
    """This machine's."""
    spoken = tuple(name for name in OPTIONS if numbers(settings / f"ipv4/tcp_{name}") != [0])
    sizes = numbers(settings / "ipv4/tcp_rmem")[2:] + numbers(settings / "core/rmem_max")
    return Speech(spoken, scale_for(max(sizes)) if sizes else USUAL_SCALE)


def scale_for(window: int) -> int:
    """What Linux tells for windows of so many bytes: tcp_select_initial_window()."""
    return min(max(window.bit_length() - UNSCALED_BITS, 0), MOST_SCALE)


def numbers(path: Path) -> list[int]:
    """A setting's; none if this kernel, or this namespace, does not have it."""
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []
