"""`hardtack front CONFIG`."""

from __future__ import annotations

from hardtack.cli.arguments import ConfigFile, Verbose


def front(config: ConfigFile, verbose: Verbose = False) -> int:
    """Answer SYNs for the hosts of CONFIG, on the interface that faces the internet.

    Runs in the foreground, logs a line with the word "ready" once frames are being answered, and takes its programs off
    the interface on SIGTERM or Ctrl-C. Hosts with handshake = "agent" must run `hardtack agent` with the same key; with
    via = "local" this machine is the host, and the agent's program is attached here too.

    Example: hardtack front /etc/hardtack/hardtack.toml
    """
    from hardtack.control.config import load

    settings = load(config)  # mistakes in it are told before anything slow is imported

    from hardtack.control.front import run

    return run(settings, verbose)
