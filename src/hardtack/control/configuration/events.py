"""`[events]`: who else is told what the journal says of attacks, reloads and the like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from hardtack.control.configuration.inert import Inert, Write
from hardtack.control.configuration.lists import Each
from hardtack.control.configuration.values import resolve


def check_webhook(value: Any) -> str:
    """An address of the web, without a user's name or password in it: those belong into a token file."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    try:
        parts = urlsplit(value)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("which is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_one:
        raise ValueError("which is not a URL that begins with https:// or http://")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("which is not a URL: only ASCII, without spaces")
    if parts.username is not None:
        raise ValueError("which contains a user name; put a token into token_file")
    return value


def check_word(value: Any) -> str:
    """A word of a command."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    if "\0" in value:
        raise ValueError("which has a NUL byte")
    return value


def check_command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Its path and arguments; no shell reads them."""
    if not words[0].startswith("/"):
        raise ValueError("which does not begin with an absolute path")
    return words


class Events(Inert):
    """`[events]`. All of it may be left out: then nobody else is told. `command` empty: none."""

    webhook: Annotated[
        str | None, BeforeValidator(check_webhook), Write('webhook = "https://alerts.example.net/hardtack"', "no webhook")
    ] = None
    token_file: Annotated[
        Path | None,
        BeforeValidator(resolve),
        Write('token_file = "/etc/hardtack/webhook.token", a file that only root may read', "no token is sent"),
    ] = None
    command: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda value: check_command(Each(check_word)(value))),
        Write('command = ["/usr/local/bin/tell", "argument"], a path and arguments', "no command is run"),
    ] = ()
