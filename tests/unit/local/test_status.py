"""What `make status` shows."""

from types import SimpleNamespace

import pytest

from local import __main__ as command
from local.cluster.supervisor import Status


class _Supervisor:
    def statuses(self) -> list[Status]:
        return [
            Status(name="of-a-newer-checkout", state="RUNNING", pid=1, seconds=5),
            Status(name="etcd", state="RUNNING", pid=2, seconds=5),
        ]


def test_a_process_that_this_checkout_does_not_know_is_shown_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("local.cluster.lifecycle.running", lambda: True)
    monkeypatch.setattr("local.install.programs", lambda: None)
    monkeypatch.setattr(
        "local.cluster.processes.all_of", lambda *_: [SimpleNamespace(name="etcd", purpose="the state")]
    )
    monkeypatch.setattr("local.cluster.addon_processes.NAMES", ())
    monkeypatch.setattr(command, "Supervisor", _Supervisor)
    monkeypatch.setattr("sys.argv", ["local", "status"])
    assert command.main() == 0, "all of them run"
    lines = capsys.readouterr().out.splitlines()
    place = {line.split()[0]: number for number, line in enumerate(lines) if line.strip()}
    assert place["etcd"] < place["of-a-newer-checkout"], "after those whose purpose is known"
    assert "another checkout" in lines[place["of-a-newer-checkout"]], "and it says why nothing is known of it"
