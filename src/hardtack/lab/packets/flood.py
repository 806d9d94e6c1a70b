"""The flood's packet program. For the lab's interfaces only: see flood.py.

It writes each frame whole, because a live frame is a recycled page that still holds what its receiver made of it. Also its
length, which the kernel sees to only if this program changes it (xdp_test_run_batch() in net/bpf/test_run.c): each comes
with SPARE bytes to cut off, or a SYN whose answer was shorter would be as short for ever.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    address,
    at,
    beyond,
    entry_of,
    i64,
    inlined,
    load16,
    load32,
    load64,
    store16,
    store32,
    store64,
    swap32,
    u64,
    viewed,
)
from hardtack.lab.packets.pace import due
from hardtack.lab.packets.recipe import LARGEST, MOST_KINDS, RECIPE, SPARE, Recipe, Template
from hardtack.packet.frame.checksum import fold, halves
from hardtack.packet.frame.platform import head, resize, tail
from hardtack.packet.frame.wire import ETHERNET, IPV4, IPV6

DROP, TX = 1, 3  # enum xdp_action

TEMPLATE_SIZE = Template.itemsize
TEMPLATES = Recipe.itemsize - MOST_KINDS * TEMPLATE_SIZE  # offset of the templates, which are last
FRAME = TEMPLATE_SIZE - LARGEST  # offset of the frame in a template, where it is last
SOURCE_4, SOURCE_6 = ETHERNET + 12, ETHERNET + 8
TCP_4, TCP_6 = ETHERNET + IPV4, ETHERNET + IPV6
FRAGMENT = 8  # bytes of IPv6's fragment header: RFC 8200 4.5
SCATTER = 0x2545F4914F6CDD1D  # makes a second number of a state: xorshift* (Vigna 2016)

recipe_entry = entry_of(RECIPE, Recipe)
template_at = viewed(Template)


def flood(frame):
    """Write one frame by the recipe and send it; XDP_DROP if none is due."""
    recipe = recipe_entry()
    if not due(recipe) or resize(frame, -SPARE) != 0:
        return DROP
    template, start, end = next_template(recipe), head(frame), tail(frame)
    if recipe.version == u64(4):
        written = write_ipv4(recipe, template, start, end)
    else:
        written = write_ipv6(recipe, template, start, end)
    if not written:
        return DROP
    recipe.sent += u64(1)
    return TX


@inlined
def draw(recipe):
    """64 random bits: xorshift64 (Marsaglia 2003). A helper call for each field would cost more than all the rest."""
    state = recipe.state
    state ^= state << u64(13)
    state ^= state >> u64(7)
    state ^= state << u64(17)
    recipe.state = state
    return state


@inlined
def next_template(recipe):
    """Each kind's, in turn."""
    turn = recipe.turn
    recipe.turn = turn + u64(1) if turn + u64(1) < recipe.kinds else u64(0)
    return template_at(at(address(recipe), TEMPLATES + i64(turn & u64(MOST_KINDS - 1)) * TEMPLATE_SIZE))


@inlined
def write_ipv4(recipe, template, start, end):
    """60 or 74 bytes: the template's, then source, port, numbers and checksums. False if the frame is too short."""
    written = at(address(template), FRAME)
    if beyond(start, 60, end):
        return False
    copy_words(start, written, 56)
    if recipe.size == u64(60):
        store32(start, 56, load32(written, 56))
    else:
        if beyond(start, 74, end):
            return False
        store64(start, 56, load64(written, 56))
        store64(start, 64, load64(written, 64))
        store16(start, 72, load16(written, 72))
    if template.fixed:
        return True
    random = draw(recipe)
    source = i64(template.source_low | (random & template.random_low))
    store32(start, SOURCE_4, source)
    if template.fragment:
        number = i64(random >> u64(32)) & 0xFFFF
        store16(start, ETHERNET + 4, number)
        store16(start, ETHERNET + 10, ~fold(i64(template.network_sum) + source + number))
        store16(start, TCP_4, port_of(template, random))
    else:
        store16(start, ETHERNET + 10, ~fold(i64(template.network_sum) + source))
        finish_tcp(recipe, template, at(start, TCP_4), random, source)
    return True


@inlined
def write_ipv6(recipe, template, start, end):
    """74 or 94 bytes, as `write_ipv4`."""
    written = at(address(template), FRAME)
    if beyond(start, 74, end):
        return False
    copy_words(start, written, 72)
    if recipe.size == u64(74):
        store16(start, 72, load16(written, 72))
    else:
        if beyond(start, 94, end):
            return False
        store64(start, 72, load64(written, 72))
        store64(start, 80, load64(written, 80))
        store32(start, 88, load32(written, 88))
        store16(start, 92, load16(written, 92))
    other, random = draw(recipe), draw(recipe)
    high = template.source_high | ((random * u64(SCATTER)) & template.random_high)
    low = template.source_low | (other & template.random_low)
    store64(start, SOURCE_6, high)
    store64(start, SOURCE_6 + 8, low)
    if template.fragment:
        store32(start, TCP_6 + 4, i64(random >> u64(32)))
        store16(start, TCP_6 + FRAGMENT, port_of(template, random))
    else:
        finish_tcp(recipe, template, at(start, TCP_6), random, i64(halves(high) + halves(low)))
    return True


@inlined
def finish_tcp(recipe, template, tcp, random, source_sum):
    """Source port, sequence number and, with ACK, acknowledgment number; the checksum over all."""
    port, other = port_of(template, random), random * u64(SCATTER)
    sequence = i64(template.sequence | ((random >> u64(32)) & template.random_sequence))
    acknowledged = i64(template.acknowledgment | ((other >> u64(32)) & template.random_acknowledgment))
    if template.counted:
        acknowledged = swap32(i64(recipe.sent) & 0xFFFFFFFF)
    to = i64((other >> u64(8)) & template.random_to)
    if to:
        store16(tcp, 2, to)
    store16(tcp, 0, port)
    store32(tcp, 4, sequence)
    store32(tcp, 8, acknowledged)
    store16(tcp, 16, ~fold(i64(template.transport_sum) + source_sum + port + to + sequence + acknowledged))


@inlined
def port_of(template, random):
    """A source port, as it lies in memory."""
    return i64(template.port | ((random >> u64(17)) & template.random_port))


@inlined
def copy_words(to, template, size):
    """`size` bytes, a multiple of 8."""
    for place in range(0, size, 8):
        store64(to, place, load64(template, place))
