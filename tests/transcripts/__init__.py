"""Conversations as text: who says what when, what becomes of it, and what the front knows of the connection afterwards.

A file holds several, each below its title (`== a title`). A line is a segment:

    at       ms since the conversation began; 90s and 2h as well
    who      a client: `client`, or c1, c2, ... of networks (/24, /48) of their own, c2.1, c2.2, ... of one and the same
             (over IPv6 of a /64 each), c2/1, c2/2, ... of one address, by ports of their own; `c1-c8`: each of them, 1 ms
             after the other; `c1*64`: so often, in the same ms; `host`, or `host>c2`: the host, to that client
    flags    as tcpdump has them: S F R P . U E W; `none`; 0: with a window of nothing
    seq      as tcpdump has it: how far from the sender's first sequence number; `=7`: the number 7 itself; `@challenge`:
             what the last challenge of this client had as its acknowledgment (`7@challenge`: 7 more)
    ack      the same, from the other side's first; `1@2`: from that of the front's second answer; `-`: 0
    data     bytes of it
    reason   what the frame is counted under
    known    what the table has of the connection then: how it came to be known; the sequence number next expected of the
             client, likewise (`?`: its host has asked, nobody has answered); c, h: the client, the host has sent its FIN;
             s: the host has been seen; a: it is awaited; f: its FIN has been acknowledged; n: its numbers are known by the
             cookie alone; o: it is half open. `-`: nothing.
             Left out where several speak.

A line that begins with a colon is about the world:

    : epoch 63990       begin so many ms into an epoch of cookies, rather than at the beginning of a window of budgets
    : grace 30s         the grace period lasts so long
    : learned 3         so many connections may be learned in a window
    : taught 3          so many a host may teach in a window
    : replies 8         so many SYNs may be answered in a window, for all hosts
    : prefix_replies 8  so many of a prefix in a second (1.024 s)
    : prefix_connections 8  so many connections of a prefix in a second
    : source_syns 8     so many SYNs a proven source may earn in a period (2.048 s)
    : source_life 8     a source is proven for so many periods without a use
    : to scarce         the host: web; scarce, for which one SYN is answered in a window; heard, whose frames are seen, all;
                        slow, likewise, whose clients may send one frame in a ms; challenged, passing: with these handshakes,
                        and heard; unheard, open: likewise, but not heard; few: passing, four SYNs in a window; calm: passing
                        until it is attacked
    : handshake pass    it has another one from now on: agent, challenge or pass. Behind that, `calm`: that is what it has by
                        the configuration, but now it is as with pass; `tried`: likewise, but one connection in 128 has it;
                        `unanswered`: the host does not answer
    : cpu 1             from here on segments are seen on this CPU
    : skew 12           its monotonic clock is so many ms ahead of what is written (or behind: -12)
    : step 2h           unix time is put so much forward (or back: -2h), on all CPUs
    : buckets 1         of the table: room for eight connections
    : sources 1         bucket of the table of proven sources: room for sixteen
    : source c2 4       which is there, and has this allowance; `0 2`: it has none, lost twice in a row; `-`: it is not there
    : gone c2           this connection, and no other, has given way to the last one
    : still c2          this one has not
    : only 6            this conversation is about IPv6 alone
    : isn client 5000   the next connection begins with this number, on that side (client: of c1)
"""
