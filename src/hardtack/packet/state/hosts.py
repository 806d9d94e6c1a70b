"""Whose a frame is: the protected network that an address is in, and its host. control/protected.py writes it all."""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    barrier,
    entry_at,
    entry_of,
    i64,
    inlined,
    u64,
    viewed,
    zero_after,
)
from hardtack.packet.layout import (
    CONFIGURED_SHIFT,
    GENERATION,
    HANDSHAKE_BITS,
    HOST_ROOT,
    HOSTS,
    LED_BITS,
    MOST_HOSTS,
    MOST_NETS,
    NETS,
    NO_HOST,
    PORTS,
    TRIED,
    Host,
    Hosts,
    Net,
    Nets,
    Ports,
)
from hardtack.packet.state.networks import look_up_in, networks
from hardtack.packet.state.recent import cell_of

HOST_SIZE, NET_SIZE = Host.itemsize, Net.itemsize
MOST_LED = (1 << LED_BITS) - 1
PORT_BITS = 16 - 6  # of a set of ports, as words
CHOICE_SHIFT, CHOICE_BITS = 12, 127  # of a connection's hash

hosts = entry_of(HOSTS, Hosts)
host_record = viewed(Host)
nets = entry_of(NETS, Nets)
net_record = viewed(Net)
ports_at = entry_at(PORTS, Ports)


@inlined
def find_host(flow, high, low):
    """Whether an address (two words, as in Flow) is protected; then `flow.host` says whose it is, and `flow.place` where."""
    recent, generation = cell_of(high, low), networks().words[GENERATION]
    if absent(recent):
        return False
    if recent.low != low or recent.high != high or recent.generation != generation:
        led = look_up_in(HOST_ROOT + zero_after(generation), flow.version == 4, high, low)
        place, host = led >> LED_BITS, led & MOST_LED
        recent.high, recent.low, recent.generation = high, low, generation
        recent.place, recent.host = place, host if host else i64(net_at(place).host)
        barrier()  # for the verifier: what is read then is as little known as if it had been there
    flow.place, flow.host = i64(recent.place), i64(recent.host)
    return flow.host != NO_HOST


@inlined
def net_at(place):
    """The record at a place. The mask is for the verifier."""
    return net_record(at(address(nets()), (place & (MOST_NETS - 1)) * NET_SIZE))


@inlined
def host_of(flow):
    """The record of the flow's host."""
    return host_at(flow.host)


@inlined
def host_at(number):
    """The record of a number. The mask is for the verifier."""
    return host_record(at(address(hosts()), (number & MOST_HOSTS) * HOST_SIZE))


@inlined
def owner_of(is_ipv4, high, low):
    """The number of the host that an address is protected for, or NO_HOST: the same as `find_host`, remembering nothing.

    What a CPU remembers is written by whatever runs on it; so this is for what a frame may interrupt.
    """
    led = look_up_in(HOST_ROOT, is_ipv4, high, low)
    host = led & MOST_LED
    return host if host else i64(net_at(led >> LED_BITS).host)


@inlined
def handshake_of(host, name, moment):
    """COOKIE, CHALLENGE or PASSING: what holds for a connection. One in 128 may have the configured one all the same.

    Which one, is another matter in each epoch.
    """
    held = i64(host.handshake)
    if held & TRIED and not i64((name.hashed >> u64(CHOICE_SHIFT)) ^ moment.epoch) & CHOICE_BITS:
        held >>= CONFIGURED_SHIFT
    return held & HANDSHAKE_BITS


@inlined
def takes(host, handshake):
    """Whether what clients bring may be of this handshake: it is the configured one, whether it holds just now or not."""
    return (i64(host.handshake) >> CONFIGURED_SHIFT) & HANDSHAKE_BITS == handshake


@inlined
def protects(host, port):
    """Whether the port is one of those protected."""
    some = ports_at((i64(host.ports) << PORT_BITS) | (port >> 6))
    return False if absent(some) else (some.word >> u64(port & 63)) & u64(1) != u64(0)
