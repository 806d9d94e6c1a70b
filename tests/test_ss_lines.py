"""Lines of ss: what they say, and that nothing else is taken for one."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardtack.control.ss_lines import LONGEST, MAPPED, OPEN, OTHERS, BadLine, Counted, name, names

STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=500)
GOOD = b"ESTAB 0 0 192.0.2.10:443 198.51.100.7:50123"


def packed(text: str) -> bytes:
    """An address as names have it."""
    found = ip_address(text).packed
    return found if len(found) == 16 else MAPPED + found


@pytest.mark.parametrize(
    ("line", "host", "host_port", "client", "client_port"),
    [
        ("ESTAB 0 0 192.0.2.10:443 198.51.100.7:50123", "192.0.2.10", 443, "198.51.100.7", 50123),
        ("ESTAB      0      0          192.0.2.10:443      198.51.100.7:1      \n", "192.0.2.10", 443, "198.51.100.7", 1),
        ("0 0 192.0.2.10:443 198.51.100.7:50123", "192.0.2.10", 443, "198.51.100.7", 50123),
        ("0      36  [2001:db8::10]:443 [2001:db8:1::2]:65535", "2001:db8::10", 443, "2001:db8:1::2", 65535),
        ("CLOSE-WAIT 1 0 [::ffff:192.0.2.10]:80 [::ffff:198.51.100.7]:2", "192.0.2.10", 80, "198.51.100.7", 2),
        ("ESTAB 0 0 [::ffff:192.0.2.10]:80 198.51.100.7:2", "192.0.2.10", 80, "198.51.100.7", 2),
        ("FIN-WAIT-2 0 0 [fe80::1%eth0]:80 [fe80::2]:2".replace("%eth0]", "]%eth0"), "fe80::1", 80, "fe80::2", 2),
        ("ESTAB 0 0 192.0.2.10%eth0.7:80 198.51.100.7:2", "192.0.2.10", 80, "198.51.100.7", 2),
        ("ESTAB 0 0 2001:db8::10:80 2001:db8:1::2:2", "2001:db8::10", 80, "2001:db8:1::2", 2),
        ('LAST-ACK 0 0 192.0.2.10:80 198.51.100.7:2 users:(("nginx: worker",pid=1,fd=3)) timer:(keepalive,9sec,0)',
         "192.0.2.10", 80, "198.51.100.7", 2),
    ],
)  # fmt: skip
def test_what_a_line_says(line: str, host: str, host_port: int, client: str, client_port: int) -> None:
    ends = packed(client) + packed(host) + client_port.to_bytes(2, "big") + host_port.to_bytes(2, "big")
    assert name(line.encode()) == ends


@pytest.mark.parametrize("state", sorted(OTHERS))
def test_other_states_are_counted_whatever_their_ends(state: bytes) -> None:
    counted = Counted()
    lines = [state + b" 0 511 0.0.0.0:80 0.0.0.0:*", state + b" 0 0 [::]:80 [::]:*", b"\n", GOOD]
    assert len([*names(lines, "x", counted)]) == 1
    assert counted == Counted(lines=4, other_states=2)


def test_headings_may_be_there() -> None:
    headings = [b"State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n", b"Recv-Q Send-Q Local Address:Port\n"]
    counted = Counted()
    assert len([*names([headings[0], GOOD, headings[1], GOOD], "x", counted)]) == 2
    assert counted.lines == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello", "not a state that ss prints"),
        ("tcp ESTAB 0 0 192.0.2.10:443 198.51.100.7:1", "not a state that ss prints"),
        ("ESTABLISHED 0 0 192.0.2.10:443 198.51.100.7:1", "not a state that ss prints"),
        ("ESTAB 192.0.2.10:443 198.51.100.7:1", "too few columns"),
        ("ESTAB 0 0 192.0.2.10:443", "too few columns"),
        ("ESTAB -1 0 192.0.2.10:443 198.51.100.7:1", "too few columns"),
        ("ESTAB 0 0 192.0.2.10:https 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 web:443 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2.010:443 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2.256:443 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2:443 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 [2001:db8::10:443 [2001:db8::1]:1", "no numeric address and port"),
        ("ESTAB 0 0 [192.0.2.10]:443 198.51.100.7:1", None),
        ("ESTAB 0 0 *:443 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2.10:443 198.51.100.7:*", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2.10:0 198.51.100.7:1", "no valid port"),
        ("ESTAB 0 0 192.0.2.10:65536 198.51.100.7:1", "no valid port"),
        ("ESTAB 0 0 192.0.2.10:\u0664\u0664 198.51.100.7:1", "no numeric address and port"),
        ("ESTAB 0 0 192.0.2.10:443 [2001:db8::1]:1", "one address is IPv4 and the other IPv6"),
        ("\t cubic wscale:7,7 rto:204", "not a state that ss prints"),
        ("ESTAB 0 0 192.0.2.10:443 198.51.100.7:1".ljust(LONGEST + 1), f"longer than {LONGEST} bytes"),
        ("\0", "not a state that ss prints"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(line: str, said: str | None) -> None:
    """With its number, why, and what to write. Brackets more than ss writes are no harm."""
    if said is None:
        assert name(line.encode())
        return
    with pytest.raises(BadLine) as bad:
        [*names([GOOD, b"\n", line.encode()], "web.txt", Counted())]
    told = str(bad.value)
    assert told.startswith(f"web.txt, line 3: {said}")
    assert told.endswith("as: ESTAB 0 0 192.0.2.10:443 198.51.100.7:50123") and "\n" not in told and len(told) < 300


ends = st.tuples(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(1, 65535))


@STEADY
@given(ends, ends, st.sampled_from(sorted(OPEN)), st.booleans())
def test_whatever_ss_may_write_is_read(host: tuple, client: tuple, state: bytes, bare: bool) -> None:  # type: ignore[type-arg]
    def told(of: tuple) -> str:  # type: ignore[type-arg]
        return f"[{of[0]}]:{of[1]}" if of[0].version == 6 else f"{of[0]}:{of[1]}"

    line = f"{'' if bare else state.decode()} 0 0 {told(host)} {told(client)}".encode()
    try:
        found = name(line)
    except ValueError as error:
        mapped = {packed(str(one[0])).startswith(MAPPED) for one in (host, client)}
        assert str(error).startswith("one address is IPv4") and len(mapped) == 2
        return
    ports = b"".join(port.to_bytes(2, "big") for port in (client[1], host[1]))
    assert found == packed(str(client[0])) + packed(str(host[0])) + ports


WORDS = (b"0", b" ", b"\t", b":", b"[", b"]", b"%", b"1.2.3.4:5", b"[::1]:7", b"::", b"\xff")
PIECES = st.sampled_from([*OPEN, *OTHERS, *WORDS])


@STEADY
@given(st.binary(max_size=200) | st.lists(PIECES | st.binary(max_size=3), max_size=20).map(b"".join))
def test_nothing_else_comes_of_any_line(line: bytes) -> None:
    """A name, nothing, or a mistake in one line, printable, whatever it is."""
    try:
        found = [*names([line], "x", Counted())]
    except BadLine as bad:
        assert str(bad).startswith("x, line 1: ")
        return
    assert all(len(one) == 36 for one in found)
    for one in found:
        socket.inet_ntop(socket.AF_INET6, one[:16])
