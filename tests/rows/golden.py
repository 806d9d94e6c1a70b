"""Rows in literal bytes, from vectors/frames.txt: nothing in them is computed by a twin or a builder.

The first four are the vectors of cookie.md. Each answer was checked apart from this code: key and tag with OpenSSL's
HMAC and SIPHASH, layout, options and checksums with Scapy, cookie and TSval from the tag by cookie.md.

A row is a paragraph: `# description`, then `in` and, if the frame is answered, `out` (hexadecimal; Ethernet, IP,
extension headers, TCP, its options, data or padding, each on a line), `now` in unix milliseconds, and the `reason`.
"""

from __future__ import annotations

from pathlib import Path

import vectors

from hardtack.packet.reasons import Reason
from rows.row import Row

FRAMES = Path(vectors.__file__).with_name("frames.txt")


def read(paragraph: str) -> Row:
    """One row. KeyError for a paragraph that lacks `in`, `now` or `reason`, or names a reason there is not."""
    title, *lines = paragraph.splitlines()
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if not line.startswith(" "):
            name, line = line.split(maxsplit=1)
            fields[name] = ""
        fields[name] += line
    out = bytes.fromhex(fields["out"]) if "out" in fields else None
    return Row(title[2:], bytes.fromhex(fields["in"]), Reason[fields["reason"]], out, int(fields["now"]))


ROWS = [read(paragraph) for paragraph in FRAMES.read_text(encoding="ascii").split("\n\n")]
