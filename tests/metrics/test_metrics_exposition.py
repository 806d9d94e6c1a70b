"""What Prometheus reads, read back by prometheus_client's parsers; the server; the page of all metrics."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from lab_ground import eventually
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from hardtack.agent import textfile
from hardtack.agent.families import AGENT, AGENT_UP, KEYS_EXPIRE
from hardtack.agent.textfile import NoTextfile, Textfile
from hardtack.control.metrics import families, table
from hardtack.control.metrics.exposition import exposition
from hardtack.control.metrics.reading import Attacks, Held, Seen, Traffic
from hardtack.control.metrics.samples import Facts, Own, samples
from hardtack.control.metrics.server import MOST_CLIENTS, Server
from hardtack.control.readout import RuleFrames
from hardtack.control.reloads import Reloads
from hardtack.control.token_file import TokenFileError, read_token
from hardtack.control.workers import WorkerSeen
from hardtack.packet.reasons import FRONT_REASONS, Reason

ROOT = Path(__file__).parents[2]
RULE = 'drop "x\\y" and\\'
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


def seen() -> Seen:
    """Something of everything."""
    frames = np.zeros((2, FRONT_REASONS), np.uint64)
    frames[1, [Reason.answered, Reason.stray_ack]] = 2**53 + 2, 7
    hosts, cpus = Traffic([families.NOBODY, "web"], frames, frames * np.uint64(2)), Traffic(["0", "1"], frames, frames)
    attacks = Attacks(["web"], [True], [1000.0], [[5.0, 0.0, 0.0]], [[1.0, 0.5, 0.0]])
    rules = [RuleFrames("", RULE, 1, 2, 3, 4)]
    held = Held({"cookie": 3}, {"established": 3}, 10, 2, 1, 5)
    workers = [WorkerSeen(2, True, 9, 1, 2, 3, 3, 0, 0)]
    told, agent = Reloads(5.0), {"admitted": 3}
    return Seen(hosts, cpus, rules, held, {"over": 4}, attacks, {}, 0.0, 0.5, told, agent, workers, 1.0, 0.01)


FACTS = Facts("eth0", (("eth0", "driver", True),), 1.0, "1.2", 5000.0, 7)
OWN = Own(0.5, True, 5, {"buffer_full": 1}, 2, 3)


@pytest.mark.parametrize(("accept", "parse"), [("", text_format), (OPEN_METRICS, open_metrics)], ids=["text", "open"])
def test_what_is_written_is_what_is_read(accept: str, parse: Callable[[str], Iterator[object]]) -> None:
    body, kind = exposition(seen(), FACTS, OWN, accept)
    assert kind.startswith("application/openmetrics-text" if accept else "text/plain")
    found = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for metric in parse(body.decode())
        for sample in metric.samples  # type: ignore[attr-defined]
    }
    wanted = {(family.full, (*zip(family.labels, labels, strict=True),)): value for family, labels, value in samples(
        seen(), FACTS, OWN
    )}  # fmt: skip
    for family, factor in ((families.FRAMES, 1), (families.BYTES, 2)):
        for reason, verdict, count in (("answered", "reply", 2**53 + 2), ("stray_ack", "drop", 7)):
            wanted[family.full, (("host", "web"), ("verdict", verdict), ("reason", reason))] = count * factor
    for family in (families.CPU_FRAMES, families.CPU_BYTES):
        for reason, verdict, count in (("answered", "reply", 2**53 + 2), ("stray_ack", "drop", 7)):
            wanted[family.full, (("cpu", "1"), ("verdict", verdict), ("reason", reason))] = count
    assert {(name, frozenset(labels)): value for (name, labels), value in found.items()} == {
        (name, frozenset(labels)): value for (name, labels), value in wanted.items()
    }
    assert found["hardtack_rule_frames_total", (("host", "(all)"), ("rule", RULE))] == 1


@contextmanager
def serving(render: Callable[[str], tuple[bytes, str]]) -> Iterator[int]:
    """A server; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener, render)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listener.getsockname()[1]
    server.shutdown()
    thread.join()
    server.server_close()


