"""The lab's addresses, from blocks kept for documentation (RFC 5737, RFC 3849). Pairs are IPv4, IPv6."""

from __future__ import annotations

CLIENT = ("198.51.100.2", "2001:db8:1::2")
FRONT = ("198.51.100.1", "2001:db8:1::1")
INSIDE = ("192.0.2.1", "2001:db8::1")  # the front, as the server sees it
SERVER = ("192.0.2.10", "2001:db8::10")
SECOND = ("192.0.2.11", "2001:db8::11")  # the server's other addresses

# Of a site with two fronts (site.py): the other front, and more hosts
FRONT_TWO, INSIDE_TWO = ("198.51.100.3", "2001:db8:1::3"), ("192.0.2.2", "2001:db8::2")
THIRD = ("192.0.2.12", "2001:db8::12")  # of the server, too
BESIDE = ("192.0.2.20", "2001:db8::20")
ON_TWO = ("192.0.2.30", "2001:db8::30")


def with_length(addresses: tuple[str, ...], ipv4: int, ipv6: int) -> list[str]:
    """Each address with its family's prefix length."""
    return [f"{address}/{ipv6 if ':' in address else ipv4}" for address in addresses]
