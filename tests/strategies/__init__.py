"""Hypothesis strategies with a bias to the interesting.

frames()    any frame there could be: for "every engine gives the same verdict and the same bytes"
syns()      whole SYNs that are answered if there is a key for the moment
options()   the option bytes of a TCP header
moments()   unix milliseconds near the edges of epochs, most of them with a key in `naive.world.KEYS`
flows(), offers()   connections, and what their clients offer
lives()     what happens in a small town, on several CPUs (`Town` makes frames of it)
traffic()   segments of a few connections, again and again
"""

from strategies.connections import flows, moments, offers
from strategies.frames import frames, syns
from strategies.options import options
from strategies.town import Life, Town, lives
from strategies.traffic import Event, traffic

__all__ = ["Event", "Life", "Town", "flows", "frames", "lives", "moments", "offers", "options", "syns", "traffic"]
