"""Said before anything is compiled or opened: this command needs more rights than the user has."""

from __future__ import annotations

from hardtack.mistake import Mistake


class NotPrivileged(Mistake):
    """The kernel would refuse it."""

    status = 1  # the command was right, the user was not


def need_privileges(command: str) -> None:
    """NotPrivileged unless this process may load BPF programs and attach them to interfaces."""
    from hardtack.kernel.bpf import privileged

    if not privileged():
        raise NotPrivileged(
            f"hardtack {command} attaches programs to a network interface; run it as root, or with CAP_BPF, "
            "CAP_NET_ADMIN and CAP_PERFMON"
        )
