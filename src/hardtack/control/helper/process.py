"""The helper's process: how it begins, what it may do, its verbs, and how it ends.

It has only those of the front's rights that its verbs take, in all of its threads. It ends when the front's end of the
line does, however the front ended. Signals that end a front pass it by. Whatever it says goes over the line.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardtack.control import rule_mistakes
from hardtack.control.configuration.problems import ConfigError, Origin
from hardtack.control.configuration.reading import Loaded, loaded
from hardtack.control.configuration.remembered import Remembered
from hardtack.control.helper.line import Line, Message, pair
from hardtack.control.helper.reading import Reading, Shared, with_keys
from hardtack.control.helper.watching import Watching, being_written
from hardtack.control.rules import BadRule
from hardtack.control.switching_on import Brought
from hardtack.kernel import privileges
from hardtack.kernel.bpf import CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON
from hardtack.mistake import Mistake

NAME = b"hardtack-helper"  # as `ps` shows it: 15 letters at most
# To load programs; to read what root could read at the start
RIGHTS = 1 << CAP_BPF | 1 << CAP_NET_ADMIN | 1 << CAP_PERFMON | 1 << privileges.CAP_DAC_READ_SEARCH
UNHEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO)  # SIGIO: a lease that is over at once anyway
LONGEST_VERB = 60  # s: it does not live on with what takes longer
POLITE = 10.0  # s that somebody who writes a file is waited for
AGAIN = 0.02  # s between looks at him
PARTING = 50  # looks whether it has ended, before the front ends
ATTEMPTS = 5  # to read files while others put other names into them
MOST_PROBLEM = 8_000  # letters, of which a letter may take 6 bytes in JSON

Verb = Callable[[Message], None]


class Helper:
    """The front's end. `pid`: the process. It may die at any time: then `receive` says so."""

    def __init__(self, pid: int, line: Line, shared: Shared) -> None:
        self.pid, self._line, self._shared = pid, line, shared

    def fileno(self) -> int:
        """Readable when it has said something, or has gone."""
        return self._line.fileno()

    def ask(self, verb: str, content: bytes | None = None, **facts: str) -> None:
        """Have it do something; what comes of it is a message. OSError if it has gone."""
        self._line.send({"verb": verb, **facts}, content)

    def receive(self) -> Message | None:
        """The next message; None if it has gone."""
        return self._line.receive()

    def reading(self, message: Message) -> Reading | str:
        """What a message that answers `read` has: a reading, or what is wrong. Each is to be looked into, once, in order."""
        return self._shared.unpacked(message.content or b"")

    def close(self) -> None:
        """It ends by itself when nobody is at the other end, as soon as it looks up."""
        self._line.close()
        for _ in range(PARTING):
            if self.ended():
                return
            time.sleep(AGAIN)

    def ended(self) -> bool:
        """Whether it has; it is no corpse any more then."""
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def started(path: Path, found: Loaded) -> Helper:
    """Fork it, for the configuration at `path`, as it was found. To be called before there are other threads."""
    ours, theirs = pair()
    shared = Shared(found.config, found.lists)
    pid = os.fork()
    if pid:
        theirs.close()
        found.memory.forget()
        return Helper(pid, ours, shared)
    status = 1
    try:
        ours.close()
        become_helper()
        Service(theirs, path, found, shared).serve()
        status = 0
    except OSError:
        status = 0  # the front has gone in the middle of something
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def become_helper() -> None:
    """Give up what the verbs do not take. OSError."""
    for number in UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    privileges.restrict(RIGHTS)
    privileges.name_process(NAME)


