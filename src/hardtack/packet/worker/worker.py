"""One worker: run to completion, without a lock, until it is told to stop. Native code only.

A turn: what has come in is judged, burst by burst, and moved on; frames that were sent come back; the kernel gets empty
frames. A frame never moves in memory: its descriptor goes from ring to ring. Only what the kernel's network stack is to
have is copied, by a write to a TAP device.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    address,
    at,
    i64,
    inlined,
    load16,
    load32,
    load64,
    new,
    own_entry,
    store32,
    store64,
    u64,
    viewed,
)
from hardtack.compiler.memory import pointer_at
from hardtack.compiler.rings import clock_gettime, load_acquire, poll, read, store_release, write
from hardtack.packet.burst import FRAME_SIZE, frame_at
from hardtack.packet.burst_records import TOGETHER
from hardtack.packet.tap_tables import offset_of
from hardtack.packet.worker.burst import judge_burst
from hardtack.packet.worker.frames import base_of, collect, free, refill, take_back
from hardtack.packet.worker.ring import (
    DESCRIPTOR,
    LOW_32,
    advance,
    consumed,
    exists,
    filled,
    has_room,
    have_received,
    have_sent,
    place,
    produced,
    room,
    wants_wakeup,
)
from hardtack.packet.worker_records import BURST_CLOCK, Port, Timespec, Worker

PASS, TX, REDIRECT = 2, 3, 4  # enum xdp_action
ACTION_BITS, EXIT_SHIFT = 0xFF, 8  # Frame.action
PORT_SIZE = Port.itemsize
COARSE = 6  # CLOCK_MONOTONIC_COARSE: what bpf_ktime_get_coarse_ns() reads
NS = 1_000_000_000  # in a second
POLLIN = 1
TURNS = offset_of("turns", Worker)
UNSENT_MS = 1  # how long a worker sleeps whose frames the kernel has not all taken yet

worker_at = viewed(Worker)
port_record = viewed(Port)
new_timespec = new(Timespec)
new_word = new(Timespec)
burst_clock = own_entry(BURST_CLOCK, Timespec)


def worker(record):
    """Worker -> 0, or the errno that has ended it, which is in its record, too."""
    own, idle = worker_at(record), 0
    for number in range(own.port_count):
        fail(own, refill(own, port_at(own, number)))
    while load_acquire(record) == 0 and own.failure == 0:
        moved = turn(own)
        store_release(at(record, TURNS), load32(record, TURNS) + 1)
        if moved:
            idle = 0
        else:
            idle += 1
            if idle > own.patience:
                rest(own)
    return own.failure


@inlined
def port_at(own, number):
    """One of its sockets."""
    return port_record(at(pointer_at(own.ports), number * PORT_SIZE))


@inlined
def turn(own):
    """Everything once: how many frames have moved."""
    moved = 0
    for number in range(own.port_count):
        port = port_at(own, number)
        if exists(port.rx):
            moved += serve(own, port)
    for number in range(own.port_count):
        port = port_at(own, number)
        if exists(port.tx):
            push(own, port)
        moved += collect(own, port)
    moved += take_back(own)
    for number in range(own.port_count):
        fail(own, refill(own, port_at(own, number)))
    return moved


@inlined
def serve(own, port):
    """A burst of what has come in: how many frames."""
    waiting = filled(port.rx)
    count = waiting if waiting < TOGETHER else TOGETHER
    if count:
        read_clock()
        frames = pointer_at(own.frames)
        for number in range(count):
            take(own, port, number, at(frames, number * FRAME_SIZE))
        advance(port.rx, count)
        consumed(port.rx)
        judge_burst(own, frames, count)
        for number in range(count):
            act(own, port, at(frames, number * FRAME_SIZE))
        own.bursts += u64(1)
        own.received += u64(count)
    return count


@inlined
def take(own, port, number, frame):
    """A received descriptor as a Frame. It may grow over all of its part of the UMEM."""
    descriptor, record = place(port.rx, number, DESCRIPTOR), frame_at(frame)
    offset = i64(load64(descriptor, 0))
    base = own.umem + u64(offset & -own.frame_size)
    record.head = own.umem + u64(offset)
    record.tail = record.head + u64(load32(descriptor, 8))
    record.floor, record.limit = base, base + u64(own.frame_size)
    record.interface = u64(port.interface)


@inlined
def act(own, port, frame):
    """Where a judged frame goes."""
    record = frame_at(frame)
    action = i64(record.action) & ACTION_BITS
    if action == TX:
        own.replied += u64(1)
        send(own, port, record)
    elif action == REDIRECT and own.exits[i64(record.action) >> EXIT_SHIFT]:
        own.redirected += u64(1)
        send(own, port_at(own, own.exits[i64(record.action) >> EXIT_SHIFT] - 1), record)
    elif action == PASS or action == REDIRECT:
        own.passed += u64(1)
        hand_over(own, port, record)
        free(own, base_of(own, pointer_at(record.head)))
    else:
        own.dropped += u64(1)
        free(own, base_of(own, pointer_at(record.head)))


@inlined
def send(own, port, record):
    """Into a TX ring, where it lies; without room there it is dropped."""
    if not has_room(port.tx):
        own.ring_full += u64(1)
        free(own, base_of(own, pointer_at(record.head)))
        return
    descriptor = place(port.tx, 0, DESCRIPTOR)
    store64(descriptor, 0, record.head - own.umem)
    store32(descriptor, 8, i64(record.tail - record.head))
    store32(descriptor, 12, 0)
    advance(port.tx, 1)


@inlined
def hand_over(own, port, record):
    """To the kernel's network stack, as if it had come in by its interface: packet/handed.py."""
    size = record.tail - record.head
    if port.kernel < 0 or write(port.kernel, pointer_at(record.head), size) != i64(size):
        own.not_passed += u64(1)


