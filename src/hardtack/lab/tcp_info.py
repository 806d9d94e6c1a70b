"""What the kernel says of a TCP connection: TCP_INFO, the first 104 bytes of struct tcp_info (linux/tcp.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

# Eight bytes, of which byte 6 holds both window scales, then 24 words; unchanged since Linux 2.6
LAYOUT = struct.Struct("=8B24I")
TIMESTAMPS, SACK, WINDOW_SCALING, ECN = 1, 2, 4, 8  # TCPI_OPT_*


@dataclass(frozen=True)
class TcpInfo:
    """The options in use, and what tests ask about. `send_scale` is what the peer offered, `receive_scale` ours."""

    state: int
    timestamps: bool
    sack: bool
    window_scaling: bool
    ecn: bool
    send_scale: int
    receive_scale: int
    send_mss: int  # bytes in a segment, options taken off already
    receive_mss: int
    advertised_mss: int
    rtt_us: int
    retransmitted: int  # segments, in all


def read(connection: socket.socket) -> TcpInfo:
    """TCP_INFO of a connected socket."""
    return parse(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAYOUT.size))


def parse(raw: bytes) -> TcpInfo:
    """The kernel's struct, as bytes."""
    state, _, _, _, _, options, scales, _, *words = LAYOUT.unpack(raw[: LAYOUT.size])
    return TcpInfo(
        state=state,
        timestamps=bool(options & TIMESTAMPS),
        sack=bool(options & SACK),
        window_scaling=bool(options & WINDOW_SCALING),
        ecn=bool(options & ECN),
        send_scale=scales & 15,
        receive_scale=scales >> 4,
        send_mss=words[2],
        receive_mss=words[3],
        rtt_us=words[15],
        advertised_mss=words[19],
        retransmitted=words[23],
    )
