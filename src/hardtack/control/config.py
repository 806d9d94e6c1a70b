"""The configuration file as inert values. Its keys are a contract; this shape is all that may be written."""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from hardtack.control.places import places
from hardtack.control.problems import ConfigError, Problem, tell
from hardtack.kernel.tcp import MOST_SCALE, Speech

Address = IPv4Address | IPv6Address

SHORTEST_MSS = 536  # bytes; what every host must take, RFC 9293 3.7.1
LONGEST_MSS = 8940  # a jumbo frame of 9,000 bytes less the IPv6 and TCP headers
USUAL_MSS = {4: 1460, 6: 1440}  # IP version -> bytes: 1,500 less the headers
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 1_000, 100_000_000
FEWEST_REPLIES = 8  # a second: one in each window of 128 ms (packet/layout.py)
MOST_REPLIES = 1_000_000_000  # a second
FEWEST_FRAMES = 1_000  # a second: one in each ms
MOST_FRAMES = 1_000_000_000  # a second
LONGEST_GRACE = 600  # s
DURATION = re.compile(r"([0-9]{1,9})([sm])")
SECONDS = {"s": 1, "m": 60}
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
BROADCAST = IPv4Address("255.255.255.255")


TcpOption = Literal["sack", "timestamps", "window_scaling", "ecn"]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Size = Annotated[int, Field(strict=True, ge=FEWEST_CONNECTIONS, le=MOST_CONNECTIONS)]
Rate = Annotated[int, Field(strict=True, ge=FEWEST_REPLIES, le=MOST_REPLIES)]
FrameRate = Annotated[int, Field(strict=True, ge=FEWEST_FRAMES, le=MOST_FRAMES)]


def check_interface(name: str) -> str:
    """A name the kernel would take: dev_valid_name() in net/core/dev.c, IFNAMSIZ."""
    if not re.fullmatch(r"[^\s/:\0]+", name) or len(name.encode()) > 15 or name in (".", ".."):
        raise ValueError("which cannot be an interface's name")
    return name


def check_name(name: str) -> str:
    """A name that fits into logs, file names and metrics as it is."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError("which cannot be a host's name: letters, digits, '.', '_' and '-', at most 63")
    return name


def read_address(value: Any) -> Address:
    """An address that a host can be reached at from the internet."""
    if not isinstance(value, str | IPv4Address | IPv6Address):
        raise ValueError("which is not in quotes")
    try:
        address = ip_address(value)
    except ValueError:
        raise ValueError("which is a network" if "/" in str(value) else "which is not an IP address") from None
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise ValueError("which names an interface" if address.scope_id else "which is an IPv4 address in IPv6 form")
    for kind in ("multicast", "unspecified", "loopback"):
        if getattr(address, f"is_{kind}"):
            raise ValueError(f"which is {'an' if kind[0] == 'u' else 'a'} {kind} address")
    if address == BROADCAST:
        raise ValueError("which is the broadcast address")
    return address


def check_some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """At least one."""
    if not values:
        raise ValueError("which is empty")
    return values


def check_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each value once."""
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"which has {', '.join(map(str, twice))} more than once")
    return values


def read_handshake(value: Any) -> Any:
    """`proxy` and `pass` are in the design, so people will try them."""
    if value in ("proxy", "pass"):
        raise ValueError("which is not there yet")
    return value


def read_grace(value: Any) -> int:
    """A duration as text, "30s" or "2m": in seconds."""
    written = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not written:
        raise ValueError("which is no duration")
    seconds = int(written[1]) * SECONDS[written[2]]
    if seconds > LONGEST_GRACE:
        raise ValueError("which is longer than 10 minutes")
    return seconds


def read_mac(value: Any) -> str:
    """The address of one network card, in small letters."""
    if not isinstance(value, str) or not MAC.fullmatch(value.lower()):
        raise ValueError("which is not a MAC address")
    address = bytes.fromhex(value.replace(":", ""))
    if address[0] & 1:
        raise ValueError("which is the MAC address of a group")
    if not any(address):
        raise ValueError("which is the MAC address of nobody")
    return value.lower()


def read_vlan(value: Any) -> Any:
    """A VLAN's number, or "none"."""
    if value != "none" and (type(value) is not int or not 1 <= value <= 4094):
        raise ValueError("which is no VLAN")
    return value


def resolve(path: Any, info: ValidationInfo) -> Any:
    """A path as written in the file: relative ones start from the file's own folder. No text is left to pydantic."""
    if not isinstance(path, str):
        return path
    if not path or "\0" in path:
        raise ValueError("which is no path")
    return (info.context or {}).get("folder", Path()) / path


