"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest
from engine_ground import VARIABLE
from hypothesis import settings

# These only compute. All others have network namespaces, floods and daemons, and would be in each other's way.
COMPUTING = {
    *("test_bench_programs", "test_compiler", "test_connections", "test_cookie_check", "test_explain", "test_fairness"),
    *("test_front_frames", "test_front_ip"),
    *("test_front_generated", "test_guessing", "test_hosts", "test_skewed_cpus"),
    *("test_kernel_btf", "test_kernel_structures", "test_keys", "test_layout", "test_marking", "test_naive"),
    *("test_agreement", "test_expressions", "test_random_code", "test_rule_programs", "test_tap_program"),  # pcap/
    *("test_kernels", "test_naive_cookie", "test_parts", "test_places", "test_table_threads", "test_transcripts"),
    *("test_hostile_files", "test_mistakes", "test_units"),
    *("test_bursts", "test_capture_walk", "test_capture_damage", "test_replay", "test_replay_agreement"),
    *("test_worker_rings", "test_worker_frames", "test_two_workers", "test_checked", "test_fuzz", "test_plain"),
    *("test_queue_plan", "test_cpu_choice"),
}

# These have namespaces and daemons, but no flood that is measured: they may run beside those that have.
BESIDE = {
    *("test_capture", "test_cli", "test_docs", "test_hitters", "test_live", "test_status", "test_top"),
    *("test_agent_asked", "test_alive", "test_doc_commands", "test_events", "test_site", "test_journal", "test_packages"),
    *("test_report_front", "test_report_parts", "test_report_rules", "test_upgrade"),
    *("test_systemd", "test_systemd_ground", "test_systemd_packages", "test_systemd_units"),
    *("test_bench", "test_helper", "test_kernel_links", "test_kernel_standing", "test_objects"),
    *("test_output", "test_preflight", "test_shipped_programs", "test_succession", "test_doctors_sites"),
    *("test_metrics_lines", "test_metrics_exposition", "test_metrics_promtool", "test_metrics_stored", "test_metrics_sent"),
    *("test_replay_live", "test_xsk", "test_steer"),
}

# These have fronts, and run with each engine: `pytest --engine af_xdp`. Not those that take long, and hang on nothing that
# an engine does.
BOTH_ENGINES = {
    *("test_capture", "test_lists", "test_rules_on_every_way", "test_several_uplinks", "test_tags", "test_ways"),
    *("test_under_attack", "test_offers"),
}
ONCE = {
    "test_it_ends_with_a_process_that_is_killed",
    "test_whoever_says_so_switches_it",
    "test_a_front_that_dies_leaves_it_on_and_the_next_one_goes_on",
}

# These look for what labs leave behind, which any other lab would sweep: nobody else's may begin meanwhile.
ALONE = {"test_lab_life"}

# And these are quick: they compile no program of ours.
QUICK = {
    *("test_config", "test_kernel_btf", "test_kernel_structures", "test_keys", "test_layers", "test_layout", "test_naive"),
    *("test_kernels", "test_naive_cookie", "test_places", "test_privileges", "test_record", "test_units"),
    *("test_expressions", "test_hostile_files", "test_mistakes", "test_queue_plan", "test_cpu_choice"),
}

# Reports of fronts under test stay out of this machine's own; STATE_DIRECTORY is as systemd has it
STATE = tempfile.TemporaryDirectory(prefix="hardtack-state-")
os.environ["STATE_DIRECTORY"] = STATE.name

# No test judges by time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A shell has its background jobs, and so all that they start, ignore SIGINT; the tests send it to their own processes.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine`: of the fronts under test."""
    parser.addoption("--engine", choices=("xdp", "af_xdp"), help="run the tests that are for both engines with this one")


def pytest_configure(config: pytest.Config) -> None:
    """For the processes that tests start, too."""
    if chosen := config.getoption("--engine"):
        os.environ[VARIABLE] = chosen


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what may run beside the rest (see scripts/test), and what `make quick` runs."""
    if config.getoption("--engine"):
        items[:] = [item for item in items if item.path.stem in BOTH_ENGINES and item.name.partition("[")[0] not in ONCE]
    for item in items:
        for name, stems in (("computing", COMPUTING), ("beside", BESIDE), ("alone", ALONE), ("quick", QUICK)):
            if item.path.stem in stems:
                item.add_marker(name)
