"""A front's reports, made ready while it has the right to: programs are loaded, and the folder is opened."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from hardtack import journal
from hardtack.control.attacks.watching import Attacks
from hardtack.control.reception import Facts, Verb
from hardtack.control.report.reports import Reports
from hardtack.control.report.sampling import FIRST_EVERY, RING, WISH, Sampling
from hardtack.control.report.shelf import Shelf, usual_folder
from hardtack.control.taps import OWN, Tap
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import VerifierRefusal
from hardtack.kernel.ringbuf import RingBuffer


def reporting(attacks: Attacks, tables: Mapping[str, Map], interfaces: Sequence[str], parts: ExitStack) -> Reports | None:
    """None, and a warning, where the kernel does not allow for it: a front protects all the same."""
    with ExitStack() as mine:
        try:
            ring = mine.enter_context(RingBuffer(RING))
            tap = Tap(tables, OWN, lambda _: WISH, FIRST_EVERY, ring)
        except (BpfError, VerifierRefusal) as error:
            journal.note("no-reports", logging.WARNING, why=str(error))
            return None
        sampling = Sampling(tap, time.monotonic())
        reports = Reports(attacks, tables["counters"], sampling, shelf(mine), interfaces)
        mine.enter_context(reports)
        parts.push(mine.pop_all())
        return reports


def shelf(parts: ExitStack) -> Shelf | None:
    """Where they are kept; None, and a warning, where they cannot be."""
    path = usual_folder()
    try:
        return parts.enter_context(Shelf(path))
    except OSError as error:
        why = f"{path}: {error.strerror}: attacks are only reported by hardtack report --now"
        journal.note("no-reports", logging.WARNING, why=why)
        return None


def report(reports: Reports | None) -> Verb:
    """The control socket's verb: {"version": 1, "verb": "report"}, of all hosts under attack; "host": of one."""

    def asked(request: Facts, answer: object) -> None:
        assert callable(answer)
        if reports is None:
            answer({"reports": [], "problems": ["this front does not sample frames: see no-reports in its log"]})
        else:
            host = request.get("host")
            reports.so_far(None if host is None else str(host), answer)

    return asked
