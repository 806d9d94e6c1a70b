"""Numbers of the wire, with their sources."""

from __future__ import annotations

# Ethernet: IEEE 802.3, 802.1Q, 802.1ad
ETHERNET = 14  # bytes
TAG = 4  # bytes
TYPE_IPV4, TYPE_IPV6, TYPE_VLAN, TYPE_SERVICE_VLAN = 0x0800, 0x86DD, 0x8100, 0x88A8
SHORTEST_FRAME = 60  # bytes without the frame check sequence; shorter ones are padded

# IP: RFC 791, RFC 8200, RFC 3168
IPV4, IPV6 = 20, 40  # bytes of header without options or extensions
FRAGMENT_BITS = 0x3FFF  # more fragments, and the offset
OFFSET_BITS = 0x1FFF
ECN_BITS = 3
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 0, 43, 44, 60
ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL, ICMP6_PROTOCOL = 1, 6, 17, 58

# TCP: RFC 9293
TCP = 20  # bytes of header without options
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128

# TCP options: RFC 9293 3.2, RFC 7323, RFC 2018
END, NOP, MSS, SCALE, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 8
MOST_OPTIONS = 40  # bytes
MOST_SCALE = 14  # RFC 7323 2.3
