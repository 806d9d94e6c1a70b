"""How fast frames go: in small bursts, evenly, as from a line. What a pause has swallowed is not made up for.

A veth's queue holds 256 frames. A flood that catches up after a pause fills it at once, and what is then lost, the honest
like the flood, says nothing of who receives.
"""

from __future__ import annotations

from hardtack.compiler.language import helper, inlined, u64

WAIT_NS = 30_000  # how long a run of the program may wait for the next burst
LOOKS = 1000  # at the clock meanwhile: the verifier wants an end

ktime_ns = helper(5, u64)  # bpf_ktime_get_ns


@inlined
def due(recipe):
    """Whether the next frame may go: not beyond the limit, nor faster than the rate."""
    if recipe.sent >= recipe.limit:
        return False
    if not recipe.between_ns:
        return True
    if recipe.left:
        recipe.left -= u64(1)
        return True
    now = wait(recipe.next_ns)
    if now < recipe.next_ns:
        return False
    if now - recipe.next_ns > recipe.between_ns:
        recipe.next_ns = now
    recipe.next_ns += recipe.between_ns
    recipe.left = recipe.burst - u64(1)
    return True


@inlined
def wait(until):
    """The time in ns, once it is `until`, if that is not far away; else the time now.

    A run that sends nothing gives its page back under the lock under which the receiver gives back those of frames. So
    they wait here, and not by running again and again: that made a frame twice as dear to receive.
    """
    now = ktime_ns()
    if now < until and until - now < u64(WAIT_NS):
        for _ in range(LOOKS):
            now = ktime_ns()
            if now >= until:
                break
    return now
