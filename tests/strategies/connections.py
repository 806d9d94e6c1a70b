"""Generated connections and moments, for cookies that are made, come back and are checked."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from naive.cookie import EPOCH, Flow
from naive.options import Offer
from naive.world import EPOCH_BEGINS

from strategies.headers import ports
from strategies.options import EDGE_MSS, words
from strategies.weights import weighted

EPOCHS = st.sampled_from([EPOCH_BEGINS + t * EPOCH for t in range(-2, 3)])
WITHIN = st.integers(0, EPOCH - 1) | st.sampled_from([0, 1, EPOCH // 2 - 1, EPOCH // 2, EPOCH - 1])
WITH_KEY = st.builds(int.__add__, EPOCHS, WITHIN)
KEYLESS = [EPOCH_BEGINS - 2 * EPOCH - 1, EPOCH_BEGINS + 3 * EPOCH, EPOCH_BEGINS + 64 * EPOCH, EPOCH_BEGINS - 64 * EPOCH]
MOMENTS = weighted((15, WITH_KEY), (1, st.sampled_from(KEYLESS)))

ADDRESSES4, ADDRESSES6 = st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)
FLOWS = st.builds(Flow, ADDRESSES4, ADDRESSES4, ports, ports) | st.builds(Flow, ADDRESSES6, ADDRESSES6, ports, ports)
OFFERS = st.builds(
    Offer,
    mss=st.none() | st.sampled_from(EDGE_MSS) | st.integers(0, 65535),
    scale=st.none() | st.integers(0, 255),
    sack=st.booleans(),
    tsval=st.none() | words,
)


def moments() -> SearchStrategy[int]:
    """Unix milliseconds around the world's epochs, at their edges and middles; now and then there is no key."""
    return MOMENTS


def flows() -> SearchStrategy[Flow]:
    """A connection's addresses and ports, either version."""
    return FLOWS


def offers() -> SearchStrategy[Offer]:
    """What a client may offer."""
    return OFFERS
