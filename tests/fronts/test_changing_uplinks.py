"""Fronts that start with more uplinks than the one before, fewer, or others: who goes on, who is refused, who is named."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from handshake.attached import tcx_programs, xdp_mode
from handshake.counted import counts
from handshake.stage import PATIENCE, front_command

from fronts.running import counting, detach, front, known
from fronts.two_uplinks import BY_KERNEL, STRAIGHT, Ground, opened, speak, told, two_uplinks
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.process import Process, run
from hardtack.packet.reasons import Reason


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Ground]:
    """No front yet; what is attached in the end goes with the lab."""
    with two_uplinks(tmp_path) as made:
        yield made


def hardtack(ground: Ground, *arguments: str | Path) -> tuple[int, str, str]:
    """A command, on the front's machine: its exit status, and what it says."""
    done = run([sys.executable, "-m", "hardtack", *arguments], ground.first.front, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def started(ground: Ground, *uplinks: str) -> list[str]:
    """What a front says that starts with these, and then ends."""
    with front(ground.first.outside, ground.settings(*uplinks)) as process:
        process.stop()
    return [re.sub(r"^\S+ ", "", line) for line in process.lines]


def line(lines: list[str], word: str) -> dict[str, str]:
    """The fields of the line of this word."""
    [found] = [one for one in lines if one.split()[1] == word]
    return dict(field.split("=", 1) for field in found.split()[2:] if "=" in field)


def modes(ground: Ground) -> tuple[str, str]:
    """How programs run on the two."""
    return xdp_mode(ground.first.outside), xdp_mode(ground.second.outside)


def test_uplinks_come_and_go_and_connections_stay(quiet: Ground) -> None:
    """Whatever the list has in common with the one before, in whatever order: the same front goes on."""
    first, second = quiet.both
    ready = line(started(quiet, first), "ready")
    assert (ready["interface"], ready["mode"], ready["adopted"]) == (first, "driver", "false")
    with opened(quiet, BY_KERNEL[4]) as session, opened(quiet, STRAIGHT[6]) as other:
        ready = line(started(quiet, first, second), "ready")
        assert (ready["interface"], ready["mode"]) == (f"{first},{second}", "driver,driver")
        assert (ready["adopted"], ready["connections"]) == ("false", "2"), "nothing was judged on the second"
        for side in (quiet.second, quiet.first):
            quiet.send_by(side)
            speak(session)
            speak(other)
        ready = line(started(quiet, second, first), "ready")
        assert (ready["interface"], ready["adopted"], ready["connections"]) == (f"{second},{first}", "true", "2")
        assert attached(quiet) == {first: "driver", second: "driver"}

        lines = started(quiet, second)
        assert [one.split()[2] for one in lines if one.split()[1] == "removed"] == [
            f"program=front-{first}",
            f"program=leaving-{first}",
        ]
        assert (line(lines, "ready")["adopted"], line(lines, "ready")["connections"]) == ("true", "2")
        assert modes(quiet) == ("", "driver") and attached(quiet) == {second: "driver"}
        quiet.send_by(quiet.second)
        speak(session)
        speak(other)
        assert known(quiet.second.outside) == 2
    with front(quiet.first.outside, quiet.settings(second)) as process:
        started(quiet, first)  # which nobody has any more
        assert modes(quiet) == ("driver", "driver")
        process.stop()


def attached(ground: Ground) -> dict[str, str]:
    """What `hardtack status` tells of the one front that there is: its interfaces, and how it runs there."""
    status, out, _ = hardtack(ground, "status", "--json")
    [one] = json.loads(out)["attached"]
    assert status == 0 and set(one["interfaces"]) == set(one["modes"])
    modes: dict[str, str] = one["modes"]
    return modes


def refusal(ground: Ground, *uplinks: str) -> str:
    """Of a front that cannot start."""
    status, _, said = hardtack(ground, "front", ground.settings(*uplinks))
    assert status == 1, said
    return said.splitlines()[-1]


def test_an_uplink_belongs_to_one_front(quiet: Ground) -> None:
    first, second = quiet.both
    with front(quiet.first.outside, quiet.settings()) as process:
        assert hardtack(quiet, "reload", "--interface", second)[0] == 0
        for uplinks in ([second], [first], [second, first]):
            assert f"a front is running on {uplinks[0]}, process {process.pid}; stop it first" in refusal(quiet, *uplinks)
        status, _, said = hardtack(quiet, "detach", "--interface", second)
        assert status == 1 and f"running on {first}" in said
        process.stop()
    assert detach(quiet.second.outside).startswith(f"{first}, {second}: front detached; ")
    assert modes(quiet) == ("", "")

    for name in (first, second):
        started(quiet, name)
    said = refusal(quiet)
    command = f"hardtack detach --interface {second}"
    assert f"{first} and {second} have a front each, and a new front can take over only one of them" in said
    assert said.endswith(f"detach the others: {command}")
    assert modes(quiet) == ("driver", "driver")
    assert hardtack(quiet, *command.split()[1:])[0] == 0
    assert line(started(quiet), "ready")["adopted"] == "false"


def test_a_front_that_is_left_behind_is_named(quiet: Ground) -> None:
    """The file was changed from one interface to the other: nobody takes the old front off, and everybody says so."""
    first, second = quiet.both
    settings = quiet.settings(first)
    started(quiet, first)
    command = f"hardtack detach --interface {first}"
    told_of = f"a front is attached to {first} without a process, with the configuration of its last run"
    told_of += f": restart it ({settings}), or"
    assert command not in hardtack(quiet, "check", quiet.settings(first))[2]
    lines = started(quiet, second)
    [warning] = [one for one in lines if one.startswith("WARNING finding name=left-behind")]
    assert warning.endswith(f'detach it: {command}"') and modes(quiet) == ("driver", "driver")
    assert f"note: {told_of} detach it: {command}" in hardtack(quiet, "check", quiet.settings(second))[2]
    doctor = json.loads(hardtack(quiet, "doctor", "--json")[1])["findings"]
    assert [one["name"] for one in doctor].count("left-behind") == 2  # nor has the other one a process now
    assert hardtack(quiet, *command.split()[1:])[0] == 0
    assert not [one for one in started(quiet, second) if "left-behind" in one]


def test_one_that_is_missing_is_named(quiet: Ground) -> None:
    started(quiet)
    assert "no interface nowhere here" in refusal(quiet, quiet.both[0], "nowhere")
    assert modes(quiet) == ("driver", "driver")


def test_the_other_goes_on_when_one_goes(quiet: Ground) -> None:
    """And when it is back, the process ends, to be started again."""
    first, second = quiet.both
    with Process(front_command(quiet.settings()), quiet.first.front) as process:
        process.wait_for("ready", PATIENCE)
        told(quiet.second.outside, lambda kernel: kernel.link("del", ifname=second))
        assert f"interface={second}" in process.wait_for("interface-gone", PATIENCE)
        quiet.send_by(quiet.first)
        opened(quiet, BY_KERNEL[4]).close()
        assert attached(quiet) == {first: "driver", second: None}
        assert "no interface" in refusal_by(process, quiet)
        told(quiet.second.outside, lambda kernel: kernel.link("add", ifname=second, kind="veth", peer={"ifname": "other"}))
        process.wait_for(f"{second} is back, without hardtack's program", PATIENCE)
        assert process.wait(PATIENCE) == 1
    ready = line(started(quiet), "ready")
    assert (ready["interface"], ready["mode"]) == (f"{first},{second}", "driver,generic")


def refusal_by(process: Process, ground: Ground) -> str:
    """What a second front says, while one of its interfaces is not there."""
    assert process.returncode is None
    return refusal(ground)


@pytest.fixture(params=["generic", "tunnel"])
def alone(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Front and host are one machine; its second uplink has the kernel's generic hook, or tcx."""
    with two_uplinks(tmp_path, topology.local, request.param) as made:
        yield made


def test_a_machine_that_is_its_own_host(alone: Ground) -> None:
    """The agent is at each uplink, in whatever mode the front is there; handshakes are shared between the two."""
    first, second = alone.both
    second_mode = xdp_mode_of(alone)
    with front(alone.first.outside, alone.settings()) as process:
        assert attached(alone) == {first: "driver", second: second_mode}
        assert [tcx_programs(side.outside) for side in (alone.first, alone.second)] == [1, 1 + (second_mode == "tcx")]
        with counting(alone.first.outside) as seen:
            for side, address in ((alone.second, SERVER[0]), (alone.first, SERVER[1])):
                alone.send_by(side)
                with opened(alone, address) as session:
                    for other in (alone.first, alone.second):
                        alone.send_by(other)
                        speak(session)
        assert (seen[Reason.answered], seen[Reason.remembered], seen[Reason.outbound_forged]) == (2, 2, 0)
        assert seen[Reason.outbound] > 0
        assert counts(alone.first.outside, owner="agent-")[Reason.admitted] == 2
        process.stop()
    started(alone, first)
    assert attached(alone) == {first: "driver"} and tcx_programs(alone.second.outside) == 0


def xdp_mode_of(ground: Ground) -> str:
    """How a program is to run on the second."""
    return "tcx" if ground.second.outside.name.startswith("tun") else "generic"
