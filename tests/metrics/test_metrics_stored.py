"""What the servers have stored is what the packet programs have counted, to the frame."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from handshake.counted import counts as counted_by
from handshake.stage import TALK
from lab_ground import eventually

from hardtack.control.metrics.lines import tagged
from hardtack.keys import EPOCH
from hardtack.lab.addresses import SERVER
from hardtack.lab.process import Process
from hardtack.packet.reasons import Reason
from metrics.place import FRAMES, HOSTS, RULES, Place
from metrics.servers import NODE, PATIENCE, get
from metrics.test_metrics_lines import expected

ETC = RULES.parents[1]
V1 = 'influx = "http://127.0.0.1:8086/write?db=db"'


def become_equal(counted: Callable[[], Any], stored: Callable[[], Any]) -> None:
    """Wait until both are the same. Now and then a frame comes that nobody has sent here, of ARP or IPv6."""
    assert eventually(lambda: counted() == stored(), PATIENCE), (counted(), stored())


@pytest.fixture(scope="module")
def front(place: Place) -> Iterator[Process]:
    """One that has been attacked, and writes to InfluxDB 1."""
    with place.front(V1) as process:
        place.attack()
        yield process


def scraped(place: Place, name: str) -> dict[tuple[str, ...], int]:
    """What Prometheus has of a metric of hosts."""
    return {(one["host"], one["reason"]): int(value) for one, value in place.prometheus.query(name)}


def test_prometheus(place: Place, front: Process) -> None:
    become_equal(place.counted, lambda: scraped(place, "hardtack_frames_total"))
    of_cpus = place.by_cpu()
    sizes = {(host, reason): 0 for host, _, reason in of_cpus}
    cpus = {(cpu, reason): 0 for _, cpu, reason in of_cpus}
    for (host, cpu, reason), (frames, octets) in of_cpus.items():
        sizes[host, reason] += octets
        cpus[cpu, reason] += frames
    assert scraped(place, "hardtack_bytes_total") == sizes
    found = place.prometheus.query("hardtack_cpu_frames_total")
    assert {(one["cpu"], one["reason"]): int(value) for one, value in found} == cpus
    verdicts = {one["reason"]: one["verdict"] for one, _ in place.prometheus.query("hardtack_frames_total")}
    assert (verdicts["answered"], verdicts["stray_ack"], verdicts["remembered"]) == ("reply", "drop", "forward")


def test_what_else_prometheus_has(place: Place, front: Process) -> None:
    ask = place.prometheus.query
    ((_, left),) = ask('hardtack_keys_expire_timestamp_seconds{job="hardtack"} - time()')
    assert 3600 - 2 * EPOCH < left <= 3600 + 2 * EPOCH
    assert eventually(lambda: ask("sum(hardtack_connections)")[0][1] > 0, PATIENCE), "the client's is one"
    assert ask("hardtack_connections_capacity")[0][1] == 1_000_000
    ((labels, frames),) = ask('hardtack_rule_frames_total{host="web"}')
    assert frames > 0 and labels["rule"].startswith("count tcp")
    assert ask('hardtack_under_attack{host="sometimes"}')[0][1] == 1
    assert {one["host"]: value for one, value in ask("hardtack_host_protected")} == dict.fromkeys(HOSTS, 1)
    ((labels, attached),) = ask("hardtack_interface_attached")
    assert (labels["interface"], labels["engine"], attached) == (place.net.outside.name, "xdp", 1)
    syns = {one["host"]: value for one, value in ask("hardtack_syns_total")}
    assert syns["limited"] >= FRAMES and syns["sometimes"] >= FRAMES and syns["web"] > 0


def test_influx_and_a_server_that_is_stopped_in_a_flood(place: Place, front: Process) -> None:
    with place.flooded(SERVER[0], TALK, count=5 * FRAMES):
        place.influx.stop()
        front.wait_for('metrics-not-sent to="http://127.0.0.1:8086/', PATIENCE)
        place.influx.start()
        front.wait_for("metrics-sent", PATIENCE)
    become_equal(place.by_cpu, lambda: of_influx(place, "db"))
    # Of all that was read meanwhile nothing is missing
    own = {line.split(" ")[0]: float(line.split(" ")[1]) for line in exported(place) if line.startswith("hardtack_influx")}
    counts = [one["values"][0][1:] for one in place.influx.query("SELECT count(*) FROM /hardtack/")]  # of each field
    stored = sum(max(count for count in some if count) for some in counts)
    assert stored >= own["hardtack_influx_sent_points_total"] > 0
    assert [own[f'hardtack_influx_lost_points_total{{why="{why}"}}'] for why in ("buffer_full", "refused")] == [0, 0]


def exported(place: Place) -> list[str]:
    """What the front says itself."""
    return get(place.net.front, "http://127.0.0.1:9790/metrics").decode().splitlines()


def test_influx_stores_every_tag(place: Place) -> None:
    """As the strict parser of test_metrics_lines.py has it."""
    texts = ["x=y", "a, b", "é\n\tq", "'\"", "end ", "=,\\=", "drop ip proto \\tcp", "a\\", "\\\\", "a\\ b", "\\,\\"]
    lines = [f"{tagged('m', {'n': str(at), 'rule': text, 'z': 'z'})} value=1.0 5" for at, text in enumerate(texts)]
    place.influx.create("tags")
    place.influx.write("\n".join(lines), "tags")
    stored = place.influx.query('SELECT "value" FROM "m" GROUP BY "n", "rule", "z"', "tags")
    assert {int(one["tags"]["n"]): one["tags"]["rule"] for one in stored} == dict(enumerate(map(expected, texts)))


def of_influx(place: Place, database: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Frames and bytes by host, CPU and reason, as they were last."""
    text = 'SELECT last("frames"), last("bytes") FROM "hardtack_traffic" GROUP BY "host", "cpu", "reason"'
    return {
        (one["tags"]["host"], one["tags"]["cpu"], one["tags"]["reason"]): (one["values"][0][1], one["values"][0][2])
        for one in place.influx.query(text, database)
    }


