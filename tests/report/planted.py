"""Each kind of flood that the lab sends from outside, with a value of its own that all its frames have.

Left out: `known...`, in the name of an open connection, which is limited for that connection and counts as no stray;
`filler`, whose handshakes are completed; `tenant`, which comes from inside; `guess-count`, whose frames are like `guess`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.lab.packets.recipe import SINGLE, Caller, Kind, Marks

STRANGE = bytes.fromhex("0303070402020405b4010101")  # WS, SACK permitted, MSS: an order that no system has
USUAL = Marks()
BYTES = b"\xde\xad\xbe\xef and so on.."
CALLED: dict[Kind, str] = {
    "syn": "SYN",
    "ack": "ACK",
    "rst": "RST",
    "fin": "FIN-ACK",
    "syn-ack": "SYN-ACK",
    "null": "no flags",
    "xmas": "FIN-PSH-URG",
    "data": "PSH-ACK",
    "first-fragment": "fragment",
    "later-fragment": "fragment",
    "guess": "ACK",
}


@dataclass(frozen=True)
class Planted:
    """A flood. `because`, `rule`: what the best rule names, and some of its text. `frames`: so many are enough of it."""

    kind: Kind
    version: int
    because: str
    rule: str
    marks: Marks = USUAL
    sources: str = ""
    callers: tuple[Caller, ...] = ()
    frames: int = 12_000

    @property
    def kinds(self) -> dict[str, float]:
        """As reports call its frames, with the share that each is of the flood."""
        some = SINGLE if self.kind == "mixed" else (self.kind,)
        return {CALLED[kind]: sum(CALLED[one] == CALLED[kind] for one in some) / len(some) for kind in some}


FLOODS = (
    Planted("syn", 4, "TCP options: WS, SACK, MSS, NOP, NOP, NOP", "tcp[20:2] = 771", Marks(options=STRANGE)),
    Planted("ack", 6, "hop limit: 243", "ip6[7] = 243", Marks(ttl=243)),
    Planted("rst", 4, "source port: 1337", "tcp src port 1337", Marks(source_port=1337)),
    Planted("fin", 6, "window: 1025", "ip6[54:2] = 1025", Marks(window=1025)),
    Planted("syn-ack", 4, "sequence number: 12648430", "tcp[4:4] = 0x00c0ffee", Marks(sequence=0xC0FFEE)),
    Planted("null", 4, "source /24: 198.18.7.0/24", "src net 198.18.7.0/24", sources="198.18.7.0/24"),
    Planted("xmas", 4, "TTL: 243", "ip[8] = 243", Marks(ttl=243)),
    Planted("data", 4, "length: 42 bytes of IP", "ip[2:2] = 42", Marks(payload=b"ht")),
    Planted("first-fragment", 4, "payload: begins with 0xdeadbeef", "tcp[20:4] = 0xdeadbeef", Marks(payload=BYTES)),
    Planted("later-fragment", 6, "hop limit: 243", "ip6[7] = 243", Marks(ttl=243)),
    Planted("guess", 4, "source port: 4444", "tcp src port 4444", callers=(Caller("203.0.113.77", 4444),)),
    Planted("mixed", 4, "TTL: 243", "ip[8] = 243", Marks(ttl=243), frames=24_000),
)
