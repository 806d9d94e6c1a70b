"""Longest-prefix match over trees of prefixes in plain memory. The control plane makes them: see control/networks/.

All is words of 64 bits. What is known of a part of the address space lies in one word: in its low half the *value* of the
longest prefix seen so far (0: none here), in its high half the *child* with the longer ones (0: none):

    1 length:5 bits:24   the only longer prefix: its next bits, in the upper ones of 24. Then the value is its own
    000 place:29         a node: the next 8 bits choose a slot. Its block: a word of four counts, a byte each; four words of
                         bits, one for each slot; words. Where a bit is set the slot has a word. A count says how many there
                         are before those of a word of bits
    001 place:29         a row: the same, but all slots have words, and that is all there is in its block
    010 place:29         a skip: all longer prefixes have the next bits in common. Its block: two words with those bits, how
                         many (1 to 128), a word

A place whose lowest bit is set: a node whose bits say where words change, and each word is also that of the slots behind
it; a row for 16 bits.

A place counts words from the table's beginning; blocks begin at every fourth. A root is two words: IPv4, IPv6.

Whoever changes a tree writes new blocks, then the one word that leads there. So a look-up finds what was, or what is.
(Degermark et al., Small Forwarding Tables, 1997, has nodes that count bits; Poptrie, by Asai and Ohara, 2015, does it with
one instruction, which eBPF lacks. Prefixes are not pushed down to the leaves: so one is changed at one place.)
"""

from __future__ import annotations

from hardtack.compiler.language import address, at, entry_of, i64, inlined, load64, swap64, u64, untold
from hardtack.compiler.told_later import size_of
from hardtack.packet.layout import (
    IN_WORD,
    MOST_BLOCKS,
    NETWORKS,
    NETWORKS_END,
    NODE_WORDS,
    SKIP_WORD,
    Networks,
)

LOW_32 = 0xFFFFFFFF
MOST_BLOCKS_4 = 5  # on the way to an IPv4 prefix
MAPPED = 0xFFFF0000  # in the low word of an IPv4 address: RFC 4291 2.5.5.2, as it lies in memory
PLACE = 0x1FFFFFFC
ONES, PAIRS, FOURS, EACH = 0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F, 0x0101010101010101

networks = entry_of(NETWORKS, Networks)
networks_size = size_of(NETWORKS)


@inlined
def look_up(root, high, low):
    """The value, 0 to 2^31 - 1, of the longest of a root's prefixes that an address is in; 0 for none, and if `root` is 0.

    `root`: its number, an i64. `high`, `low`: the address as two words, u64, as in Flow; IPv4 mapped.
    """
    return look_up_in(root, (high | ((low & u64(LOW_32)) ^ u64(MAPPED))) == u64(0), high, low)


@inlined
def look_up_in(root, is_ipv4, high, low):
    """The same where the IP version is known: the verifier then need not walk the one for the other."""
    table, end = address(networks()), networks_size() - NETWORKS_END
    place = (untold(root) & PLACE) << 3
    nothing = load64(table, 0)  # the verifier does not know that it is 0, so it has no cases of its own for it
    if is_ipv4:
        high, low = swap64(low) << u64(32), u64(0)
    else:
        place += 8
        high, low = swap64(high), swap64(low)
    if place > end:
        return 0
    word, best = load64(at(table, place), 0), u64(0)
    for _ in range(MOST_BLOCKS_4 if is_ipv4 else MOST_BLOCKS):
        high, low, best = high ^ nothing, low ^ nothing, best ^ nothing
        value, child = word & u64(LOW_32), i64(word >> u64(32))
        if child >> 31:  # the address's next bits are compared with its own
            differs = ((high >> u64(40)) ^ u64(child)) & u64(0xFFFFFF)
            if (differs >> u64(24 - ((child >> 24) & 31) & 31)) == u64(0):
                best = value
            break
        if value:
            best = value
        if child == 0:
            break
        place = (child & PLACE) << 3
        if place > end:
            break
        if child & (1 << 29):
            wide = u64(child & 1)
            place += (untold(i64(high >> (u64(56) - (wide << u64(3))))) & 0xFFFF) << 3
            if place > end:
                break
            word = u64(untold(i64(load64(at(table, place), 0))))
            shift = u64(8) + (wide << u64(3))
            high, low = (high << shift) | (low >> (u64(64) - shift)), low << shift
        elif child & (1 << 30):
            block = at(table, place)
            length = load64(block, 16) & u64(255)
            different, left = high ^ load64(block, 0), (u64(0) - length) & u64(63)
            if length <= u64(64):
                if different >> left:
                    break
                shift = (length - u64(1)) & u64(63)  # and 1 more: no word can be shifted by 64
                high, low = ((high << shift) << u64(1)) | (low >> left), (low << shift) << u64(1)
            else:
                if different | ((low ^ load64(block, 8)) >> left):
                    break
                high, low = low << (length & u64(63)), u64(0)
            word = u64(untold(i64(load64(block, SKIP_WORD))))
        else:
            block, each = at(table, place), i64(high >> u64(56))
            bits = load64(block, 8 + ((each >> 6) << 3)) << (u64(63 - (each & 63)))
            if not untold(i64(bits >> u64(63)) | (child & 1)):
                break
            before = i64(load64(block, 0) >> u64((each >> 6) << 3)) & 255
            word = u64(untold(i64(load64(block, NODE_WORDS - 8 + ((before + ones_of(bits)) << 3)))))
            high, low = (high << u64(8)) | (low >> u64(56)), low << u64(8)
    return i64(best & u64(IN_WORD))


@inlined
def zero():
    """0, as a word of 64 bits, which the verifier does not know: of what is combined with it, it forgets what it knew."""
    return load64(address(networks()), 0)


@inlined
def ones_of(bits):
    """How many bits are set."""
    bits -= (bits >> u64(1)) & u64(ONES)
    bits = (bits & u64(PAIRS)) + ((bits >> u64(2)) & u64(PAIRS))
    bits = (bits + (bits >> u64(4))) & u64(FOURS)
    return i64((bits * u64(EACH)) >> u64(56))
