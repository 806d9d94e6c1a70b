"""How a packet program reaches the outside: a handful of platform calls, bound anew for each target (see compiler/)."""

from __future__ import annotations

from hardtack.compiler.language import Pointer, external, i64, u64

# Where the frame begins and ends. Ask again after `resize`: older pointers are void.
head = external("head", Pointer, Pointer)
tail = external("tail", Pointer, Pointer)

# Where the IP header begins, and what begins there (an Ethernet type). Socket buffers may begin with any header, or with IP
# itself, on tun, WireGuard, GRE: the kernel knows. Frames of XDP and of engines have Ethernet: 14, and 0 for nothing.
network_of = external("network_of", i64, Pointer)
protocol_of = external("protocol_of", i64, Pointer)

# The number of the interface that the frame came in by, as the kernel counts them; 0: not known.
interface_of = external("interface_of", i64, Pointer)

# The number of the receive queue that an XDP program's frame came in by. For eBPF only.
queue_of = external("queue_of", i64, Pointer)

# Length of the frame in bytes, also of the part beyond `tail` that a frame of several buffers has.
whole_length = external("whole_length", i64, Pointer)

# resize(frame, more): make the frame `more` bytes longer (or shorter) at its end. 0, or an error.
resize = external("resize", i64, Pointer, i64)

# move_head(frame, by): let the frame begin `by` bytes later (or earlier). 0, or an error.
move_head = external("move_head", i64, Pointer, i64)

# copy(frame, offset, to, size): bytes of the frame to the stack. 0, or an error.
copy = external("copy", i64, Pointer, i64, Pointer, i64)

# add_up(from, size, sum): `sum` and that of `size` bytes, a multiple of 4; less than 0: an error. RFC 1071, in 32 bits.
add_up = external("add_up", i64, Pointer, i64, i64)

# Changes every few ms and costs nothing to read. 0: there is no such thing here.
tick = external("tick", u64)

# A clock that starts anywhere and is fairly cheap to read: ns, a few ms coarse. See `time`.
coarse_ns = external("coarse_ns", u64)

# send(place): the frame is to leave by the interface at this place of the table `devices`. An XDP action.
send = external("devices.send", i64, i64)

# match_rules(frame, place): which expression of the rule program at this place of a table of programs matches, from 1; 0:
# none; less: there is no program. In the kernel the program goes on there instead, and only the last of these comes back.
match_rules = external("rule_programs.go", i64, Pointer, i64)

# show_tap(frame, place): on in the program at this place of the table of taps' programs, which returns in our place. It
# comes back only if there is none. See packet/out/tap.py.
show_tap = external("tap_programs.go", i64, Pointer, i64)
