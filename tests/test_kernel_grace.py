"""Waiting until no program reads what has been taken out of a table."""

from __future__ import annotations

import platform
import time

import pytest

from hardtack.kernel import grace
from hardtack.kernel.bpf import libc

QUERY = 0  # MEMBARRIER_CMD_QUERY: which commands there are, as bits


def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What has been slept from now on, without sleeping."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


def test_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    naps = slept(monkeypatch)
    number = grace.NUMBERS.get(platform.machine())
    if number is None or not libc.syscall(number, QUERY, 0, 0) & grace.GLOBAL:
        pytest.skip("this kernel, or this machine, lets nobody wait for RCU")
    grace.wait_for_programs()
    assert not naps


@pytest.mark.parametrize(
    ("name", "value"), [("NUMBERS", {}), ("GLOBAL", 1 << 30)], ids=["another machine", "a kernel that refuses"]
)
def test_else_time_does(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    naps = slept(monkeypatch)
    monkeypatch.setattr(grace, name, value)
    grace.wait_for_programs()
    assert naps == [grace.LONG]


def test_a_machine_that_keeps_no_order_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    naps = slept(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    grace.keep_order()
    assert naps == [grace.LONG]
