"""Section `scale`: one more environment, when there are 1, 10, 100 and 500 already.

The API server, istiod and the gateway are real. The environments that are there already were not deployed one by one,
which would take half an hour: one was, and the others are copies of its objects and of its state under other names.
Their pods are on nodes that kwok plays; what is measured runs on the real node.
"""

import json
import subprocess
import time
from http import HTTPStatus
from pathlib import Path

from benchmarks.fill import Fill, name_of, play_nodes
from benchmarks.lab import APP, BASE, DOMAIN, FIRST, Lab, process_ids
from benchmarks.measure import Command, Requests, ask, run
from benchmarks.proxies import Proxy, Xds, gateway, sidecar
from benchmarks.records import Recorder
from benchmarks.ways import Up
from local.cluster.network import NODE_ADDRESS
from local.errors import LocalError
from local.progress import Detail

SECTION = "scale"
COUNTS = (1, 10, 100, 500)
_QUICK_COUNTS = (1, 10, 50)
_XDS = f"{NODE_ADDRESS}:15010"
_PAUSE = 0.02
_LONGEST = 120.0


def measure(lab: Lab, *, rounds: int, detail: Detail) -> Recorder:
    """Measure at each number of environments.

    Args:
        lab: where; its cluster has kwok.
        rounds: how often at each number.
        detail: where to say how far it is.
    """
    recorder = Recorder(SECTION)
    detail.text = "simulated nodes"
    play_nodes(lab)
    fill = Fill.begin(lab)
    remote = _remote(lab)
    try:
        for count in COUNTS if rounds > 1 else _QUICK_COUNTS:
            detail.text = f"filling up to {count} environments"
            fill.up_to(count)
            _branches(remote, count)
            _until_routed(lab, f"{name_of(count)}.{DOMAIN}")
            for number in range(rounds):
                detail.text = f"{count} environments, round {number + 1} of {rounds}"
                _one_more(lab, recorder, count)
                _commands(lab, recorder, count, remote)
            detail.text = f"{count} environments: what istiod sends"
            _configuration(lab, recorder, count, rounds)
            _sizes(lab, recorder, count)
    finally:
        fill.remove()
    return recorder


def _one_more(lab: Lab, recorder: Recorder, count: int) -> None:
    way = Up(lab=lab, name="one-more")
    way.prepare()
    with Requests(lab.port, way.host) as requests:
        ended = run(way.deploy(FIRST))
        routed = requests.first(lambda answer: answer.status not in (0, HTTPStatus.NOT_FOUND), what="is routed")
        first = requests.first(lambda answer: answer.status == 200, what="answers")
    recorder.add(f"up/{count}", ended.seconds)
    recorder.add(f"up-cpu/{count}", ended.cpu)
    recorder.add(f"first-200/{count}", first.at - ended.began)
    recorder.add(f"routed/{count}", routed.at - ended.began)
    recorder.add(f"destroy/{count}", run(way.remove()).seconds)
    lab.await_deletion(way.selector)


def _commands(lab: Lab, recorder: Recorder, count: int, remote: Path) -> None:
    env = {
        **lab.admin,
        "BRANCHENV_PROGRAM": str(lab.program),
        "BRANCHENV_APP": APP,
        "BRANCHENV_BASE": BASE,
        "BRANCHENV_PROJECT": f"acme/{APP}",
        "CI_REPOSITORY_URL": str(remote),
        "CI_DEFAULT_BRANCH": "main",
    }
    for name in ("list", "sweep"):
        ended = run(Command(arguments=["branchenv", name, "--json"], env=env, folder=lab.folder))
        if ended.output.count(f"{APP}.env-") < (count if name == "list" else 0):
            raise LocalError(f"`branchenv {name}` does not see all {count} environments:\n{ended.output}", "a defect")
        recorder.add(f"{name}/{count}", ended.seconds)


