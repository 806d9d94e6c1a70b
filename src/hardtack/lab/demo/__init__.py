"""The demo: a web server under floods, without hardtack and with it, and honest clients that fetch all the time.

    baseline        no flood, no hardtack: what there is to lose
    linux_syn       a flood of SYNs; the front only routes, and the server meets it with Linux's SYN cookies
    linux_ack       a flood of forged ACKs instead: Linux answers each with a reset
    hardtack_ack    the same flood, which has not stopped, and `hardtack front` and `hardtack agent`
    hardtack_syn    the attacker turns back to SYNs
    hardtack_known  a real client opens a connection, and floods by it: right numbers and random ones, in turn
    hardtack_filler one network opens connections as fast as it can, to fill the front's table, which is small here

What makes it fair, and repeatable:

Linux has its ordinary settings: SYN cookies on (net.ipv4.tcp_syncookies = 1), somaxconn and tcp_max_syn_backlog as the
kernel comes, nginx with its own default backlog. Nothing is weakened.

Clients and flood share one receive queue of the front, as they share a line. A veth's queue holds 256 frames; whoever finds
it full is lost, the honest like the flood. The honest have no lane of their own.

Two CPUs are used, however many there are; which does what, stage.py says. The attacker must be alone on its own: a client
that runs there runs just while no flood arrives, finds the queue empty, and would be served by any server whatever.

The floods have the same rate in all phases, some way below what the front can take on its one CPU, as any defence is sized.
At full speed the attacker's CPU makes several million frames a second, more than another can take while it serves as well;
then the queue overflows, and what is lost there is lost before any program sees it.

The flood is paced as by a line: in bursts of at most 32, evenly, and what the attacker's CPU had no time for is not made up
for. Else the veth's queue would be full after each pause, with nobody to blame for it but the lab.

The front's CPU never sleeps (cpu.kept_awake). A virtual CPU takes long to wake up, and a queue of 256 frames is full in
200 microseconds; a card has room for thousands.

A network card's interrupts go before any process until the machine is swamped; then Linux moves their work to ksoftirqd,
which shares the CPU with processes fairly. A veth has no interrupts, and the thread that takes its frames has one priority:
the demo gives it the one that a card would have had. That is real-time in calm and with hardtack, and a process's in the
Linux phases, where it never gets done. (Real-time there would leave nginx and the clients nothing: worse for Linux.)

A phase begins with new clients and ends when their last request has, flood and all: each request belongs to one phase.
Clients give a request up after PATIENCE (honest.py), and try a lost SYN again after a second, as Linux does. They close
first, so they never come back by a port that the server still remembers (TIME_WAIT).
"""