@inlined
def push(own, port):
    """Have what is in a TX ring sent, if the kernel wants to be told; wake whoever has to take the frames back then."""
    ring = port.tx
    if load_acquire(pointer_at(ring.producer)) != ring.mine:
        produced(ring)
    if room(ring) <= ring.mask and wants_wakeup(ring):
        own.wakeups += u64(1)
        fail(own, have_sent(port.fd))
    if port.others_producer:
        done = load_acquire(pointer_at(port.others_producer)) - load_acquire(pointer_at(port.others_consumer))
        if done & LOW_32 > port.others_most:
            ring_bell(port.others_bell)


@inlined
def ring_bell(bell):
    """Wake a worker that may sleep."""
    word = new_word()
    word.seconds = 1
    write(bell, address(word), u64(8))


@inlined
def fail(own, number):
    """An error that ends the worker."""
    if number:
        own.failure = number


@inlined
def rest(own):
    """Sleep until something comes in, or somebody rings; with busy polling: have the driver look."""
    if own.sleep_ms == 0:
        look(own)
        return
    own.sleeps += u64(1)
    ready = poll(pointer_at(own.polled), u64(own.polled_count), UNSENT_MS if has_unsent(own) else own.sleep_ms)
    if ready == 0:
        look(own)  # a socket whose interface has gone wakes nobody
    elif found(own, own.polled_count - 1):
        word = new_word()
        read(own.bell, address(word), u64(8))
    else:
        for number in range(own.polled_count - 1):
            if found(own, number) & ~POLLIN:
                look(own)


@inlined
def found(own, number):
    """What `poll` has found: pollfd.revents, behind pollfd.events."""
    return load16(pointer_at(own.polled), number * 8 + 6)


@inlined
def look(own):
    """Have the kernel receive, where it must be told; an interface that has gone is found out by it."""
    for number in range(own.port_count):
        port = port_at(own, number)
        if exists(port.rx):
            own.wakeups += u64(1)
            fail(own, have_received(port.fd))


@inlined
def has_unsent(own):
    """Whether there are frames that the kernel has not taken yet."""
    for number in range(own.port_count):
        port = port_at(own, number)
        if exists(port.tx) and room(port.tx) <= port.tx.mask:
            return True
    return False


@inlined
def read_clock():
    """What time it is for the burst."""
    time = new_timespec()
    clock_gettime(COARSE, address(time))
    burst_clock().seconds = time.seconds * NS + time.nanoseconds
