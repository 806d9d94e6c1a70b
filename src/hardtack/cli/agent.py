"""`hardtack agent`."""

from __future__ import annotations

from hardtack.cli.arguments import Interface, KeyFile, Verbose


def agent(interface: Interface, key: KeyFile, verbose: Verbose = False) -> int:
    """Admit, on a protected host, the clients that come back with a front's cookie.

    Needs Linux 6.9 or newer on the host. Only an ACK to a port that something listens on is looked at; SYNs, known
    connections and everything else pass by untouched. Runs in the foreground, logs a line with the word "ready", and
    takes its program off the interface on SIGTERM or Ctrl-C. Where only Python is installed, the same without this
    command: python3 -m hardtack.agent

    Example: hardtack agent --interface eth0 --key /etc/hardtack/key
    """
    from hardtack.agent.daemon import run

    return run(interface, key, verbose)
