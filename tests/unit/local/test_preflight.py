"""The machine is judged before anything is built: every fault at once, each with what to do."""

import dataclasses

import pytest

from local.preflight import Machine, look, problems

FIT = Machine(
    system="Linux",
    architecture="x86_64",
    root=True,
    missing=(),
    go=(1, 26),
    trial="",
    cgroups=True,
    disk=100.0,
    memory=16.0,
    ports_taken=(),
    route=None,
)


def test_a_fit_machine_has_no_problem() -> None:
    assert problems(FIT, building=True) == [], "a fit machine must not be refused"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"root": False}, "run it with sudo"),
        ({"architecture": "riscv64"}, "this machine is riscv64"),
        ({"trial": "unshare failed: Operation not permitted"}, "Operation not permitted"),
        ({"cgroups": False}, "mount them"),
        ({"missing": ("nsenter",)}, "install it (util-linux)"),
        ({"missing": ("go",), "go": None}, "install it (golang"),
        ({"go": (1, 21)}, "install 1.26 or newer"),
        ({"disk": 3.0}, "needs 12"),
        ({"memory": 1.5}, "needs 3"),
        ({"ports_taken": (("GATEWAY_PORT", 8080),)}, "GATEWAY_PORT=18080"),
        ({"ports_taken": (("GATEWAY_HTTPS_PORT", 58443),)}, "GATEWAY_HTTPS_PORT=48443"),
        ({"route": "198.18.0.0/16 dev tun0"}, "198.18.0.0/16 dev tun0"),
    ],
)
def test_each_fault_is_told_with_what_to_do(change: dict[str, object], expected: str) -> None:
    found = problems(dataclasses.replace(FIT, **change), building=True)  # type: ignore[arg-type]
    assert len(found) == 1, "one fault is one problem"
    assert expected in found[0], "the problem names the value and the way out"


def test_all_faults_are_told_at_once() -> None:
    machine = dataclasses.replace(FIT, root=False, disk=1.0, ports_taken=(("GATEWAY_PORT", 8080),))
    assert len(problems(machine, building=True)) == 3, "nobody fixes a machine one message at a time"


def test_a_cluster_that_is_built_already_needs_no_compiler_and_little_disk() -> None:
    machine = dataclasses.replace(FIT, missing=("go", "apt-get"), go=None, disk=5.0)
    assert problems(machine, building=False) == [], "only what starts the cluster counts once all is cached"


def test_another_system_is_told_only_that() -> None:
    machine = dataclasses.replace(FIT, system="Darwin", root=False, cgroups=False)
    assert problems(machine, building=True) == ["the local cluster needs Linux: this is Darwin"], (
        "root or cgroups mean nothing there"
    )


def test_looking_at_this_machine_finds_its_facts() -> None:
    machine = look({"GATEWAY_PORT": 1})
    assert machine.memory > 0, "memory is read from the system"
    assert machine.disk > 0, "free disk is read even where the cache folder is not there yet"
    assert not machine.ports_taken, "nothing listens on port 1"
