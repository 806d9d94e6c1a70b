"""The marks anew, without those of connections that are no more. Attached nowhere: the front's process has it run.

All that time frames are judged by the one set of marks, and whoever remembers a connection marks it in both. First the
process clears the other set. Then this program, a stretch of places in each run, marks in it whom it finds in the table.
Then the process has that set looked at. Nobody is missed: a record that is not yet written when its place is passed is
marked afterwards by whoever writes it.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, entry_of, i64, new, u64
from hardtack.packet.layout import STRETCH, SWEEP, Sweep
from hardtack.packet.records import Name
from hardtack.packet.state.connections import connection_at, hashed, mark_in, places, tag_at
from hardtack.packet.state.names import name_from_record

DROP = 1  # enum xdp_action

new_name = new(Name)
progress_entry = entry_of(SWEEP, Sweep)


def sweep(frame):
    """One stretch further. There is no frame: struct xdp_md -> XDP_DROP."""
    progress, name, other = progress_entry(), new_name(), places().marks + u64(1)
    place = i64(progress.place)
    for _ in range(STRETCH):
        entry = connection_at(place)
        if absent(entry):
            break
        if tag_at(place):
            name_from_record(entry, name)
            name.hashed = hashed(name)
            mark_in(name, other)
        place += 1
    progress.place = u64(place)
    return DROP
