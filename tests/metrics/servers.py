"""The servers that metrics go to, each in a namespace and a folder of the test's own, at loopback."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_ground import eventually

from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.lab.servers import nginx_program

PATIENCE = 20.0  # s that anything may take
PROMETHEUS, INFLUX, INFLUX_UDP, VICTORIA, GATE, NODE = 9090, 8086, 8089, 8428, 8429, 9100  # ports
PROGRAMS = ("influxd", "prometheus", "promtool", "victoria-metrics", "prometheus-node-exporter", "openssl")
MISSING = [program for program in PROGRAMS if not shutil.which(program)]

INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:8088"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:8086"
  log-enabled = false
[[udp]]
  enabled = true
  bind-address = "127.0.0.1:8089"
  database = "udp"
  batch-size = 100
  batch-timeout = "100ms"
  read-buffer = 4194304
"""
SCRAPES = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - {{job_name: hardtack, static_configs: [{{targets: ["127.0.0.1:9790"]}}]}}
  - {{job_name: node, static_configs: [{{targets: ["127.0.0.1:9100"]}}]}}
"""
# InfluxDB 2 knows tokens, and VictoriaMetrics, which speaks its protocol, does not: so nginx asks for it
NGINX = """
daemon off;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    client_max_body_size 8m;
    server {{
        listen 127.0.0.1:8429;
        listen 127.0.0.1:8430 ssl;
        ssl_certificate {folder}/certificate; ssl_certificate_key {folder}/certificate.key;
        if ($http_authorization != "Token {token}") {{ return 401 "no"; }}
        location / {{ proxy_pass http://127.0.0.1:8428; }}
    }}
}}
"""


def get(inside: Namespace, url: str, **headers: str) -> bytes:
    """What a server answers."""

    def ask() -> bytes:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE) as answer:
            content: bytes = answer.read()
            return content

    return inside.call(ask)


def answers(inside: Namespace, url: str) -> bool:
    """Whether it does."""
    try:
        get(inside, url)
    except OSError:
        return False
    return True


@contextmanager
def served(command: list[object], inside: Namespace, url: str) -> Iterator[Process]:
    """A server that answers by now."""
    with Process(command, inside) as process:
        if not eventually(lambda: answers(inside, url), PATIENCE):
            raise AssertionError(process.lines)
        yield process


@dataclass
class Influx:
    """InfluxDB 1, which can be stopped and started again."""

    inside: Namespace
    folder: Path
    process: Process | None = None

    def start(self) -> None:
        """It answers then."""
        (self.folder / "influxd.conf").write_text(INFLUXD.format(folder=self.folder))
        self.process = Process(["influxd", "-config", self.folder / "influxd.conf"], self.inside)
        assert eventually(lambda: answers(self.inside, f"http://127.0.0.1:{INFLUX}/ping"), PATIENCE), self.process.lines

    def stop(self) -> None:
        """What it has taken stays."""
        if self.process:
            self.process.stop(timeout=PATIENCE)

    def query(self, text: str, database: str = "db") -> list[dict[str, Any]]:
        """The series that a query gives."""
        asked = urllib.parse.urlencode({"q": text, "db": database, "epoch": "ns"})
        (result,) = json.loads(get(self.inside, f"http://127.0.0.1:{INFLUX}/query?{asked}"))["results"]
        assert "error" not in result, f"{text}: {result}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def create(self, database: str) -> None:
        """A database."""
        self._post("query", urllib.parse.urlencode({"q": f'CREATE DATABASE "{database}"'}))

    def write(self, lines: str, database: str) -> None:
        """Line protocol."""
        self._post(f"write?db={database}", lines)

    def _post(self, path: str, content: str) -> None:
        def ask() -> None:
            urllib.request.urlopen(f"http://127.0.0.1:{INFLUX}/{path}", content.encode(), timeout=PATIENCE).close()

        self.inside.call(ask)


@dataclass
class Prometheus:
    """Prometheus, or VictoriaMetrics, which has the same API for queries."""

    inside: Namespace
    port: int

    def ask(self, path: str, **parameters: str) -> Any:
        """What its API says."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        told = json.loads(get(self.inside, url))
        assert told["status"] == "success", told
        return told["data"]

    def query(self, text: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series, now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=text)["result"]]


@contextmanager
def prometheus(inside: Namespace, folder: Path, rules: Path) -> Iterator[Prometheus]:
    """It scrapes the front, and node_exporter, each second."""
    (folder / "prometheus.yml").write_text(SCRAPES.format(rules=rules))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = ["prometheus", *options, f"--web.listen-address=127.0.0.1:{PROMETHEUS}"]
    with served([*command], inside, f"http://127.0.0.1:{PROMETHEUS}/-/ready"):
        yield Prometheus(inside, PROMETHEUS)


@contextmanager
def victoria(inside: Namespace, folder: Path, token: str) -> Iterator[Prometheus]:
    """VictoriaMetrics, behind an nginx that wants a token of who writes."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, token=token))
    certify(folder / "certificate")
    command = ["victoria-metrics", f"-storageDataPath={folder}/vm", f"-httpListenAddr=127.0.0.1:{VICTORIA}"]
    options = ["-search.latencyOffset=0s", "-search.disableCache"]
    gate = [nginx_program(), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    with served([*command, *options], inside, f"http://127.0.0.1:{VICTORIA}/health"), Process(gate, inside):
        yield Prometheus(inside, VICTORIA)


def certify(path: Path) -> None:
    """A certificate of loopback, which nobody trusts, and its key beside it."""
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *name]
    done = run([*made, "-keyout", f"{path}.key", "-out", path], None, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


@contextmanager
def node_exporter(inside: Namespace, textfiles: Path) -> Iterator[Process]:
    """It serves textfiles, and nothing else: an agent's, too: its host sees no scrapes."""
    options = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={textfiles}"]
    command = ["prometheus-node-exporter", *options, f"--web.listen-address=127.0.0.1:{NODE}"]
    with served([*command], inside, f"http://127.0.0.1:{NODE}/metrics") as process:
        yield process
