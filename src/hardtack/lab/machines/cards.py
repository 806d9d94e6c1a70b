"""The guest's network cards: pairs, each joined by a cable of its own. Host and guest know them by their MAC addresses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """One of them: QEMU's name of its kind, the cable, and the driver in Linux."""

    kind: str
    cable: str
    number: int

    @property
    def mac(self) -> bytes:
        """Locally administered."""
        return bytes([0x52, 0x54, 0, 0, 0, self.number])

    def options(self) -> list[str]:
        """For QEMU's command line; cards without a file of firmware, which nobody boots from."""
        cable, name = sorted({card.cable for card in CARDS}).index(self.cable), f"card{self.number}"
        device = f"{self.kind},netdev={name},mac={self.mac.hex(':')},romfile="
        return ["-netdev", f"hubport,id={name},hubid={cable}", "-device", device]


CARDS = (
    Card("virtio-net-pci", "street", 1),
    Card("virtio-net-pci", "street", 2),
    Card("virtio-net-pci", "yard", 3),
    Card("virtio-net-pci", "yard", 4),
    Card("virtio-net-pci", "plain", 5),
    Card("e1000e", "plain", 6),
)


def ends(cable: str) -> tuple[Card, Card]:
    """The two cards of a cable."""
    first, second = (card for card in CARDS if card.cable == cable)
    return first, second
