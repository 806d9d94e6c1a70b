"""Every metric that a front has. Names as Prometheus has them: units in the name, `_total` for counters.

Labels are bounded by the configuration: hosts, rules, interfaces; and by this machine's CPUs. Nothing that comes out of a
frame ever becomes a label.
"""

from __future__ import annotations

from hardtack.agent.families import AGENT_FRAMES, BUILD, KEYS_EXPIRE, Family
from hardtack.control.workers import FATES
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
BYTES = Family("bytes", "counter", "Bytes of these frames, as received.", FRAMES.labels, FRAMES.most)
CPU_FRAMES = Family(
    *("cpu_frames", "counter", "Frames by CPU, verdict and reason, all hosts together. Only reasons that have occurred."),
    ("cpu", "verdict", "reason"),
    f"CPUs * {EACH_REASON}",
)
CPU_BYTES = Family("cpu_bytes", "counter", "Bytes of these frames, as received.", CPU_FRAMES.labels, CPU_FRAMES.most)
TRAFFIC = ((FRAMES, BYTES), (CPU_FRAMES, CPU_BYTES))
HOST_SYNS = Family("syns", "counter", "SYNs to protected ports, whatever the verdict.", ("host",), "hosts")

RULE_FRAMES = Family("rule_frames", "counter", "Frames that a rule has matched.", ("host", "rule"), "rules")
RULE_BYTES = Family("rule_bytes", "counter", "Bytes of these frames.", ("host", "rule"), "rules")
RULE_OVER = Family("rule_over_frames", "counter", "Frames matched beyond a rule's rate.", ("host", "rule"), "rules")
RULE_OVER_BYTES = Family("rule_over_bytes", "counter", "Bytes of these frames.", ("host", "rule"), "rules")

CONNECTIONS = Family("connections", "gauge", "Connections in the table, by origin.", ("origin",), "5")
CONNECTION_STATES = Family("connection_states", "gauge", "Connections in the table, by state.", ("state",), "5")
CONNECTIONS_CAPACITY = Family("connections_capacity", "gauge", "Capacity of the connection table.")
EVICTED_CONNECTIONS = Family(
    *("evicted_connections", "counter", "Connections evicted from a full table, by eviction class."),
    ("why",),
    str(len(EVICTED)),
)
SOURCES = Family("proven_sources", "gauge", "Proven sources: those that have answered a challenge.")
SOURCES_WAITING = Family("proven_sources_waiting", "gauge", "Proven sources that are temporarily blocked.")
SOURCES_CAPACITY = Family("proven_sources_capacity", "gauge", "Capacity of the table of proven sources.")

ATTACKED = Family(
    *("under_attack", "gauge", "1 while the front sees a host under attack, else 0."),
    ("host",),
    "hosts",
)
PROTECTED = Family(
    *("host_protected", "gauge", "1 if a host is protected by its handshake, 0 while it waits for an attack."),
    ("host",),
    ATTACKED.most,
)
ATTACK_SINCE = Family(
    "attack_start_timestamp_seconds", "gauge", "Start of the attack, unix time.", ("host",), "hosts under attack"
)
ATTACK_PEAK = Family(
    "attack_peak_per_second", "gauge", "Peak rate of the attack.", ("host", "kind"), "3 * hosts under attack"
)
BASELINE = Family(
    *("attack_baseline_per_second", "gauge", "Baseline rate, learned outside attacks."),
    ("host", "kind"),
    f"3 * {ATTACKED.most}",
)
HANDOVER = Family(
    *("handover_failing", "gauge", "1 for a host that does not accept the connections handed over to it."),
    ("host", "kind"),
    "hosts that fail",
)

WORKER_FRAMES = Family(
    *("worker_frames", "counter", "Frames by worker of the af_xdp engine and what became of them, since its start."),
    ("worker", "fate"),
    f"{len(FATES)} * workers",
)

GRACE = Family("grace_left_seconds", "gauge", "Seconds until the grace period ends, 0 afterwards.")
KEY_EPOCH = Family("key_epoch", "gauge", "Number of the current key epoch.")
CLOCK_ERROR = Family(
    "clock_error_seconds", "gauge", "Packet programs' clock minus this machine's clock."
)
RELOADS = Family("reloads", "counter", "Reloads since the start, by result.", ("result",), "2")
RELOADED = Family(
    "configuration_timestamp_seconds", "gauge", "Last successful reload, or the start, unix time."
)
RELOAD_FAILED = Family("reload_failed", "gauge", "1 if the last reload failed: the file is not in force.")
ATTACHED = Family(
    *("interface_attached", "gauge", "1 while the interface exists and a program is attached to it, by engine and mode."),
    ("interface", "engine", "mode"),
    "interfaces of the front, 8",
)
HOSTS = Family("hosts", "gauge", "Configured hosts.")
UP = Family("up", "gauge", "1 while the front's process runs.")
STARTED = Family("process_start_time_seconds", "gauge", "Start time of the front's process, unix time.")

READ_SECONDS = Family("exporter_read_seconds", "gauge", "Duration of the last reading of the tables.")
CPU_SECONDS = Family("exporter_cpu_seconds", "counter", "CPU time of the exporter's process.")
SENT = Family("influx_sent_points", "counter", "Points accepted by InfluxDB, or sent by UDP.")
LOST = Family(
    *("influx_lost_points", "counter", "Points dropped, by reason: buffer full, or refused by the server."),
    ("why",),
    "2",
)
SEND_FAILURES = Family("influx_failures", "counter", "Failed attempts to send; their points are sent again.")
WAITING = Family("influx_buffer_bytes", "gauge", "Points waiting to be sent.")

BY_HOST = (HOST_SYNS, ATTACKED, PROTECTED, BASELINE)  # of each host
EXPORTER = (READ_SECONDS, CPU_SECONDS, SENT, LOST, SEND_FAILURES, WAITING)
SMALL = (
    *(RULE_FRAMES, RULE_BYTES, RULE_OVER, RULE_OVER_BYTES),
    *(CONNECTIONS, CONNECTION_STATES, CONNECTIONS_CAPACITY, EVICTED_CONNECTIONS),
    *(SOURCES, SOURCES_WAITING, SOURCES_CAPACITY),
    *(ATTACK_SINCE, ATTACK_PEAK, HANDOVER),
    *(WORKER_FRAMES, GRACE, KEYS_EXPIRE, KEY_EPOCH, CLOCK_ERROR, RELOADS, RELOADED, RELOAD_FAILED),
    *(ATTACHED, HOSTS, UP, STARTED, BUILD, AGENT_FRAMES, *EXPORTER),
)
ALL = (*(family for pair in TRAFFIC for family in pair), *BY_HOST, *SMALL)
LABELS = {int(reason): (verdict(reason).name.lower(), reason.name) for reason in OURS}