def test_every_query_of_the_prometheus_dashboard(place: Place, front: Process) -> None:
    asked = [target["expr"] for target in targets(ETC / "grafana" / "hardtack-prometheus.json")]
    assert len(asked) > 20
    for text in asked:
        query = text.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$host", ".*")
        assert place.prometheus.query(query), query


def test_every_query_of_the_influx_dashboard(place: Place, front: Process) -> None:
    asked = [target["query"] for target in targets(ETC / "grafana" / "hardtack-influx.json")]
    assert len(asked) > 20
    for text in asked:
        query = text.replace("$timeFilter", "time > now() - 1h").replace("$__interval", "2s")
        query = query.replace("$front", ".*").replace("$host", ".*")
        assert eventually(lambda query=query: bool(place.influx.query(query)), PATIENCE), query  # type: ignore[misc]


def targets(file: Path) -> list[dict[str, Any]]:
    """All queries of a dashboard."""
    return [target for panel in json.loads(file.read_text())["panels"] for target in panel["targets"]]


def test_alerts(place: Place, front: Process) -> None:
    """What they ask for is there, and those fire that should."""
    names = {*re.findall(r"\bhardtack_\w+", RULES.read_text())}
    assert len(names) > 8
    for name in names - {"hardtack_handover_failing"}:  # there only if one fails
        assert place.prometheus.query(name), name
    assert eventually(lambda: "HardtackUnderAttack" in firing(place), PATIENCE), firing(place)
    assert not firing(place) & {"HardtackNoProcess", "HardtackKeysRunOut", "HardtackAgentSilent", "HardtackInterfaceLost"}


def firing(place: Place) -> set[str]:
    """The names of alerts."""
    return {one["labels"]["alertname"] for one in place.prometheus.ask("alerts")["alerts"]}


def test_the_agents_textfile(place: Place, front: Process) -> None:
    wanted = counted_by(place.net.far, "agent")[Reason.admitted]
    assert wanted > 0
    query = 'hardtack_agent_frames_total{reason="admitted"}'
    become_equal(lambda: wanted, lambda: sum(value for _, value in place.prometheus.query(query)))
    served = get(place.net.front, f"http://127.0.0.1:{NODE}/metrics").decode()
    assert "hardtack_agent_up{" in served and "node_textfile_scrape_error 0" in served
    assert not [*place.textfile.parent.glob(".*")], "a draft is left"
