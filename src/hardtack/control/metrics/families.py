"""Every metric that a front has. Names as Prometheus has them: units in the name, `_total` for counters.

Labels are bounded by the configuration: hosts, rules, interfaces; and by this machine's CPUs. Nothing that comes out of a
frame ever becomes a label.
"""

from __future__ import annotations

from hardtack.agent.families import AGENT_FRAMES, BUILD, KEYS_EXPIRE, Family
from hardtack.packet.layout import EVICTED
from hardtack.packet.reasons import FRONT_REASONS, Reason, verdict

OURS = [reason for reason in Reason if reason < FRONT_REASONS]
NOBODY, EVERYBODY = "(none)", "(all)"  # in the place of a host: frames of no host, rules of all hosts; no host is called so
# What a SYN for a protected port may become
SYNS = (
    *(Reason.answered, Reason.challenged, Reason.opened, Reason.reopened, Reason.bad_checksum, Reason.syn_fin),
    *(Reason.syn_rst, Reason.host_limit, Reason.total_limit, Reason.prefix_limit, Reason.prefix_cap),
    *(Reason.source_limit, Reason.source_waits, Reason.syn_limit),
)
EACH_REASON = f"reasons of a front, {len(OURS)}"

# Of hosts and CPUs; these alone may be many
FRAMES = Family(
    *("frames", "counter", "Frames by host, verdict and reason, all CPUs together. Only reasons that have occurred."),
    ("host", "verdict", "reason"),
    f"(hosts + 1) * {EACH_REASON}",
)
BYTES = Family("bytes", "counter", "The bytes of those frames, as they came.", FRAMES.labels, FRAMES.most)
CPU_FRAMES = Family(
    *("cpu_frames", "counter", "Frames by CPU, verdict and reason, all hosts together. Only reasons that have occurred."),
    ("cpu", "verdict", "reason"),
    f"CPUs * {EACH_REASON}",
)
CPU_BYTES = Family("cpu_bytes", "counter", "The bytes of those frames, as they came.", CPU_FRAMES.labels, CPU_FRAMES.most)
TRAFFIC = ((FRAMES, BYTES), (CPU_FRAMES, CPU_BYTES))
HOST_SYNS = Family("syns", "counter", "SYNs for protected ports, whatever became of them.", ("host",), "hosts")

RULE_FRAMES = Family("rule_frames", "counter", "Frames that a rule has matched.", ("host", "rule"), "rules")
RULE_BYTES = Family("rule_bytes", "counter", "The bytes of those frames.", ("host", "rule"), "rules")
RULE_OVER = Family("rule_over_frames", "counter", "Of those frames, beyond the rule's rate.", ("host", "rule"), "rules")
RULE_OVER_BYTES = Family("rule_over_bytes", "counter", "The bytes of these.", ("host", "rule"), "rules")

CONNECTIONS = Family("connections", "gauge", "Connections in the table, by what made them known.", ("origin",), "5")
CONNECTION_STATES = Family("connection_states", "gauge", "The same connections, by state.", ("state",), "5")
CONNECTIONS_CAPACITY = Family("connections_capacity", "gauge", "Connections that the table is made for.")
EVICTED_CONNECTIONS = Family(
    *("evicted_connections", "counter", "Connections evicted from a full table, by why they and not others."),
    ("why",),
    str(len(EVICTED)),
)
SOURCES = Family("proven_sources", "gauge", "Sources that have answered a challenge.")
SOURCES_WAITING = Family("proven_sources_waiting", "gauge", "Of them, those that are not challenged for a while.")
SOURCES_CAPACITY = Family("proven_sources_capacity", "gauge", "Sources that the table is made for.")

ATTACKED = Family(
    *("under_attack", "gauge", "1 while a host is attacked, as the front sees it, else 0."),
    ("host",),
    "hosts",
)
PROTECTED = Family(
    *("host_protected", "gauge", "1 if the handshake that is configured for a host holds, 0 if it waits for an attack."),
    ("host",),
    ATTACKED.most,
)
ATTACK_SINCE = Family(
    "attack_start_timestamp_seconds", "gauge", "When the attack began, unix time.", ("host",), "hosts under attack"
)
ATTACK_PEAK = Family(
    "attack_peak_per_second", "gauge", "The highest rate of the attack.", ("host", "kind"), "3 * hosts under attack"
)
BASELINE = Family(
    *("attack_baseline_per_second", "gauge", "The usual rate, as it was learned outside attacks."),
    ("host", "kind"),
    f"3 * {ATTACKED.most}",
)
HANDOVER = Family(
    *("handover_failing", "gauge", "1 for a host that does not take over the clients that are handed to it."),
    ("host", "kind"),
    "hosts that fail",
)

GRACE = Family("grace_left_seconds", "gauge", "Seconds until the grace period ends, 0 when it is over.")
KEY_EPOCH = Family("key_epoch", "gauge", "The number of the epoch whose key is in use.")
CLOCK_ERROR = Family(
    "clock_error_seconds", "gauge", "How far the packet programs' clock is from this machine's, positive if it is ahead."
)
RELOADS = Family("reloads", "counter", "Reloads since the start, by result.", ("result",), "2")
RELOADED = Family(
    "configuration_timestamp_seconds", "gauge", "When the configuration in force was last read, unix time."
)
RELOAD_FAILED = Family("reload_failed", "gauge", "1 if the last reload failed: what runs is not what the file says.")
ATTACHED = Family(
    *("interface_attached", "gauge", "1 while the interface exists and a program runs there, by engine and mode."),
    ("interface", "engine", "mode"),
    "interfaces of the front, 8",
)
HOSTS = Family("hosts", "gauge", "Hosts that are protected.")
UP = Family("up", "gauge", "1 while the front's process runs.")
STARTED = Family("process_start_time_seconds", "gauge", "When the front's process started, unix time.")

READ_SECONDS = Family("exporter_read_seconds", "gauge", "How long the last reading of the tables took.")
CPU_SECONDS = Family("exporter_cpu_seconds", "counter", "CPU time of the exporter's process.")
SENT = Family("influx_sent_points", "counter", "Points that InfluxDB has taken, or that have gone out by UDP.")
LOST = Family(
    *("influx_lost_points", "counter", "Points given up, by why: the buffer was full, or the server refused them."),
    ("why",),
    "2",
)
SEND_FAILURES = Family("influx_failures", "counter", "Attempts to send that failed; what they held is sent again.")
WAITING = Family("influx_buffer_bytes", "gauge", "What waits to be sent.")

BY_HOST = (HOST_SYNS, ATTACKED, PROTECTED, BASELINE)  # of each host
EXPORTER = (READ_SECONDS, CPU_SECONDS, SENT, LOST, SEND_FAILURES, WAITING)
SMALL = (
    *(RULE_FRAMES, RULE_BYTES, RULE_OVER, RULE_OVER_BYTES),
    *(CONNECTIONS, CONNECTION_STATES, CONNECTIONS_CAPACITY, EVICTED_CONNECTIONS),
    *(SOURCES, SOURCES_WAITING, SOURCES_CAPACITY),
    *(ATTACK_SINCE, ATTACK_PEAK, HANDOVER),
    *(GRACE, KEYS_EXPIRE, KEY_EPOCH, CLOCK_ERROR, RELOADS, RELOADED, RELOAD_FAILED),
    *(ATTACHED, HOSTS, UP, STARTED, BUILD, AGENT_FRAMES, *EXPORTER),
)
ALL = (*(family for pair in TRAFFIC for family in pair), *BY_HOST, *SMALL)
LABELS = {int(reason): (verdict(reason).name.lower(), reason.name) for reason in OURS}
