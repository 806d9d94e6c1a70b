"""`hardtack front CONFIG`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from hardtack.cli.arguments import ConfigFile, LogFormat, Verbose


def front(
    config: ConfigFile,
    detach: Annotated[bool, typer.Option("--detach", help="Detach the front's programs and exit.")] = False,
    verbose: Verbose = False,
    log_format: LogFormat = None,
) -> int:
    """Protect the hosts of CONFIG, on the interfaces that face the internet.

    Runs in the foreground and logs a line with the word "ready" once the hosts are protected. SIGTERM or Ctrl-C end the
    process, not the protection: programs and tables stay in place, with keys for an hour, and the next start takes them over
    with all connections. To remove them: --detach, or hardtack detach.

    CONFIG is reloaded when it changes, on SIGHUP, and by hardtack reload, which prints what has changed or what is wrong.
    Hosts with handshake = "agent" must run `hardtack agent` with the same key; with via = "local" this machine is the host,
    and the agent's program is attached here too.

    Example: hardtack front /etc/hardtack/hardtack.toml
    """
    from hardtack.kernel import privileges

    if not detach:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it can be heeded: the file is yet to be read
        privileges.prepare()  # before the configuration brings in numpy

    from hardtack.control.configuration.reading import loaded

    found = loaded(config)  # mistakes in it are told before anything slow is imported

    if detach:
        from hardtack.agent.detach import detach as remove

        typer.echo("\n".join(remove(found.config.front.uplinks, ["front"], every=False)))
        return 0

    from hardtack.control.run import run

    return run(found, config, verbose, log_format or "")
