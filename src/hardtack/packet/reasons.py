"""Why a frame got its verdict. Every frame gets exactly one reason, and every reason has a counter of its own.

Reasons come in groups of eight, and all of a group have one verdict: a new feature takes a group, or a free number of one.
The front's are 0 to 127, each counted for every host on every CPU; from 128 on they are the agent's. Standard library only,
so that reading counters needs no compiler.
"""

from __future__ import annotations

from enum import IntEnum, unique

GROUP_SHIFT = 3  # bits of a reason below its group
FRONT_REASONS = 128  # numbers that a front's can have: entries of a host's counters
REASONS = 256  # that any can have


@unique
class Verdict(IntEnum):
    """What happens to a frame. The numbers are XDP's (enum xdp_action); FORWARD may become any."""

    PASS = 2  # on to the kernel's network stack, untouched
    DROP = 1
    REPLY = 3  # rewritten, back out of the interface it came in by
    FORWARD = 0  # on to the host


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

    # PASS: whoever looks, and what is not for a front to judge
    not_ip = 0, "neither IPv4 nor IPv6 (ARP, a third VLAN tag, ...)"
    truncated = 1, "truncated: the frame ends before the end of its headers"
    bad_header = 2, "an invalid IP header: version, header length or total length"
    not_ours = 3, "neither address is protected"
    other_port = 4, "a port of the host that is not protected"
    default_pass = 5, "not TCP, or not matched by `protect`: passed by the host's `default`"
    no_key = 6, "no key for this epoch: SYNs and unknown ACKs are left to the hosts"
    not_for_us = 7, "a SYN for a protected host, but sent to another MAC address, or to broadcast or multicast"
    # PASS: the front, about ICMP
    icmp_error = 8, "an ICMP error about a known connection"
    icmp_quote = 9, "an ICMP error about a protected port, but no known connection, within the limit"
    neighbour = 10, "IPv6 neighbour discovery"
    # PASS: the front, what hosts send
    outbound = 16, "from a host, of a known connection"
    taught = 17, "from a host, a new connection: learned"
    outbound_end = 18, "from a host: an RST ends a known connection"
    outbound_other = 19, "from a host, nothing to learn: not TCP, another port, SYN-ACK or RST of no connection"
    outbound_forged = 20, "spoofed: a host's source address, but from another MAC address or from the internet; not learned"
    teach_limit = 21, "from a host, a new connection beyond the host's learning limit: not learned"
    outbound_first = 22, "from a host: its first segment on a connection that a cookie or a forwarded SYN opened"
    outbound_refused = 23, "from a host: its first segment on such a connection is an RST"
    # PASS: the front, by a rule
    rule_within = 24, "a `limit` rule matches, within the rule's rate (not TCP)"
    # DROP
    bad_checksum = 32, "a SYN whose IPv4 header checksum is wrong"
    syn_fin = 33, "SYN and FIN in one segment"
    syn_rst = 34, "SYN and RST in one segment"
    no_room = 35, "the frame could not be resized for the reply"
    bad_offset = 36, "an invalid TCP header length"
    cut_short = 37, "truncated: the frame ends before the end of its headers, for a protected host"
    bad_extensions = 38, "more than 6 IPv6 extension headers, or a routing header with segments left, for a protected host"
    first_fragment = 39, "the first fragment of a TCP segment"
    later_fragment = 40, "a later fragment of a TCP segment"
    default_drop = 41, "not TCP, or not matched by `protect`: dropped by the host's `default`"
    null = 42, "TCP without any flag (null scan)"
    xmas = 43, "FIN, PSH and URG without ACK (Xmas scan)"
    no_ack = 44, "data, FIN or other flags without ACK"
    stray_syn_ack = 45, "SYN-ACK of no known connection"
    stray_rst = 46, "RST of no known connection"
    stray_fin = 47, "FIN of no known connection, without a valid cookie"
    stray_data = 48, "data of no known connection, without a valid cookie"
    stray_ack = 49, "ACK of no known connection, without a valid cookie"
    implausible_rst = 50, "RST of a known connection, without the expected sequence number"
    host_limit = 51, "a SYN beyond the host's SYN-ACK limit"
    total_limit = 52, "a SYN beyond the SYN-ACK limit for all hosts"
    prefix_limit = 53, "a SYN beyond its source prefix's fair share of a SYN-ACK limit that is reached"
    learn_limit = 54, "in the grace period: of no known connection, beyond the learning limit"
    martian = 55, "martian: an impossible source address (RFC 1122 3.2.1.3, RFC 4291), or the host's own"
    implausible = 56, "of a known connection, with sequence or ACK numbers outside the window, repeatedly"
    frame_limit = 57, "of a known connection, beyond its frame rate limit"
    guess_limit = 58, "ACK of no known connection, from a prefix with too many invalid cookies: not checked"
    newcomer_limit = 59, "a valid cookie, or a SYN to forward, beyond its source prefix's limit of new connections"
    prefix_cap = 60, "a SYN beyond the SYN-ACK limit of a source prefix"
    # DROP: by a rule
    rule_drop = 64, "a `drop` rule matches"
    rule_limit = 65, "a `limit` rule matches, beyond the rule's rate"
    rule_source_limit = 66, "a `limit per source` rule matches, beyond the rate of its source prefix"
    # DROP: lists of sources
    denied = 67, "the source is on a `deny` list"
    # DROP: by the steering program of the af_xdp engine
    held = 68, "no worker takes it (`when_down = \"hold\"`): a segment of no known connection"
    # DROP: `challenge` and `pass`
    proof = 72, "an RST that answers a challenge: its source is now proven"
    source_limit = 73, "a SYN beyond its proven source's limit for 2 seconds"
    source_waits = 74, "a SYN of a temporarily blocked source: its connections were reset or never finished"
    syn_limit = 75, "a SYN beyond the host's limit of forwarded SYNs"
    # REPLY
    answered = 88, "a SYN answered with a cookie"
    challenged = 89, "a SYN answered with a challenge: its source is not proven"
    # FORWARD
    connection = 96, "of a known connection"
    remembered = 97, "a valid cookie: the connection is now known"
    learned = 98, "in the grace period: ACK of a new connection: learned"
    reopened = 99, "a SYN for a known connection that may still be open: left to the host (RFC 5961 4)"
    reset = 100, "RST of a known connection, with the exact sequence number: the connection is removed"
    reset_asked = 101, "RST of a known connection, in the window: left to the host, which sends a challenge ACK (RFC 5961 3)"
    doubtful = 102, "of a known connection, with numbers outside the window: one in a while is left to the host"
    # FORWARD: by a rule
    rule_pass = 104, "a `pass` rule matches"
    # FORWARD: `challenge` and `pass`
    opened = 112, "a SYN is forwarded to its host: the connection is half-open"
    established = 113, "the client's ACK completes such a handshake: the connection is now known"
    # PASS: the agent, which leaves to the kernel what it does not judge
    fragment = 128, "a fragment of an IP packet"
    extension = 129, "more than 6 IPv6 extension headers, or a routing header with segments left"
    not_tcp = 130, "IP, but not TCP"
    not_ack = 131, "TCP without ACK, or with SYN or RST: cannot carry a cookie"
    known = 132, "an existing socket matches"
    no_listener = 133, "no socket listens there"
    admitted = 134, "a valid cookie: the connection is created"
    bad_cookie = 135, "for a listening socket, without a valid cookie: left to the kernel"
    not_admitted = 136, "a valid cookie, but the kernel cannot create the connection: an MPTCP listener"
    time_wait_ended = 137, "a valid cookie: the previous connection of this address and port, in TIME_WAIT, is ended"
    time_wait_kept = 138, "a valid cookie, reset: the previous connection stays in TIME_WAIT (newer, or tcp_rfc1337 is set)"
    connection_ended = 139, "a valid cookie: the previous connection of this address and port, in another state, is ended"
    connection_kept = 140, "a valid cookie, reset: the previous connection of this address and port stays (it may be newer)"
    elsewhere = 141, "a valid cookie, for the address of a host behind this machine"
    behind = 142, "data or a FIN for a listening socket: injected again behind an ACK that TCP may not have processed yet"


# Verdict -> its groups. What has no verdict yet passes.
GROUPS = {Verdict.DROP: range(4, 11), Verdict.REPLY: range(11, 12), Verdict.FORWARD: range(12, 15)}


def packed() -> int:
    """Two bits for each group, its verdict: what a program shifts a reason's out of."""
    verdicts = {group: verdict for verdict, groups in GROUPS.items() for group in groups}
    return sum(verdicts.get(group, Verdict.PASS) << 2 * group for group in range(REASONS >> GROUP_SHIFT))


VERDICTS = packed()


def verdict(reason: int) -> Verdict:
    """The verdict that a reason's number carries. ValueError if the number is none."""
    if not 0 <= reason < REASONS:
        raise ValueError(f"{reason} is not a reason's number")
    return Verdict(VERDICTS >> (reason >> GROUP_SHIFT) * 2 & 3)