def get(port: int, path: str = "/metrics", **headers: str) -> tuple[bytes, str | None]:
    """What it answers, and how that is packed."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return answer.read(), answer.headers["Content-Encoding"]


def test_who_is_slow_keeps_nobody_waiting() -> None:
    with serving(lambda accept: (accept.encode(), "text/plain")) as port, ExitStack() as parts:
        dawdlers = [parts.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3 * MOST_CLIENTS)]
        for one in dawdlers:
            one.sendall(b"GET /metr")
            one.settimeout(20)
        assert get(port, Accept="x") == (b"x", None)
        for one in dawdlers[: 2 * MOST_CLIENTS]:
            assert one.recv(1) == b"", "the oldest are hung up on"
        assert eventually(lambda: threading.active_count() < 2 * MOST_CLIENTS, 20)


def test_what_the_server_answers() -> None:
    with serving(lambda _: (b"metrics " * 1000, "text/plain")) as port:
        body, packed = get(port, **{"Accept-Encoding": "gzip, deflate"})
        assert (gzip.decompress(body), packed) == (b"metrics " * 1000, "gzip")
        assert get(port, "/")[0] == b"hardtack: metrics for Prometheus are at /metrics\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(port, "/admin")


def test_the_page_of_all_metrics_is_current() -> None:
    page = ROOT / "docs" / "metrics.md"
    made = table.rewritten(page.read_text())
    assert page.read_text() == made, "python -m hardtack.control.metrics.table docs/metrics.md"


def test_names_are_as_prometheus_wants_them() -> None:
    every = [*families.ALL, *AGENT]
    assert len({one.full for one in every}) == len(every) - 2  # the agent's counters and keys are told by both
    for one in every:
        assert re.fullmatch(r"hardtack_[a-z][a-z_]*[a-z]", one.base) and one.help.endswith(".") and one.most
        assert not one.base.endswith("_total")


def test_what_dashboards_and_alerts_ask_for_there_is() -> None:
    """Also where no server is installed."""
    known = {one.full for one in (*families.ALL, *AGENT)} | {one.base for one in families.ALL} | {"hardtack_traffic"}
    for path in [*ROOT.glob("etc/grafana/*.json"), *ROOT.glob("etc/prometheus/*.yml")]:
        text = json.dumps(json.loads(path.read_text())["panels"]) if path.suffix == ".json" else path.read_text()
        asked = {*re.findall(r"\bhardtack_\w+", text)}
        assert asked and asked <= known, (path, asked - known)


def test_every_alert_has_its_words() -> None:
    text = (ROOT / "etc/prometheus/hardtack.rules.yml").read_text()
    alerts = text.count("- alert:")
    assert alerts > 9
    for word in ("summary", "description", "runbook", "severity"):
        assert len(re.findall(rf"\b{word}: .", text)) == alerts
    assert {*re.findall(r"- alert: (\w+)", text)} == {*re.findall(r"- name: (\w+)", (text_of_tests()))}


def text_of_tests() -> str:
    """promtool's."""
    return (ROOT / "etc/prometheus/hardtack.test.yml").read_text()


def test_a_textfile_is_what_prometheus_reads() -> None:
    text = textfile.text(iter([(AGENT_UP, ('e"0',), 1), (KEYS_EXPIRE, ("e1",), 2.5), (KEYS_EXPIRE, ("e2",), 3)]))
    (up, expire) = text_format(text)
    assert (up.samples[0].labels, [one.value for one in expire.samples]) == ({"interface": 'e"0'}, [2.5, 3.0])


def test_textfiles_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(NoTextfile, match=r"read files whose names end with \.prom only|names end with \.prom only"):
        Textfile(tmp_path / "agent.txt", "eth0")
    with pytest.raises(NoTextfile, match="no such folder; create it: install -d -o "):
        Textfile(tmp_path / "none" / "agent.prom", "eth0")


def test_tokens(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(TokenFileError, match="cannot read this token file: No such file"):
        read_token(file)
    file.write_text("abc==\n")
    file.chmod(0o640)
    with pytest.raises(TokenFileError, match=r"other than its owner can access this token \(mode 0640\); write: chmod 600"):
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == "abc=="
    for wrong in ("", "two words\n", "two\nlines\n", "é\n"):
        file.write_text(wrong)
        with pytest.raises(TokenFileError, match="not a token: write it on one line"):
            read_token(file)
    with pytest.raises(TokenFileError, match="not a regular file"):
        read_token(tmp_path)
