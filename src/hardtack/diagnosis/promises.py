"""TCP settings of a host that its fronts cannot see: they promise clients what their configuration says."""

from __future__ import annotations

from collections.abc import Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel import tcp
from hardtack.kernel.tcp import Speech

ON = {"sack": 1, "timestamps": 1, "window_scaling": 1, "ecn": 2}  # Linux's defaults


def promises(site: Site) -> Iterator[Finding]:
    """What is promised for a host, and switched off there; and windows that the promised scale cuts off."""
    if site.role == "agent":
        yield from broken(site, tcp.own())


def broken(site: Site, here: Speech) -> Iterator[Finding]:
    """The same, by what is spoken here."""
    off = [name for name in tcp.OPTIONS if name in site.options and name not in here.options]
    if off:
        written = ", ".join(f'"{name}"' for name in here.options)
        switched = " ".join(f"net.ipv4.tcp_{name}={ON[name]}" for name in off)
        yield Finding(
            "tcp-options",
            f"{' and '.join(f'tcp_{name}' for name in off)} off on this machine, but the front offers it to clients, "
            + ("who are reset" if off != ["ecn"] else "whose ECN marks are ignored"),
            f"options = [{written}] for this host in the front's configuration, or sysctl -w {switched}",
        )
    if "window_scaling" in here.options and here.scale > max(site.scale, tcp.NEWER_SCALE):  # somebody wants large windows
        yield Finding(
            "window-scale",
            f"receive windows on this machine may need window scale {here.scale} (tcp_rmem, rmem_max), but the front offers "
            f"{site.scale}: windows are limited to {(1 << site.scale + 6):,} KB",
            f"window_scale = {here.scale} for this host in the front's configuration, and hardtack agent --window-scale "
            f"{here.scale}, both at the same time",
        )
