"""Every hand-written frame: a description, the frame, its verdict and reason, and the frame as it leaves.

The rows are written by hand, a file for each layer; an expected answer names the cookie's options byte and the order of
the answer's options, and the rows of `golden` are literal bytes. Whatever runs the packet program must agree with all.
"""

from __future__ import annotations

from rows import (
    challenged,
    finished,
    golden,
    known,
    limits,
    link,
    listed,
    moments,
    network,
    networks,
    offers,
    others,
    outward,
    passed,
    ruled,
    sent_on,
    strangers,
    transport,
    uplinks,
)
from rows.row import Row

ROWS: list[Row] = [
    *golden.ROWS,
    *link.ROWS,
    *network.ROWS,
    *networks.ROWS,
    *transport.ROWS,
    *offers.ROWS,
    *moments.ROWS,
    *strangers.ROWS,
    *known.ROWS,
    *limits.ROWS,
    *others.ROWS,
    *outward.ROWS,
    *ruled.ROWS,
    *sent_on.ROWS,
    *finished.ROWS,
    *uplinks.ROWS,
    *listed.ROWS,
    *challenged.ROWS,
    *passed.ROWS,
]