def _configuration(lab: Lab, recorder: Recorder, count: int, rounds: int) -> None:
    """What a proxy gets when it asks for everything, and what it gets when one more environment comes."""
    name = name_of(1)
    pod = lab.get("pods", f"--namespace={APP}", f"--selector=branch-environments/slug={name}")["items"][0]
    for scoped in (False, True):
        if scoped:
            _scope(lab, name)
        app = sidecar(pod)
        for proxy, what in ((gateway(), "gateway"), (app, "sidecar-scoped" if scoped else "sidecar")):
            if scoped and what == "gateway":
                continue
            _wait_for_scope(proxy, scoped=scoped)
            for _ in range(rounds):
                with Xds(_XDS, proxy) as xds:
                    everything = xds.everything()
                recorder.add(
                    f"config-bytes-{what}/{count}", everything.size, unit="byte", resources=everything.resources
                )
                recorder.add(f"config-seconds-{what}/{count}", everything.seconds)
            with Xds(_XDS, proxy) as xds:
                xds.everything()
                pushed = xds.pushed_while(lambda: _come_and_go(lab))
            recorder.add(f"push-bytes-{what}/{count}", max(pushed, 1), unit="byte")
    lab.kubectl("delete", "sidecar", name, f"--namespace={APP}")


def _scope(lab: Lab, name: str) -> None:
    """Tell istiod that this branch's proxies call nothing but their own branch."""
    labels = {"branch-environments/app": APP, "branch-environments/slug": name}
    manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": name, "namespace": APP},
        "spec": {
            "workloadSelector": {"labels": labels},
            "egress": [{"hosts": [f"./{name}.{APP}.svc.cluster.local", "istio-system/*"]}],
        },
    }
    lab.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))


def _wait_for_scope(proxy: Proxy, *, scoped: bool) -> None:
    """Wait until istiod has heard of the Sidecar: the configuration has then few clusters."""
    if not scoped:
        return
    end = time.perf_counter() + _LONGEST
    size = 0
    while time.perf_counter() < end:
        with Xds(_XDS, proxy) as xds:
            now = xds.everything().size
        if now == size:
            return
        size = now
        time.sleep(0.5)


def _come_and_go(lab: Lab) -> None:
    """One more environment comes, until the gateway routes it, and goes."""
    way = Up(lab=lab, name="pushed")
    way.prepare()
    run(way.deploy(FIRST))
    _until_routed(lab, way.host)
    run(way.remove())
    lab.await_deletion(way.selector)


def _sizes(lab: Lab, recorder: Recorder, count: int) -> None:
    for process in ("istiod", "istio-gateway"):
        recorder.add(f"memory-{process}/{count}", _memory(process), unit="byte")
    files = [file for file in lab.backend.rglob("*") if file.is_file()]
    recorder.add(f"backend-bytes/{count}", sum(file.stat().st_size for file in files), unit="byte", files=len(files))


def _memory(process: str) -> int:
    """What a part of the cluster has of memory, in bytes; shared pages count in parts."""
    total = 0
    for pid in process_ids(process):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    return total


def _until_routed(lab: Lab, host: str) -> None:
    end = time.perf_counter() + _LONGEST
    while ask(lab.port, host).status in (0, HTTPStatus.NOT_FOUND):
        if time.perf_counter() > end:
            raise LocalError(f"{host} is not routed after {_LONGEST:g} s", "run the same command again")
        time.sleep(_PAUSE)


def _remote(lab: Lab) -> Path:
    """A git repository that has a branch for every environment, so that a sweep finds nothing to do."""
    remote = lab.folder / "manifests.git"
    _git(lab, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    tree = _git(lab, f"--git-dir={remote}", "hash-object", "-t", "tree", "-w", "--stdin").strip()
    author = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    commit = _git(lab, f"--git-dir={remote}", *author, "commit-tree", tree, "-m", "empty").strip()
    _git(lab, f"--git-dir={remote}", "update-ref", "refs/heads/main", commit)
    return remote


def _branches(remote: Path, count: int) -> None:
    commit = (remote / "refs/heads/main").read_text()
    for number in range(1, count + 1):
        (remote / "refs" / "heads" / name_of(number)).write_text(commit)


def _git(lab: Lab, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], env=dict(lab.admin), input="", capture_output=True, text=True, check=True
    ).stdout
