"""Conversations as text: who says what when, what becomes of it, and what the front knows of the connection afterwards.

A file holds several, each below its title (`== a title`). A line is a segment:

    at       ms since the conversation began; 90s and 2h as well
    who      a client: `client`, or c1, c2, ... of networks (/24, /64) of their own, c2.1, c2.2, ... of one and the same;
             `c1-c8`: each of them, 1 ms after the other; `host`, or `host>c2`: the host, to that client
    flags    as tcpdump has them: S F R P . U E W; `none`; 0: with a window of nothing
    seq      as tcpdump has it: how far from the sender's first sequence number; `=7`: the number 7 itself
    ack      the same, from the other side's first; `1@2`: from that of the front's second answer; `-`: 0
    data     bytes of it
    reason   what the frame is counted under
    known    what the table has of the connection then: how it came to be known; the sequence number next expected of the
             client, likewise (`?`: not known yet); c, h: the client, the host has sent its FIN; s: the host has been seen.
             `-`: nothing. Left out where several speak.

A line that begins with a colon is about the world:

    : epoch 63990       begin so many ms into an epoch of cookies, rather than at the beginning of a window of budgets
    : grace 30s         the grace period lasts so long
    : learned 3         so many connections may be learned in a window
    : replies 8         so many SYNs may be answered in a window, for all hosts
    : to scarce         the host: web, or scarce, for which one SYN is answered in a window
    : buckets 1         of the table, with room for eight connections each
    : gone c2           this connection has given way to the last one
    : isn client 5000   the next connection begins with this number, on that side (client: of c1)
"""
