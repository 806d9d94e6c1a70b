"""`python3 -P -m hardtack.agent`: the agent where only Python is installed. `hardtack agent` is the same.

Without -P, Python looks for every module in the working directory first, which may be anybody's. Then this package itself
may have come from there, but nothing else shall.
"""

from __future__ import annotations

import sys

if not sys.flags.safe_path:
    del sys.path[0]

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heeded: it would die of it, a clean end for systemd

import argparse
from pathlib import Path

from hardtack import __version__
from hardtack.agent.asked import WORDS, asked
from hardtack.agent.daemon import run
from hardtack.agent.detach import detach
from hardtack.journal import FORMATS, VARIABLE
from hardtack.kernel.tcp import MOST_SCALE, USUAL_SCALE
from hardtack.mistake import Mistake
from hardtack.printable import printable

INTERRUPTED = 128 + signal.SIGINT  # before it was ready; afterwards an interrupt is an ending like any other


def made_parser() -> argparse.ArgumentParser:
    """What there is to be said to it."""
    parser = argparse.ArgumentParser(
        prog="hardtack-agent",
        description="Accept, on a protected host, the clients that return a front's cookie.",
        epilog="Logs 'ready' once it works, and ends on SIGTERM or Ctrl-C. Its program stays in place "
        "with keys for an hour, until the next start takes it over or --detach removes it. "
        "Instead of options: status shows what the agent does, doctor checks this machine; both have --help.",
    )
    parser.add_argument("-i", "--interface", required=True, metavar="IF", help="interface that faces the clients")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--key", type=Path, metavar="FILE", help="master key file, the same as on the front")
    old = "also accept cookies of this key, during a key rotation"
    parser.add_argument("--old-key", type=Path, metavar="FILE", help=old)
    what.add_argument("--detach", action="store_true", help="detach the agent's program and exit")
    scale = {"type": int, "choices": range(MOST_SCALE + 1), "default": USUAL_SCALE, "metavar": "N"}
    told = f"window_scale of this host in the front's configuration, if it is not {USUAL_SCALE}"
    parser.add_argument("--window-scale", help=told, **scale)  # type: ignore[arg-type]
    text = "write metrics to this file, for node_exporter; user hardtack must be able to write to its folder"
    parser.add_argument("--metrics-textfile", type=Path, metavar="FILE.prom", help=text)
    parser.add_argument("-v", "--verbose", action="store_true", help="also log debug messages")
    told = f"log format: {' or '.join(FORMATS)}; default: ${VARIABLE}, else text"
    parser.add_argument("--log-format", choices=FORMATS, default="", help=told)
    parser.add_argument("--version", action="version", version=f"hardtack {__version__}")
    return parser


def main() -> int:
    """Parse, run, and tell a mistake in a line for each."""
    parser, words = made_parser(), sys.argv[1:]
    given = None if words[:1] in ([word] for word in WORDS) else parser.parse_args()
    for option in ("old_key", "metrics_textfile"):
        if given and getattr(given, option) and not given.key:
            parser.error(f"argument --{option.replace('_', '-')}: also write --key FILE")
    try:
        if given is None:
            return asked(words)
        if given.detach:
            print(*detach([given.interface], ["agent"]), sep="\n")
            return 0
        how = given.verbose, given.window_scale, given.old_key
        return run(given.interface, given.key, *how, textfile=given.metrics_textfile, log_format=given.log_format)
    except Mistake as mistake:
        for line in str(mistake).split("\n"):
            print(f"hardtack: {printable(line)}", file=sys.stderr)
        return mistake.status
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
