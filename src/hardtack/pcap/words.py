"""The words of a pcap expression, as libpcap's scanner cuts them: to find names that libpcap would look up in the DNS.

A name is let through only where libpcap takes it for a port or a protocol (services(5), protocols(5): this machine's files),
or for the kind of an LLC frame; never where it would be a host, network or Ethernet host. What qualifies a name, libpcap's
grammar hands down from the primitive before it, past brackets: so does this.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

# Words of the grammar, libpcap 1.10: scanner.l. Newer ones are names to older versions, so they are names here.
QUALIFIES = ("host", "net", "port", "portrange", "proto", "protochain", "gateway")
DIRECTS = ("src", "dst", "ra", "ta", *(f"{word}{n}" for word in ("addr", "address") for n in (1, 2, 3, 4)))
LIVE = ("inbound", "outbound", "ifindex", "on", "ifname", "rset", "ruleset", "rulenum", "srnr", "subrulenum", "reason")
WORDS = """
action link ether ppp slip fddi tr wlan arp rarp ip sctp tcp udp icmp igmp igrp pim vrrp carp radio ip6 icmp6 ah esp
atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp stp ipx netbeui mask
type subtype direction dir less greater byte broadcast multicast and or not len length vlan mpls pppoed pppoes geneve
lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect rnr fisu lssu lsu msu hfisu hlssu
hmsu sio opc dpc sls hsio hopc hdpc hsls icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect
icmp-echo icmp-routeradvert icmp-routersolicit icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply icmp-ireq
icmp-ireqreply icmp-maskreq icmp-maskreply icmp6type icmp6code icmp6-destinationunreach icmp6-packettoobig
icmp6-timeexceeded icmp6-parameterproblem icmp6-echo icmp6-echoreply icmp6-multicastlistenerquery
icmp6-multicastlistenerreportv1 icmp6-multicastlistenerdone icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit
icmp6-neighboradvert icmp6-redirect icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse
icmp6-ineighbordiscoverysolicit icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2
icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply icmp6-mobileprefixsolicit icmp6-mobileprefixadvert
icmp6-certpathsolicit icmp6-certpathadvert icmp6-multicastrouteradvert icmp6-multicastroutersolicit
icmp6-multicastrouterterm tcpflags tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr
"""
KEYWORDS = frozenset((*QUALIFIES, *DIRECTS, *LIVE, *WORDS.split()))

BYTE, GROUP, NUMBER = "[0-9A-Fa-f]{1,2}", "[0-9A-Fa-f]{1,4}", "(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
DOTTED = rf"{NUMBER}(?:\.{NUMBER}){{3}}"
NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?")
ESCAPED = re.compile(r"\\[^ !()\n\t]+")
SIGN = re.compile(r">=|<=|!=|==|<<|>>|&&|\|\||[-+*/%:\[\]!<>()&|^=]")
SPACE = re.compile(r"[ \r\n\t]+")


def ipv6(before: int, after: int, last: str) -> str:
    """Groups, `::`, groups and perhaps a dotted IPv4 address."""
    left, right = ":".join([GROUP] * before), ":".join([*([GROUP] * after), *([last] if last else [])])
    return f"{left}::{right}"


NUMERIC = [
    re.compile(pattern)
    for pattern in (
        NUMBER,
        rf"{NUMBER}(?:\.{NUMBER}){{1,3}}",
        rf"\${BYTE}",
        *(rf"{BYTE}(?:{mark}{BYTE}){{5}}" for mark in (":", "-", r"\.")),
        r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}",
        r"[0-9A-Fa-f]{12}",
        rf"{BYTE}:+(?:{BYTE}:+)+",
        ":".join([GROUP] * 8),
        ":".join([GROUP] * 6 + [DOTTED]),
        *(ipv6(before, after, "") for before in range(8) for after in range(8 - before)),
        *(ipv6(before, after, DOTTED) for before in range(6) for after in range(6 - before)),
    )
]
BEGIN_NUMERIC = frozenset("0123456789abcdefABCDEF:$")


class Word(NamedTuple):
    """One word, where it begins (from 0), and what it is: "name", "keyword", "numeric" or "sign"."""

    text: str
    at: int
    kind: str


class Unknown(Exception):
    """A name or a character that an expression cannot have here. `remedy` says what to write."""

    def __init__(self, text: str, at: int, what: str) -> None:
        self.text, self.at = text, at
        super().__init__(what)


def words(expression: str) -> list[Word]:
    """All of them; the longest that matches, as flex does it. Unknown: a character that begins none."""
    found, at = [], 0
    while at < len(expression):
        if space := SPACE.match(expression, at):
            at = space.end()
            continue
        word = longest(expression, at)
        if word is None:
            raise Unknown(expression[at], at, "is not valid in an expression")
        found.append(word)
        at += len(word.text)
    return found


def longest(expression: str, at: int) -> Word | None:
    """The word that begins here. Of the same length, a name is the last that it may be."""
    tried = NUMERIC if expression[at] in BEGIN_NUMERIC else ()
    matches = [match.group() for pattern in tried if (match := pattern.match(expression, at))]
    number = max(matches, key=len, default="")
    name = match.group() if (match := NAME.match(expression, at)) else ""
    if escaped := ESCAPED.match(expression, at):
        return Word(escaped.group(), at, "name")
    if name and len(name) > len(number):
        return Word(name, at, "keyword" if name in KEYWORDS else "name")
    if number:
        return Word(number, at, "numeric")
    sign = SIGN.match(expression, at)
    return Word(sign.group(), at, "sign") if sign else None


LOCAL = ("port", "portrange", "proto", "protochain")


def check_names(found: list[Word]) -> None:
    """Unknown: the first name that libpcap would not find on this machine alone, or a word that needs a live capture."""
    qualifier, outside, before = "host", list[str](), ""
    for word in found:
        if word.text == "(":
            outside.append(qualifier)
        elif word.text == ")" and outside:
            qualifier = outside.pop()
        elif word.kind == "keyword":
            if word.text in LIVE:
                raise Unknown(word.text, word.at, "needs a live capture: a rule sees only received frames")
            if word.text in QUALIFIES:
                qualifier = word.text
            elif word.text in DIRECTS:
                qualifier = "host"
        elif word.kind == "name" and qualifier not in LOCAL and before != "llc":
            raise Unknown(word.text, word.at, f"is a name, and names are not resolved: {suggestion(word.text)}")
        before = word.text


def suggestion(name: str) -> str:
    """What may have been meant."""
    close = get_close_matches(name, KEYWORDS, 1, 0.75)
    return f"did you mean `{close[0]}`? Else write an address" if close else "write its address"
