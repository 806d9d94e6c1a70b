"""What may be spent in a window: SYN-ACKs for a host, and for all; connections learned. Counted exactly, as on one CPU."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive.parse import Segment
from naive.state import WINDOW, Host, State

LEARNING, EVERYBODY = "connections learned", "SYN-ACKs for all hosts"
Whose = int | str  # a host's number, or one of these


def spend(state: State, whose: Whose, limit: int, now_ms: int) -> bool:
    """One more of a budget; False if all is spent."""
    window = now_ms // WINDOW
    if state.spent[whose, window] >= limit:
        state.refused[whose] = window
        return False
    state.spent[whose, window] += 1
    return True


def refuses(state: State, segment: Segment, host: Host, now_ms: int) -> Reason | None:
    """Why a SYN gets no answer; None if it may have one, which is then paid for."""
    limits: dict[Whose, int] = {host.number: host.replies, EVERYBODY: state.replies}
    short = next((whose for whose in limits if bites(state, whose, now_ms)), None)
    if short is not None and not has_fair_share(state, segment, host, short, limits[short], now_ms):
        state.refused[short] = now_ms // WINDOW
        return Reason.prefix_limit
    if not spend(state, host.number, host.replies, now_ms):
        return Reason.host_limit
    return None if spend(state, EVERYBODY, state.replies, now_ms) else Reason.total_limit


def bites(state: State, whose: Whose, now_ms: int) -> bool:
    """Whether somebody was refused in this window or the one before."""
    return whose in state.refused and now_ms // WINDOW - state.refused[whose] in (0, 1)


def has_fair_share(state: State, segment: Segment, host: Host, short: Whose, limit: int, now_ms: int) -> bool:
    """Whether the source's prefix, in what it wants of this host, has had less than an equal share of what is short."""
    window = now_ms // WINDOW
    before = [number for _, number in state.crowds[window - 1]]  # of the prefixes that came, for which host they did
    crowd = len(before) if short == EVERYBODY else before.count(host.number)
    fair = max(1, limit // (crowd + 1))  # one share is for who comes anew
    source = segment.packet.source
    prefix = source[:3] if len(source) == 4 else source[:8]
    had = state.crowds[window][prefix, host.number]
    state.crowds[window][prefix, host.number] = min(had + 1, fair)
    return had < fair
