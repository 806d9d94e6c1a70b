"""A client by hand that comes back by its port, and what the host's kernel still has of its last connection."""

from __future__ import annotations

import struct

from lab_ground import eventually
from naive.frames import ACK, FIN, PSH, RST, SYN

from handshake.raw import LOW_32, Heard, Peer
from handshake.stage import PATIENCE
from hardtack.lab.counters import HERE
from hardtack.lab.topology import Topology

ISN, TSVAL = 0x20000000, 0x30000000  # of the first connection
LATER, EARLIER = 5000, -5000
AGAIN = 1.0  # s until an unanswered SYN is sent again: RFC 6298 2.1
# As /proc/net/tcp writes them
ESTABLISHED, SYN_RECEIVED, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING = (
    *("01", "03", "04", "05", "06", "08", "09", "0B"),
)
CLOSED = ""


class Client(Peer):
    """A connection by hand that may be the second of its address and port, and whose clock is the test's."""

    tsval: int | None = TSVAL

    def request(self) -> bytes:
        """Its SYN."""
        stamp = b"" if self.tsval is None else struct.pack("!BBBBII", 4, 2, 8, 10, self.tsval, 0)
        return self.frame(SYN, seq=self.isn, ack=0, carried=b"\x02\x04\x05\xb4" + stamp)

    def open(self) -> None:
        """SYN, and wait for its answer; the ACK is not sent yet."""
        before = sum(map(is_syn_ack, self.heard()))
        self.wire.send(self.request())
        self.take(self.hear(is_syn_ack, number=before + 1))

    def come_back(self) -> None:
        """The same where the host may have the last connection still, and asks back: RFC 9293 3.10.7.3, RFC 5961 4.

        Of that connection's FINs none arrives.
        """
        while not is_syn_ack(answer := self.ask_for_it()):
            self.wire.send(self.frame(RST, seq=answer.ack, ack=0, carried=b""))
        self.take(answer)

    def ask_for_it(self) -> Heard:
        """What the SYN is answered by. TimeoutError."""
        before = len(self.heard())
        for _ in range(int(PATIENCE / AGAIN)):
            self.wire.send(self.request())
            if eventually(lambda: any(map(is_answer, self.heard()[before:])), AGAIN):
                return next(filter(is_answer, self.heard()[before:]))
        raise TimeoutError("no answer to any SYN")

    def speak(self, flags: int, payload: bytes = b"") -> bytes:
        """One segment in sequence; the frame as it was sent."""
        carried = b"" if self.echo is None else struct.pack("!BBBBII", 1, 1, 8, 10, self.tsval, self.echo)
        sent = self.frame(flags, payload, carried=carried)
        self.wire.send(sent)
        self.seq = (self.seq + len(payload) + bool(flags & FIN)) & LOW_32
        return sent

    def hear_end(self) -> None:
        """Wait for the host's FIN. The next segment will acknowledge it."""
        end = self.hear(lambda heard: bool(heard.flags & FIN))
        self.ack = (end.seq + len(end.payload) + 1) & LOW_32

    def proves_itself(self) -> bool:
        """Whether the talker has this connection, by its own word."""
        self.speak(ACK | PSH, b"info\n")
        return bool(self.hear_line()["peer"] == [self.source, self.source_port])

    def again(self, isn: int, tsval: int | None) -> Client:
        """Another connection from the same address and port."""
        other = Client(self.wire, self.version, self.port, isn=isn & LOW_32, source_port=self.source_port)
        other.source, other.tsval = self.source, tsval
        return other


def is_syn_ack(heard: Heard) -> bool:
    """The answer that makes a connection."""
    return bool(heard.flags & SYN)


def is_answer(heard: Heard) -> bool:
    """Whatever may answer a SYN: no FIN, no data, no reset of ours that came back."""
    return is_syn_ack(heard) or (heard.flags == ACK and not heard.payload)


def state_of(net: Topology, client: Client) -> str:
    """What the host's kernel has of the client's connection; CLOSED if nothing."""
    text = net.server.call((HERE / ("tcp6" if client.version == 6 else "tcp")).read_text)
    for line in text.splitlines()[1:]:
        here, there, state = line.split()[1:4]
        if (here.rpartition(":")[2], there.rpartition(":")[2]) == (f"{client.port:04X}", f"{client.source_port:04X}"):
            return state
    return CLOSED
