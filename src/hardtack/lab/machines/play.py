"""Inside a guest: play scenarios, each in a process of its own, and report what was seen: `python -m ...play NAME...`.

A line of JSON for each result goes to the port that the host listens to. A scenario that hangs or breaks has a line, too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from hardtack.lab.machines.outcomes import Outcome, Result

PORTS = Path("/sys/class/virtio-ports")
PORT = "told"
LIMIT = 900.0  # s for one scenario, on a machine that has other work, too


def main() -> None:
    """`--one NAME` plays it here and reports to standard output; else all that are named, one after the other."""
    if sys.argv[1] == "--one":
        play(sys.argv[2])
        return
    with port().open("wb", buffering=0) as out:
        out.write(json.dumps({"release": os.uname().release, "up": round(time.monotonic(), 1)}).encode() + b"\n")
        for name in sys.argv[1:]:
            began = time.monotonic()
            out.write(json.dumps({"began": name}).encode() + b"\n")
            command = [sys.executable, "-P", "-m", "hardtack.lab.machines.play", "--one", name]
            with subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, start_new_session=True) as playing:
                try:
                    _, complaint = playing.communicate(timeout=LIMIT)
                    if playing.returncode:
                        out.write(broken(name, complaint.decode(errors="replace")).line().encode() + b"\n")
                except subprocess.TimeoutExpired:
                    os.killpg(playing.pid, signal.SIGKILL)
                    out.write(broken(name, f"still not done after {LIMIT:.0f} s").line().encode() + b"\n")
            seconds = round(time.monotonic() - began, 1)
            out.write(json.dumps({"ended": name, "seconds": seconds}).encode() + b"\n")


def play(name: str) -> None:
    """One scenario; its results, as they come."""
    from hardtack.lab.machines.scenarios import SCENARIOS

    try:
        for result in SCENARIOS[name]():
            print(result.line(), flush=True)
    except Exception:
        print(broken(name, traceback.format_exc()).line(), flush=True)


def broken(name: str, complaint: str) -> Result:
    """Of a scenario that came to no end."""
    return Result(name, Outcome.bad, " / ".join(complaint.strip().splitlines()[-6:]))


def port() -> Path:
    """The device of the port to the host."""
    while True:
        for found in PORTS.glob("*/name"):
            if found.read_text().strip() == PORT:
                return Path("/dev", found.parent.name)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
