"""The af_xdp engine's process ends, by kill -9 or as it should: what the interface does then, and the next process."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from af_xdp_ground import INSIDE_PLACE, PORT, Ground, carries, ground, tallies
from kernel_ground import needs_root, pin_directory
from lab_ground import eventually
from naive.frames import Tcp

from hardtack.engines.af_xdp import Engine, Wanted, WhenDown
from hardtack.kernel import interfaces, privileges
from hardtack.kernel.links import adopt
from hardtack.lab.addresses import BESIDE, SECOND, THIRD
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target

pytestmark = needs_root

GONE = os.WEXITED | os.WNOHANG | os.WNOWAIT


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground() as made:
        yield made


@contextmanager
def another_process(place: Ground, when_down: WhenDown, pin: Path | None = None, rights: bool = True) -> Iterator[int]:
    """The engine at work in a process of its own: its number. `rights`: as root."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work(place, when_down, pin, tell, rights)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        assert os.read(told, 1) == b"r"
        yield pid
    finally:
        os.close(told)
        end(pid, signal.SIGKILL)


def work(place: Ground, when_down: WhenDown, pin: Path | None, tell: int, rights: bool) -> None:
    """What the process does, until a signal comes."""
    faulthandler.disable()  # pytest has its own
    sys.stderr = sys.__stderr__
    outside, inside = place.net.outside.name, place.net.inside.name
    if not rights:
        privileges.prepare()
    wanted = Wanted({0: outside}, {INSIDE_PLACE: inside}, when_down=when_down)
    engine = place.net.front.call(Engine, place.tables, wanted)

    def leave(_number: int, _frame: FrameType | None) -> None:
        engine.close()
        os._exit(0)

    def break_it(_number: int, _frame: FrameType | None) -> None:
        engine.workers[0].record["frames"] = 8

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGUSR1, break_it)
    place.net.front.call(engine.start)
    if pin:
        engine.pin({outside: pin})
    if not rights:
        privileges.drop()
    os.write(tell, b"r")
    while True:
        signal.pause()


def end(pid: int, number: int) -> int:
    """End it, and wait: its exit status, less than 0 for a signal."""
    try:
        os.kill(pid, number)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except (ProcessLookupError, ChildProcessError):
        return 0


@pytest.mark.parametrize(("when_down", "new_ones"), [("pass", True), ("hold", False)])
def test_a_kill_and_a_restart(place: Ground, tmp_path: Path, when_down: WhenDown, new_ones: bool) -> None:
    """Under a flood. Known connections go on by way of the kernel; new ones do or do not. The next process has both."""
    target = Target(SECOND[0], PORT, place.net.near.mac, place.net.outside.mac)
    with pin_directory(tmp_path) as folder, flooding(place.net.near, target, seconds=60, rate=20_000):
        pin = folder / "link"
        with another_process(place, when_down, pin) as pid, place.connection(THIRD[0]) as (client, server):
            assert carries(client, server)
            assert end(pid, signal.SIGKILL) == -signal.SIGKILL
            assert carries(client, server) and carries(server, client)
            assert place.connected(THIRD[0]) == new_ones
            with place.engine(adopted={place.net.outside.name: adopt(pin)}) as engine:
                assert carries(client, server) and place.connected(THIRD[0])
                assert tallies(engine)["redirected"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_that_was_not_pinned(place: Ground, number: int) -> None:
    with another_process(place, "hold") as pid:
        before = place.net.front.call(interfaces.names)
        assert place.net.front.call(interfaces.find, place.net.outside.name).attached == "driver"
        assert end(pid, number) == (0 if number == signal.SIGTERM else -number)
        assert place.net.front.call(interfaces.find, place.net.outside.name).attached == ""
        after = place.net.front.call(interfaces.names)
        assert {*before} - {*after} == {name for name in before if name.startswith("hardtack")} != set()
        assert place.connected(THIRD[0])


def test_a_crash_in_a_worker_leaves_nothing(place: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    """It is told, and the interface is as it was."""
    with another_process(place, "hold") as pid:
        os.kill(pid, signal.SIGUSR1)
        place.send(place.segment(THIRD[0], Tcp(57_000, PORT)))
        assert eventually(lambda: os.waitid(os.P_PID, pid, GONE) is not None)
        assert end(pid, 0) == -signal.SIGSEGV
        assert place.net.front.call(interfaces.find, place.net.outside.name).attached == ""
        assert place.connected(THIRD[0])
    assert "Fatal Python error: Segmentation fault" in capfd.readouterr().err


def test_it_needs_no_rights_once_it_works(place: Ground) -> None:
    """Not to judge, to send, to hand frames to the kernel, or to end."""
    with another_process(place, "pass", rights=False) as pid:
        assert place.connected(THIRD[0]) and place.connected(BESIDE[0])
        assert end(pid, signal.SIGTERM) == 0
