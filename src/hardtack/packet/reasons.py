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
    truncated = 1, "the frame ends before the header it announces"
    bad_header = 2, "a header that cannot be: version, header length or total length is impossible"
    not_ours = 3, "neither end is a protected address"
    other_port = 4, "the host protects other ports"
    default_pass = 5, "for a protected host, but not TCP, or none that `protect` names: its `default` lets it pass"
    no_key = 6, "no key for this epoch: hosts answer by themselves"
    not_for_us = 7, "a SYN for a protected host, sent to another machine's MAC address or to all: not ours to answer"
    # PASS: the front, about ICMP
    icmp_error = 8, "an ICMP error about a known connection"
    icmp_quote = 9, "an ICMP error about a protected port of the host's, of no connection known here, within a budget"
    neighbour = 10, "IPv6 neighbour discovery, without which nobody reaches the host"
    # PASS: the front, what hosts send
    outbound = 16, "from a host, of a known connection"
    taught = 17, "from a host, of a connection that the front did not know: now it does"
    outbound_end = 18, "from a host: its RST ends a known connection"
    outbound_other = 19, "from a host, nothing to be learned from: not TCP, another port, SYN-ACK or RST of no connection"
    outbound_forged = 20, "in a host's name, but not from its MAC address, or from the internet: nothing is learned"
    teach_limit = 21, "from a host, of a connection that the front did not know, beyond what a host may teach"
    outbound_first = 22, "from a host: its first word on a connection whose client came by a cookie or a SYN that went on"
    outbound_refused = 23, "from a host: its first word on such a connection is an RST"
    # PASS: the front, by a rule
    rule_within = 24, "not TCP, within the rate of the `limit` rule that it matches"
    # DROP
    bad_checksum = 32, "a SYN whose IPv4 header checksum is wrong"
    syn_fin = 33, "SYN and FIN in one segment"
    syn_rst = 34, "SYN and RST in one segment"
    no_room = 35, "the frame could not be resized for the reply"
    bad_offset = 36, "the TCP header's length is impossible"
    cut_short = 37, "the frame ends before the headers it announces, for a protected host"
    bad_extensions = 38, "more than 6 IPv6 extension headers, or a routing header with segments left, for a protected host"
    first_fragment = 39, "the first fragment of a TCP segment"
    later_fragment = 40, "a later fragment of a TCP segment"
    default_drop = 41, "for a protected host, but not TCP, or none that `protect` names: its `default` drops it"
    null = 42, "TCP without any flag"
    xmas = 43, "FIN, PSH and URG without ACK"
    no_ack = 44, "data, FIN or other flags without ACK"
    stray_syn_ack = 45, "SYN and ACK, of no known connection"
    stray_rst = 46, "RST of no known connection"
    stray_fin = 47, "FIN of no known connection, without a good cookie"
    stray_data = 48, "data of no known connection, without a good cookie"
    stray_ack = 49, "ACK of no known connection, without a good cookie"
    implausible_rst = 50, "RST of a known connection, with a sequence number that the host cannot expect"
    host_limit = 51, "a SYN beyond what may be answered for this host"
    total_limit = 52, "a SYN beyond what may be answered for all hosts"
    prefix_limit = 53, "a SYN beyond its source prefix's fair share, while a limit bites"
    learn_limit = 54, "in the grace period: of no known connection, beyond what may be learned"
    martian = 55, "a source address that nobody can have (RFC 1122 3.2.1.3, RFC 4291), or the host's own"
    implausible = 56, "of a known connection, with numbers that its host cannot expect, again and again"
    frame_limit = 57, "of a known connection, beyond the frames that it may send"
    guess_limit = 58, "ACK of no known connection, from a prefix whose cookies were wrong too often: not tried"
    newcomer_limit = 59, "a good cookie, or a SYN to go on, beyond the connections that its source prefix may open"
    prefix_cap = 60, "a SYN beyond what may be answered for a source prefix in any case"
    # DROP: by a rule
    rule_drop = 64, "a `drop` rule matches"
    rule_limit = 65, "a `limit` rule matches, beyond the rule's rate"
    rule_source_limit = 66, "a `limit per source` rule matches, beyond the rate of its source prefix"
    # DROP: lists of sources
    denied = 67, "from a source that a `deny` list of the host, or the one for all hosts, has"
    # DROP: `challenge` and `pass`
    proof = 72, "an RST that brings a challenge back: its source is proven, and it has done its work"
    source_limit = 73, "a SYN beyond what its proven source may have in 2 seconds"
    source_waits = 74, "a SYN of a source whose connections were reset or never finished: it is not challenged for a while"
    syn_limit = 75, "a SYN beyond those that may go on to this host"
    # REPLY
    answered = 88, "a SYN answered with a cookie"
    challenged = 89, "a SYN answered with a challenge: its source is not proven"
    # FORWARD
    connection = 96, "of a known connection"
    remembered = 97, "a good cookie: the connection is known from now on"
    learned = 98, "in the grace period: ACK of a connection that the front did not know; now it does"
    reopened = 99, "a SYN for a known connection that its host may have still: the host judges it (RFC 5961 4)"
    reset = 100, "RST of a known connection, with the very sequence number that the host expects: it is forgotten"
    reset_asked = 101, "RST of a known connection, near what the host expects: it judges, and asks back (RFC 5961 3)"
    doubtful = 102, "of a known connection, with numbers that its host cannot expect: one now and then, for it to judge"
    # FORWARD: by a rule
    rule_pass = 104, "a `pass` rule matches"
    # FORWARD: `challenge` and `pass`
    opened = 112, "a SYN goes on to its host: the connection is half open"
    established = 113, "the client's ACK ends such a handshake: the connection is known from now on"
    # PASS: the agent, which leaves to the kernel what it does not judge
    fragment = 128, "a fragment of an IP packet"
    extension = 129, "more than 6 IPv6 extension headers, or a routing header with segments left"
    not_tcp = 130, "IP, but not TCP"
    not_ack = 131, "TCP without ACK, or with SYN or RST: it admits nobody"
    known = 132, "an existing socket matches"
    no_listener = 133, "no socket listens there"
    admitted = 134, "a good cookie: the socket is made of it"
    bad_cookie = 135, "for a listening socket, without a good cookie: left to the kernel"
    not_admitted = 136, "a good cookie, but the kernel makes no socket of it: an MPTCP listener"
    time_wait_ended = 137, "a good cookie: the last connection of this address and port, in TIME_WAIT, is ended for it"
    time_wait_kept = 138, "a good cookie, reset: the last connection stays in TIME_WAIT (it may be newer or tcp_rfc1337 set)"
    connection_ended = 139, "a good cookie: the last connection of this address and port, in another state, is ended for it"
    connection_kept = 140, "a good cookie, reset: the last connection of this address and port stays (it may be newer)"
    elsewhere = 141, "a good cookie, for an address that is not this machine's: of a host that is reached through it"
    behind = 142, "data or a FIN for a listening socket: it comes in again, behind an ACK that may be on its way to TCP"


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
        raise ValueError(f"{reason} is no reason")
    return Verdict(VERDICTS >> (reason >> GROUP_SHIFT) * 2 & 3)
