"""InfluxDB's API of version 2, and UDP; a buffer that is too small; what is told of mistakes."""

from __future__ import annotations

import os
import re
import socket
from functools import partial
from pathlib import Path

import pytest
from fronts.running import configuration
from handshake.stage import TALK, agent_command, front_command, refusal
from lab_ground import eventually

from hardtack.lab.addresses import SERVER
from hardtack.lab.process import run
from hardtack.packet.layout import COUNTERS, KEYS
from metrics.place import TOKEN, Place, hosts
from metrics.servers import PATIENCE, answers, get
from metrics.test_metrics_stored import become_equal, of_influx

V2 = 'influx = "http://127.0.0.1:8429/api/v2/write?org=o&bucket=b"\ninflux_token_file = "{}"'
UDP = 'influx = "udp://127.0.0.1:8089"'


def token_file(folder: Path, token: str, mode: int = 0o600) -> Path:
    """A file with a token."""
    path = folder / "token"
    path.write_text(f"{token}\n")
    path.chmod(mode)
    return path


def test_influx_2_wants_a_token_and_we_a_certificate(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    secure = V2.replace("http://127.0.0.1:8429", "https://127.0.0.1:8430")
    with place.front(V2.format(token_file(place.folder, "another-token"))) as front:
        told = front.wait_for("metrics-not-sent", PATIENCE)
        assert "HTTP 401" in told and "another-token" not in "\n".join(front.lines)
    right = secure.format(token_file(place.folder, TOKEN))
    with place.front(right) as front:
        assert "self-signed certificate" in front.wait_for("metrics-not-sent", PATIENCE)
    monkeypatch.setenv("SSL_CERT_FILE", str(place.folder / "certificate"))
    with place.front(right):
        place.flood(SERVER[0], TALK)
        become_equal(lambda: {key: frames for key, (frames, _) in place.by_cpu().items()}, lambda: of_victoria(place))


def of_victoria(place: Place) -> dict[tuple[str, str, str], int]:
    """Frames by host, CPU and reason."""
    found = place.victoria.query("last_over_time(hardtack_traffic_frames[1h])")
    return {(one["host"], one["cpu"], one["reason"]): int(value) for one, value in found}


def test_udp(place: Place) -> None:
    with place.front(UDP):
        place.flood(SERVER[0], TALK)
        become_equal(place.by_cpu, lambda: of_influx(place, "udp"))


def test_nobody_is_there_and_the_front_works_on(place: Place) -> None:
    """A name that nobody knows, and a port that nobody has: a line in the journal, once, and the counters go on."""
    for url in ("http://nobody.invalid:8086/write?db=db", "udp://127.0.0.1:9"):
        with place.front(f'influx = "{url}"') as front:
            front.wait_for("metrics-not-sent", PATIENCE)
            if url.startswith("http"):
                place.flood(SERVER[0], TALK)
            assert sum("metrics-not-sent" in line for line in front.lines) <= 2, front.lines
            assert place.counted()["web", "answered"] > 0
            assert "hardtack_influx_failures_total" in scrape(place)
            (pid,) = exporters(front.pid)
        assert eventually(partial(gone, pid), PATIENCE), "it ends with the front"


def test_the_exporter(place: Place) -> None:
    """It has no rights and no keys, a reload does not touch it, and if it dies the front says so, and works on."""
    with place.front("") as front:
        (pid,) = exporters(front.pid)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert "0" not in status["Uid"].split() and status["NoNewPrivs"] == "1"
        assert not any(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
        assert KEYS.value_size not in sizes_of_tables(pid) and COUNTERS.value_size in sizes_of_tables(pid)
        path = place.folder / f"{place.net.outside.name}.toml"
        other = 'name = "other"\naddresses = ["192.0.2.99"]\nhandshake = "agent"\nvia = "kernel"\n'
        path.write_text(f"{path.read_text()}[[host]]\n{other}")
        front.wait_for("reloaded", PATIENCE)
        told = scrape(place)
        assert 'hardtack_reloads_total{result="success"} 1' in told and 'hardtack_syns_total{host="other"} 0' in told
        path.write_text(path.read_text().replace("127.0.0.1:9790", "127.0.0.1:9791"))
        told = front.wait_for("not-reloaded", PATIENCE)
        assert "[metrics] prometheus: 127.0.0.1:9790 -> 127.0.0.1:9791" in told and "restart the front" in told
        told = scrape(place)
        assert 'hardtack_reloads_total{result="failure"} 1' in told and "hardtack_reload_failed 1" in told
        os.kill(pid, 9)
        front.wait_for("exporter-gone", PATIENCE)
        assert eventually(partial(gone, pid), PATIENCE), "it is not left as a corpse"
    assert not answers(place.net.front, "http://127.0.0.1:9790/metrics")
    done = run([*front_command(path)[:3], "check", path], place.net.front, timeout=PATIENCE)
    assert "Metrics: Prometheus at http://127.0.0.1:9791/metrics, reachable from this machine only" in done.stdout.decode()


def scrape(place: Place) -> str:
    """What Prometheus would get."""
    return get(place.net.front, "http://127.0.0.1:9790/metrics").decode()


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not Path(f"/proc/{pid}").exists()


def exporters(front: int) -> list[int]:
    """The processes of this name that a front has started."""
    found = Path(f"/proc/{front}/task/{front}/children").read_text().split()
    return [int(pid) for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "hardtack-metric"]


def sizes_of_tables(pid: int) -> set[int]:
    """Of the BPF tables that a process has open, the bytes of an entry: see proc_pid_fdinfo(5)."""
    facts = [fd.read_text() for fd in Path(f"/proc/{pid}/fdinfo").iterdir()]
    return {int(size) for text in facts for size in re.findall(r"^value_size:\t(\d+)$", text, re.MULTILINE)}


def test_what_cannot_be_is_told_before_anything_is_attached(place: Place, tmp_path: Path) -> None:
    path = configuration(tmp_path, place.net.outside, hosts())
    good = path.read_text()
    path.write_text(f'{good}[metrics]\nprometheus = "127.0.0.1:9790"\n')
    taken = place.net.front.call(socket.create_server, ("127.0.0.1", 9790))
    with taken:
        told = refusal(front_command(path), place.net.front, 1)
    assert told == (
        'hardtack: [metrics] prometheus = "127.0.0.1:9790": cannot listen there: Address already in use; '
        "find the listener with `ss -tlnp sport = 9790`, or write another address or port\n"
    )
    file = token_file(tmp_path, "s3cret", 0o644)
    path.write_text(f"{good}[metrics]\n{V2.format(file)}\n")
    told = refusal(front_command(path), place.net.front, 2)
    why = f"users other than its owner can access this token (mode 0644); write: chmod 600 {file}"
    assert told == f"hardtack: {file}: {why}\n"
    where = tmp_path / "agent.prom"  # in a folder that only root may write to
    agent = [*agent_command(place.net.far.name, tmp_path / "key"), "--metrics-textfile", where]
    told = refusal(agent, place.net.server, 2)
    assert re.search(rf"{where}: the agent runs as user \S+, which cannot write to {tmp_path}: setfacl -m u:\S+:rwx ", told)
    token_file(tmp_path, "two words")
    assert "not a token" in refusal(front_command(path), place.net.front, 2)
