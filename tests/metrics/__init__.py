"""Metrics, in the servers that they are for: Prometheus, InfluxDB, VictoriaMetrics, node_exporter, as Debian has them."""
