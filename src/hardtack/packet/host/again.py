"""Segments that come in again: sent to the back of the queue of what has come in, behind what the kernel has in hand.

A segment does so once at most, whoever of us has sent it: a mark says that it has, and stays. Were it taken off, two agents
would send the same segment round and round. At tcx other programs of ours meet it then, too.
"""

from __future__ import annotations

from hardtack.compiler.language import Pointer, helper, i64, inlined, load32, store32, types, u64
from hardtack.packet.reasons import Reason

BEHIND = int(Reason.behind)

INTERFACE, MARK = 40, 44  # of __sk_buff: ifindex; tc_index, which nothing on the way in again touches
AGAIN = 0x4854  # "HT"
INGRESS = 1  # BPF_F_INGRESS

# bpf_clone_redirect, bpf_redirect
send_copy = helper(13, i64, Pointer, types.uint32, u64)
redirect = helper(23, i64, types.uint32, u64)


@inlined
def was_sent_by_us(frame):
    """Whether it is a frame that a program of ours has sent: it has been judged."""
    return load32(frame, MARK) == AGAIN


@inlined
def come_again(frame):
    """Take the segment out here; it comes in again. The program must return TCX_REDIRECT for it."""
    store32(frame, MARK, AGAIN)
    redirect(load32(frame, INTERFACE), u64(INGRESS))
    return BEHIND


@inlined
def send_back(frame):
    """Let it leave by the interface that it came in by: an enum tcx_action_base. What leaves there is marked, too."""
    store32(frame, MARK, AGAIN)
    return redirect(load32(frame, INTERFACE), u64(0))


@inlined
def copy_comes_again(frame):
    """Let a copy come in again; False if there was no room in the queue."""
    store32(frame, MARK, AGAIN)
    failed = send_copy(frame, load32(frame, INTERFACE), u64(INGRESS))
    store32(frame, MARK, 0)
    return failed == 0