class Service:
    """What it does until the front has gone. `document`: the configuration at work is written so, or the one read last."""

    def __init__(self, line: Line, path: Path, found: Loaded, shared: Shared) -> None:
        self.memory, self.shared = found.memory, shared
        self.line, self.path, self.document, self.since = line, path, found.document, found.since
        self.watching, self.watched = Watching(), {path, *paths_of(found.origin), *found.config.key_files}
        self.verbs: dict[str, Verb] = {"read": self.read, "load": self.load, "name": self.name, "seed": self.seed}

    def serve(self) -> None:
        """Verbs, and news of files."""
        gc.freeze()  # what is there stays, and need not be looked through again and again
        self.watching.look_after(self.watched)
        told, patience = self.watching.changed_since(self.since), 0.0
        if told:  # between the start's reading and now
            self.line.send({"event": "changed"})
        waiting = select.poll()
        waiting.register(self.line.fileno(), select.POLLIN)
        waiting.register(self.watching.fileno(), select.POLLIN)
        while True:
            ready = {fd for fd, _ in waiting.poll(AGAIN * 1000 if patience else None)}
            if self.line.fileno() in ready:
                asked = self.line.receive()
                if asked is None:
                    return
                alive()
                gc.disable()  # somebody waits
                self.verbs[asked.facts["verb"]](asked)
                gc.enable()
                signal.alarm(0)
                told = False
            if (patience or self.watching.fileno() in ready) and self.watching.changed() and not told:
                patience = patience or time.monotonic() + POLITE
                if time.monotonic() < patience and any(map(being_written, self.watching.news())):
                    continue
                self.line.send({"event": "changed"})
                told = True
            patience = 0.0

    def read(self, asked: Message) -> None:
        """The configuration as it is now, or what is wrong: a `Reading` or a text, pickled.

        If it is asked for because files have changed, they are as they were seen then: what changes later is news, too.
        """
        try:
            if asked.facts.get("why") == "changed":
                self.watched |= self.watching.look_after_newcomers()
                self.watching.accept()
            else:
                self.watching.look_after(self.watched)
            found, reading = read_watched(self.path, self.watching, self.watched, self.memory)
        except Exception as error:
            if not isinstance(error, Mistake | OSError | RecursionError | MemoryError):  # of ours
                traceback.print_exc()
            self.line.send({"verb": "read"}, pickle.dumps(problem(self.path, error)))
            return
        self.document = found.document
        self.line.send({"verb": "read"}, self.shared.packed(reading))

    def load(self, asked: Message) -> None:
        """Have rule programs loaded: nothing, or what is wrong."""
        from hardtack.control.helper.loading import Refused, load  # and with it what only rules need

        answer: dict[str, Any] = {"verb": "load"}
        try:
            load(asked.facts["interface"], asked.content or b"{}", alive)
        except Refused as refused:
            answer |= {"place": refused.place, "position": refused.position, "problem": refused.why[:MOST_PROBLEM]}
        except Exception as error:
            if not isinstance(error, Mistake | OSError | MemoryError):  # of ours
                traceback.print_exc()
            answer["problem"] = f"rules: {error}"[:MOST_PROBLEM]
        self.line.send(answer)

    def seed(self, asked: Message) -> None:
        """Have the kernel asked who is connected, and the front's table know it: an event, for nobody waits."""
        from hardtack.control.helper.seeding import seed

        try:
            brought = seed(asked.facts["interface"], asked.content or b"{}")
        except Exception as error:
            if not isinstance(error, Mistake | OSError | MemoryError):  # of ours
                traceback.print_exc()
            brought = Brought(problems={"helper": str(error)[:MOST_PROBLEM]})
        self.line.send({"event": "seeded", "brought": asdict(brought)})

    def name(self, asked: Message) -> None:
        """A rule that cannot be, as it is to be told: with its line, which only who has read it knows."""
        bad = BadRule(*json.loads(asked.content or b"[]"))
        self.line.send({"verb": "name", "problem": str(rule_mistakes.problem(self.document, bad))[:MOST_PROBLEM]})


def alive() -> None:
    """From now on it may take as long as a verb may."""
    signal.alarm(LONGEST_VERB)


def read_watched(path: Path, watching: Watching, watched: set[Path], memory: Remembered) -> tuple[Loaded, Reading]:
    """What changes while it is read, or later, is news; what cannot be read is watched, too. ConfigError, KeyFileError.

    `watching` looks after what is `watched`.
    """
    for _ in range(ATTEMPTS):
        memory.begin(watching.known)
        try:
            found, wrong = loaded(path, memory=memory), None
            wanted = {path, *paths_of(found.origin), *found.config.key_files}
        except ConfigError as error:
            wrong = error
            wanted = watched | {*paths_of(error.origin)}
        if wanted <= watched:
            break
        watched |= wanted  # these were not looked after while they were read: once more
        watching.look_after(watched)
    if wrong:
        raise wrong
    reading = with_keys(found)
    watched &= wanted
    watching.keep_to(watched)
    return found, reading


def paths_of(origin: Origin) -> tuple[Path, ...]:
    """All that is to be watched."""
    return *origin.files, *origin.folders


def problem(path: Path, error: Exception) -> str:
    """As the front is to tell it."""
    return str(error) if isinstance(error, Mistake) else f"{path}: {type(error).__name__}: {error}"
