"""Rules: the tables of the packet program that are about them, and their records. NumPy only, as layout.py.

A rule program only matches; what a rule does is data here. A host's word (`Host.rules`) says which program, and where in
`rules` its records begin: the first is for what no expression matches, then one for each, in order.
"""

from __future__ import annotations

import numpy as np

from hardtack.image import MMAPABLE, Table
from hardtack.packet.layout import table
from hardtack.packet.records import Passage

# Host.rules: the place in `rule_programs`, the first record, and bits. 0: the host has no rules
SLOT_BITS, BASE_SHIFT, BASE_BITS = 0xFFFF, 16, 0xFFFFFFFF
HAS_RULES = 1 << 63
DRY_RUN = 1 << 62  # nothing is dropped, no SYN answered
ANY_PORT = 1 << 61  # rules may have a connection of any port protected

AFTER_RULES = 0  # the place in `rule_programs` of the front's second program; all others are rule programs
MOST_PROGRAMS = 2048  # twice as many lists as a front may have: a new one is loaded before the old one goes
MOST_RULE_RECORDS = 1 << 16
FEWEST_RULES = 1024  # entries of what has one for each rule
SOURCE_WAYS = 8  # words in a bucket of `rule_sources`
SOURCE_BUCKETS = 1 << 14

# Rule.action. NOTHING: judged as if there were no rules. DEFAULT: no expression matches, where `protect` is given
NOTHING, PASS_ON, DROP_IT, LIMIT, COUNT, PROTECT, DEFAULT = range(7)

# Words are written whole, while programs read
Rule = np.dtype(
    [
        ("number", "u4"),  # its place in `rule_counters` and `rule_buckets`
        ("action", "u1"),
        ("dry", "u1"),  # 1: counted as what would have happened, then judged as if there were no rules
        ("per_source", "u1"),  # 1: each source prefix has the rate
        ("reserved", "u1"),
        ("cost", "u4"),  # ns that a draw from the bucket takes to come back
        ("frames", "u4"),  # that a draw is good for
        ("then", "u8"),  # as Host.rules: what judges a frame that was only counted; 0: no rules do
        ("spare", "u8"),
    ],
    align=True,
)
Rules = np.dtype([("records", Rule, (MOST_RULE_RECORDS,))], align=True)

# Of a rule, on one CPU; 64 bytes, a cache line
Tally = np.dtype(
    [
        ("frames", "u8"),  # that matched
        ("bytes", "u8"),
        ("over", "u8"),  # of them, beyond the rule's rate
        ("over_bytes", "u8"),
        ("left", "u8"),  # of the last draw
        ("spare", "u8", (3,)),
    ],
    align=True,
)
# When the bucket of a rule is full again, in monotonic ns: in a cache line of its own
Bucket = np.dtype([("full_at", "u8"), ("spare", "u8", (7,))], align=True)
# The same of source prefixes, in SOURCE_NS: a tag of 16 bits, and the time
Sources = np.dtype([("words", "u8", (SOURCE_WAYS,))], align=True)

RULES = table("rules", "array", Rules, flags=MMAPABLE)
RULE_PROGRAMS = Table("rule_programs", "prog_array", 4, 4, MOST_PROGRAMS)
RULE_PROGRAMS_IP = Table("rule_programs_ip", "prog_array", 4, 4, MOST_PROGRAMS)  # at tcx: kinds are not mixed
POSITION = 8  # where Passage.position lies
PASSAGE = table("passage", "percpu_array", Passage)
RULE_SOURCES = table("rule_sources", "array", Sources, SOURCE_BUCKETS, MMAPABLE)
# `entries` of these is for whoever makes them to choose: as many as there are numbers
RULE_COUNTERS = table("rule_counters", "percpu_array", Tally, FEWEST_RULES)
RULE_BUCKETS = table("rule_buckets", "array", Bucket, FEWEST_RULES, MMAPABLE)