class Inert(BaseModel):
    """Values that do not change, and no key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


KeyFile = Annotated[Path, BeforeValidator(resolve)]
InterfaceName = Annotated[str, AfterValidator(check_interface)]
InterfaceNames = Annotated[tuple[InterfaceName, ...], AfterValidator(check_some), AfterValidator(check_once)]


class Front(Inert):
    """`[front]`: this machine, as it faces the internet.

    `grace` in seconds; `replies_per_second` of all hosts together; what is per prefix, in a second.
    """

    interface: InterfaceName
    key_file: KeyFile
    inside: InterfaceNames = ()
    connections: Size = 1_000_000
    grace: Annotated[int, BeforeValidator(read_grace)] = 30
    replies_per_second: Rate = 20_000_000
    replies_per_prefix: Rate = 1_000
    connections_per_prefix: Rate = 2_000


class Host(Inert):
    """`[[host]]`: one protected server.

    `ports` None: all of them. `key_file` None: the front's. `out` None: back out of the interface that faces the internet.
    `vlan` None: frames keep their tags. `options`, `window_scale` None: every option, and USUAL_SCALE; if this machine is
    the host, what it has.
    """

    name: Annotated[str, AfterValidator(check_name)]
    addresses: Annotated[tuple[Annotated[Address, BeforeValidator(read_address)], ...], AfterValidator(check_some)]
    ports: Annotated[tuple[Port, ...], AfterValidator(check_some), AfterValidator(check_once)] | None = None
    handshake: Annotated[Literal["agent"], BeforeValidator(read_handshake)]
    via: Literal["kernel", "local", "direct", "mac"]
    mac: Annotated[str, BeforeValidator(read_mac)] | None = None
    out: InterfaceName | None = None
    vlan: Annotated[int | Literal["none"], BeforeValidator(read_vlan)] | None = None
    key_file: KeyFile | None = None
    mss: Annotated[int, Field(strict=True, ge=SHORTEST_MSS, le=LONGEST_MSS)] | None = None
    options: Annotated[tuple[TcpOption, ...], AfterValidator(check_once)] | None = None
    window_scale: Annotated[int, Field(strict=True, ge=0, le=MOST_SCALE)] | None = None
    default: Literal["pass", "drop"] = "pass"
    replies_per_second: Rate = 5_000_000
    frames_per_connection: FrameRate = 5_000

    @property
    def one_armed(self) -> bool:
        """Whether what it sends comes in by the interface that faces the internet, and goes out by it again."""
        return self.via == "mac" and not self.out

    def mss_for(self, address: Address) -> int:
        """The MSS, in bytes, that clients of `address` are told."""
        return self.mss or USUAL_MSS[address.version]

    def promises(self, here: Speech) -> Speech:
        """What TCP its clients are promised, if they offer it. `here`: what this machine speaks."""
        own = here if self.via == "local" else Speech()
        options = own.options if self.options is None else self.options
        return Speech(options, own.scale if self.window_scale is None else self.window_scale)


class Config(Inert):
    """The whole file."""

    front: Front
    hosts: Annotated[tuple[Host, ...], AfterValidator(check_some)] = Field(alias="host")

    def key_file_for(self, host: Host) -> Path:
        """Where a host's master key is."""
        return host.key_file or self.front.key_file

    @property
    def has_local(self) -> bool:
        """Whether this machine is a host itself."""
        return any(host.via == "local" for host in self.hosts)

    def promised_here(self, here: Speech) -> Speech:
        """What clients of this machine are promised, if it is a host itself: of all its hosts together."""
        promised = [host.promises(here) for host in self.hosts if host.via == "local"]
        options = {name for one in promised for name in one.options}
        return Speech(tuple(sorted(options)), promised[0].scale)

    @property
    def leaving(self) -> bool:
        """Whether what leaves by the front's interface teaches: unless `inside` shows all that hosts send."""
        return not self.front.inside or any(host.via == "local" or host.one_armed for host in self.hosts)

    def hears(self, host: Host) -> bool:
        """Whether all that this host sends is seen here, so that what it does not confirm is nothing.

        Not if its frames leave by an interface that is none of `inside`: its answers will not come in there either.
        """
        inside = self.front.inside
        return host.via == "local" or (bool(inside) and (host.via != "mac" or host.out in inside))

    @property
    def key_files(self) -> tuple[Path, ...]:
        """The master keys' files, each once. The first is the agent's, if this machine is a host itself."""
        ours_first = sorted(self.hosts, key=lambda host: host.via != "local")
        return tuple(dict.fromkeys(map(self.key_file_for, ours_first)))


def load(path: Path) -> Config:
    """The configuration in the file at `path`. ConfigError with every problem of it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot read it: {error.strerror}; give the path of a configuration file you may read"
        raise ConfigError(Problem(path, None, reason)) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem(path, line, f"found byte {data[error.start]:#04x}; write UTF-8 text")) from error
    return read(text, path)


def read(text: str, path: Path) -> Config:
    """The configuration in TOML `text`; `path` is where it stands: for relative paths in it, and for messages."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(not_toml(text, path, str(error))) from error
    try:
        config, errors = Config.model_validate(document, context={"folder": path.absolute().parent}), []
    except ValidationError as error:
        config, errors = None, error.errors(include_url=False)
    problems = tell(path, document, places(text), errors)
    if config is None or problems:
        raise ConfigError(*problems)
    return config


def not_toml(text: str, path: Path, message: str) -> Problem:
    """Where TOML breaks off, from tomllib's `message`, and what stands there."""
    place = re.search(r"line (\d+)", message)
    line = int(place[1]) if place else len(text.rstrip().splitlines())
    found = text.split("\n")[line - 1].strip() if line else "nothing"
    return Problem(path, line or None, f"not TOML ({message}): found {found}; write key = value, with text in quotes")
