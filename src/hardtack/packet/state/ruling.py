"""What a host's rules say of a frame that is judged further: Flow.ruling. In the front's first program that is 0."""

from __future__ import annotations

from hardtack.compiler.language import inlined, u64
from hardtack.packet.rule_tables import ANY_PORT, DRY_RUN

PROTECTED = 1  # TCP goes to the handshake, whatever `ports` says
WITHIN = 2  # the rate of a rule: what is not TCP goes on
BY_DEFAULT = 4  # TCP that `protect` does not name
DRY = 8  # of a dry run: nothing is sent, and nobody else is to pay for it
EVERY_PORT = 16  # the host may have protected connections of any port


@inlined
def is_dry(host):
    """Whether the host has a dry run."""
    return host.rules & u64(DRY_RUN) != u64(0)


@inlined
def has_any_port(host):
    """Whether its rules may have a connection of any port protected."""
    return host.rules & u64(ANY_PORT) != u64(0)
