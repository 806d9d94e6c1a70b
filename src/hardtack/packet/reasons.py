"""Why a frame got its verdict. Every frame gets exactly one reason, and every reason has a counter of its own.

A reason's number says its verdict: verdict = reason >> 5. Standard library only, so that reading counters needs no compiler.
"""

from __future__ import annotations

from enum import IntEnum, unique

VERDICT_SHIFT = 5  # bits of a reason below its verdict
REASONS = 1 << (VERDICT_SHIFT + 2)  # numbers there can be: entries of the counter table


@unique
class Verdict(IntEnum):
    """What happens to a frame."""

    PASS = 0  # on to the kernel's network stack, untouched
    DROP = 1
    REPLY = 2  # rewritten, back out of the interface it came in by
    FORWARD = 3  # on to the host


@unique
class Reason(IntEnum):
    """Why. `.text` is one line for people; `.name` is the counter's name."""

    text: str

    def __new__(cls, number: int, text: str) -> Reason:
        """A member is its number; the description rides along."""
        reason = int.__new__(cls, number)
        reason._value_ = number
        reason.text = text
        return reason

    not_ip = 0, "neither IPv4 nor IPv6 (ARP, a third VLAN tag, ...)"
    truncated = 1, "the frame ends before the header it announces"
    bad_header = 2, "a header that cannot be: version, header length or total length is impossible"
    fragment = 3, "a fragment of an IP packet"
    extension = 4, "more than 6 IPv6 extension headers, or a routing header with segments left"
    not_tcp = 5, "IP, but not TCP"
    not_ours = 6, "the destination is no protected address"
    other_port = 7, "the host protects other ports"
    not_syn = 8, "TCP for a protected port, but not a SYN that opens a connection"
    no_key = 9, "no key for this epoch: the kernel answers by itself"
    not_ack = 10, "TCP without ACK, or with SYN or RST: it admits nobody"
    known = 11, "for a socket that exists"
    no_listener = 12, "no socket listens there"
    admitted = 13, "a good cookie: the socket is made of it"
    bad_cookie = 14, "for a listening socket, without a good cookie: the kernel judges by its own lights"
    not_admitted = 15, "a good cookie, but the kernel makes no socket of it: an MPTCP listener"
    time_wait_ended = 16, "a good cookie: the last connection of this address and port, in TIME_WAIT, is ended for it"
    time_wait_kept = 17, "a good cookie, but the last connection stays in TIME_WAIT (it may be newer; tcp_rfc1337 is set)"
    behind = 18, "a good cookie with data or FIN: it comes in again, behind an ACK that may be on its way to TCP"
    bad_checksum = 32, "a SYN whose IPv4 header checksum is wrong"
    syn_fin = 33, "SYN and FIN in one segment"
    syn_rst = 34, "SYN and RST in one segment"
    no_room = 35, "the frame could not be resized for the reply"
    answered = 64, "a SYN answered with a cookie"


def verdict(reason: int) -> Verdict:
    """The verdict that a reason's number carries. ValueError if the number is none (negative, or past FORWARD's)."""
    return Verdict(reason >> VERDICT_SHIFT)
