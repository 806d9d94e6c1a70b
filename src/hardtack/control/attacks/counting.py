"""What a host's counters say of its handshakes: which begin, which end, and what belongs to none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hardtack.control.attacks.detector import Counted, Flags
from hardtack.packet.reasons import Reason

OPENED, ANSWERED, CHALLENGED = (Reason.opened,), (Reason.answered,), (Reason.challenged,)  # handshakes that begin
REFUSED = (
    *(Reason.host_limit, Reason.total_limit, Reason.prefix_limit, Reason.prefix_cap, Reason.newcomer_limit),
    *(Reason.source_limit, Reason.source_waits, Reason.syn_limit),
)
AGAIN, EACH = (Reason.reopened,), 8  # SYNs for what has begun; as often a client sends one again that nobody answers
ESTABLISHED, REMEMBERED, PROOF = (Reason.established,), (Reason.remembered,), (Reason.proof,)  # that end
CLOSED = (Reason.outbound_refused,)  # the host's own word that nobody listens there: whoever asks is no flood
STRAY = (
    *(Reason.stray_ack, Reason.stray_data, Reason.stray_fin, Reason.stray_rst, Reason.stray_syn_ack),
    *(Reason.guess_limit, Reason.learn_limit, Reason.martian),
    # Of TCP, that no connection has: without flags, with flags that no stack sends together, fragments
    *(Reason.null, Reason.xmas, Reason.no_ack, Reason.syn_fin, Reason.syn_rst, Reason.bad_offset),
    *(Reason.first_fragment, Reason.later_fragment),
)
SAID = (Reason.outbound, Reason.outbound_first, Reason.outbound_end, Reason.outbound_refused, Reason.taught)
COLUMNS = (OPENED, ANSWERED, CHALLENGED, REFUSED, AGAIN, ESTABLISHED, REMEMBERED, PROOF, CLOSED, STRAY, SAID)
WORDS = [[2 * reason for reason in reasons] for reasons in COLUMNS]  # where an entry of `counters` has their frames


def counted(frames: npt.NDArray[np.float64], heard: Flags) -> Counted:
    """Of some hosts, a row each, with frames by COLUMNS. `heard`: whose own frames are all seen.

    A good cookie and a proof can be sent again and again. So they end no more handshakes than have begun so, and a proof
    none without a client that then comes.
    """
    opened, answered, challenged, refused, again, established, remembered, proof, closed, strays, said = frames.T
    ended = established + np.minimum(remembered, answered) + np.minimum(closed, opened)
    ended += np.minimum.reduce([proof, challenged, established])
    begun = opened + answered + challenged
    more = np.maximum(again - EACH * begun, 0)
    return Counted(begun + refused + more, ended, strays, said * heard)
