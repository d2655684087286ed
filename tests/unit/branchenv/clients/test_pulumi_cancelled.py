"""A cancelled job leaves no `pulumi` behind: it is told to end in order, wherever it was started from."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[4]
_AT_WORK = "at work "
# Works until it is interrupted, as the CLI does, and then says whether it was told once.
_PULUMI = f"""#!{sys.executable}
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("{_AT_WORK}" + str(os.getpid()), flush=True)
signal.sigwait([signal.SIGINT])
print("told", flush=True)
again = signal.sigtimedwait([signal.SIGINT], 0.2)
print("told twice" if again else "ended in order", flush=True)
raise SystemExit(255)
"""
_MAIN = "from branchenv.clients import pulumi_cli; pulumi_cli.destroy('shop.a')"
_SWEEP = """
from types import SimpleNamespace
from branchenv.clients import pulumi_cli
from branchenv.sweep.apply import apply
from branchenv.sweep.plan import SweepPlan

actions = tuple(SimpleNamespace(name=f"shop.{slug}") for slug in "abcdef")
apply(SweepPlan(actions=actions), lambda action: pulumi_cli.destroy(action.name), parallel=2)
print("went on")
"""


@pytest.mark.parametrize(
    ("script", "at_a_time"), [pytest.param(_MAIN, 1, id="one"), pytest.param(_SWEEP, 2, id="a_sweep_of_two_at_a_time")]
)
def test_a_cancelled_job_ends_every_pulumi_in_order_and_starts_no_more(
    script: str, at_a_time: int, tmp_path: Path
) -> None:
    fake = tmp_path / "pulumi"
    fake.write_text(_PULUMI)
    fake.chmod(0o755)
    job = subprocess.Popen(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(_REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    pids: list[int] = []
    try:
        assert job.stdout, "it is read"
        for line in job.stdout:
            assert line.startswith(_AT_WORK), f"nothing else is said before: {line}"
            pids.append(int(line.removeprefix(_AT_WORK)))
            if len(pids) == at_a_time:
                break
        job.send_signal(signal.SIGTERM)
        rest, _ = job.communicate(timeout=30)
        left = [pid for pid in pids if _runs(pid)]
    finally:
        for pid in pids:
            if _runs(pid):
                os.kill(pid, signal.SIGKILL)
        job.kill()
    assert not left, "no pulumi outlives its job"
    assert rest.count("ended in order") == at_a_time, f"each was told, once, and waited for:\n{rest}"
    assert _AT_WORK not in rest, f"no other environment was begun:\n{rest}"
    assert rest.count("interrupted") == 1, f"and a person is told:\n{rest}"
    assert "went on" not in rest, "the job does not go on"
    assert job.returncode == 128 + signal.SIGTERM, "which a script can tell"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
