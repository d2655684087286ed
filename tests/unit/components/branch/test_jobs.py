"""Jobs of an environment file: what they are made of, and what waits for what."""

from pathlib import Path
from typing import Any

import pytest

from core.labels import DATA_ANNOTATION, INPUTS_ANNOTATION, TRACK_LABEL
from stacks.settings.errors import SettingsError
from tests.unit.recording import BASE_CONTRACT, Made, Recorder, run_program

IMAGE, OTHER = "shop.local/shop:1.0", "shop.local/shop:2.0"
SEVERAL = f"""
workloads:
  web: {{image: {IMAGE}, env: {{A: web, B: web}}, runAs: root, routes: [{{}}]}}
  db: {{image: {OTHER}, protocol: tcp, port: 5432}}
jobs:
  migrate: {{workload: web, needs: [db], env: {{A: own}}, args: [migrate]}}
  seed: {{workload: web, once: true}}
  warm: {{workload: web, when: after}}
"""


def run(tmp_path: Path, text: str, kinds: tuple[str, ...] = ("Job",), ran: Any = None, **config: Any) -> Recorder:
    """Run the program with an environment file, where branches may make some kinds."""
    file = tmp_path / "environment.yaml"
    file.write_text(text, encoding="utf-8")
    app = {**BASE_CONTRACT["apps"]["shop"], "kinds": kinds}
    recorder = Recorder(
        contracts={"base-local": {**BASE_CONTRACT, "apps": {"shop": app}}}, outputs={"ran": ran} if ran else {}
    )
    return run_program("shop.x", {"environment": str(file), **config}, recorder)


def job(recorder: Recorder, name: str) -> Made:
    (found,) = [each for each in recorder.of_type(":Job") if each.name == f"x-{name}-job"]
    return found


def pod(recorder: Recorder, name: str) -> dict[str, Any]:
    found: dict[str, Any] = job(recorder, name).inputs["spec"]["template"]
    return found


def deployment(recorder: Recorder, name: str) -> Made:
    (found,) = [each for each in recorder.of_type(":Deployment") if each.name == f"x-{name}-deployment"]
    return found


def waits_for(made: Made, other: Made) -> bool:
    return any(urn.endswith(f"{other.type}::{other.name}") for urn in made.depends_on)


def test_jobs_and_workloads_come_one_after_another(tmp_path: Path) -> None:
    recorder = run(tmp_path, SEVERAL)
    web, db = deployment(recorder, "web"), deployment(recorder, "db")
    migrate, seed, warm = (job(recorder, name) for name in ("migrate", "seed", "warm"))
    (route,) = recorder.of_type(":VirtualService")
    assert waits_for(migrate, db), "a job comes after what it needs"
    assert not waits_for(db, migrate), "which waits for no job"
    assert db.inputs["spec"]["minReadySeconds"] == 2, "and counts as up once all nodes lead to it"
    assert "minReadySeconds" not in web.inputs["spec"], "what no job needs is up when it is ready"
    assert waits_for(seed, migrate), "jobs come in the order of the file"
    assert waits_for(web, migrate), "the others are not made before all jobs have ended"
    assert waits_for(web, seed), "the others are not made before all jobs have ended"
    assert waits_for(warm, route), "what comes after finds the new version at the URL"


def test_a_job_has_what_its_workload_has_where_it_says_nothing_itself(tmp_path: Path) -> None:
    container = pod(run(tmp_path, SEVERAL), "migrate")["spec"]["containers"][0]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert container["image"] == IMAGE, "the workload's image"
    assert (env["A"], env["B"]) == ("own", "web"), "its own variables win"
    assert env["DB_URL"] == "tcp://x--db:5432", "it finds siblings as workloads do"
    assert pod(run(tmp_path, SEVERAL), "migrate")["spec"]["securityContext"]["runAsUser"] == 0, "and is the same user"
    assert run(tmp_path, SEVERAL, images={"migrate": OTHER}), "config sets a job's image as it does a workload's"


def test_a_job_is_held_as_a_workload_is_and_runs_once_at_a_time(tmp_path: Path) -> None:
    recorder = run(tmp_path, f"image: {IMAGE}\njobs: {{migrate: {{retries: 1, timeoutSeconds: 60}}}}")
    made = job(recorder, "migrate")
    spec = pod(recorder, "migrate")["spec"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}, "the restricted standard"
    assert spec["serviceAccountName"] == "shop", "the app's own"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}, "with limits"
    assert pod(recorder, "migrate")["metadata"]["labels"][TRACK_LABEL] == "job", "no Service sends it requests"
    assert made.metadata["name"] == "x--migrate", "one name for all runs: there is never more than one"
    hints = made.metadata["annotations"]
    assert hints["pulumi.com/deletionPropagationPolicy"] == "foreground", "its pod is gone before the next run"
    assert hints["pulumi.com/timeoutSeconds"] == "240", "two tries, and the time that a pod has to start"
    assert made.inputs["spec"]["backoffLimit"] == 1, "and no more"
    assert spec["activeDeadlineSeconds"] == 60, "the pod stays, and its log"


def test_a_job_runs_again_when_an_image_changes_and_not_else(tmp_path: Path) -> None:
    text = f"image: {IMAGE}\njobs: {{migrate: {{image: {IMAGE}}}}}"
    once, again = (pod(run(tmp_path, text), "migrate") for _ in range(2))
    assert once == again, "an unchanged push changes nothing of it"
    more = pod(run(tmp_path, f"{text}\nreplicas: 2"), "migrate")
    assert more == once, "nor does what is no matter to it"
    pushed = pod(run(tmp_path, text, image=OTHER), "migrate")
    assert pushed["spec"] == once["spec"], "its own image stays"
    key = INPUTS_ANNOTATION
    assert pushed["metadata"]["annotations"][key] != once["metadata"]["annotations"][key], "and still it runs again"


def test_what_runs_once_is_left_as_it_was_when_it_ran(tmp_path: Path) -> None:
    first = run(tmp_path, SEVERAL)
    assert job(first, "seed").ignored == (), "until it has ended well, a corrected image is taken"
    ran = first.exports["ran"]
    assert ran == {"data": "0", "once": ["seed"]}, "then the stack notes it"
    later = run(tmp_path, SEVERAL, ran=ran)
    assert job(later, "seed").ignored == ("spec",), "and no push makes it run again"
    assert job(later, "migrate").ignored == (), "which is no matter to others"
    reset = run(tmp_path, SEVERAL, ran=ran, data="t5k2xa")
    assert job(reset, "seed").ignored == (), "but other data do, which it is to fill"


def test_the_data_of_the_running_version_are_named_until_a_push_with_others_is_through() -> None:
    def named(deployed: dict[str, str] | None, **config: str) -> Any:
        recorder = Recorder(outputs={"config": deployed} if deployed is not None else {})
        made = run_program("shop.x", {"image": IMAGE, **config}, recorder)
        (container,) = made.of_type(":Deployment")[0].inputs["spec"]["template"]["spec"]["containers"]
        used = next(each["value"] for each in container["env"] if each["name"] == "BRANCH_DATA")
        (anchor,) = [each for each in made.of_type(":ConfigMap") if each.name == "x-anchor"]
        return used, anchor.metadata["annotations"][DATA_ANNOTATION]

    assert named(None) == ("0", "0"), "an environment that `pulumi` alone makes has data, too"
    assert named({"image": IMAGE}, data="b") == ("b", "0 b"), "the pods before have theirs until the new ones are up"
    assert named({"data": "b"}, data="b") == ("b", "b"), "then nobody uses the old"
    assert named({"data": "b"}, data="c") == ("c", "b c"), "as with every reset"


def test_a_schedule_runs_one_at_a_time_while_the_environment_is_awake(tmp_path: Path) -> None:
    text = f"image: {IMAGE}\nschedules: {{nightly: {{schedule: '0 3 * * *', timeZone: Europe/Berlin, args: [tidy]}}}}"
    kinds = ("CronJob",)
    awake, asleep = run(tmp_path, text, kinds), run(tmp_path, text, kinds, asleep="true")
    (made,), (suspended,) = awake.of_type(":CronJob"), asleep.of_type(":CronJob")
    spec = made.inputs["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 3 * * *", "Europe/Berlin", False), "as written"
    assert spec["concurrencyPolicy"] == "Forbid", "never twice at a time"
    container = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["args"]) == (IMAGE, ["tidy"]), "the workload's image"
    assert suspended.inputs["spec"]["suspend"] is True, "nothing runs in an environment that sleeps"
    assert spec["startingDeadlineSeconds"] < 3600, "and what it missed is not made up for when it wakes"


def test_a_base_stack_says_whether_branches_may_have_jobs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        run(tmp_path, SEVERAL, kinds=())
    assert "add Job to isolation.kinds of the app shop" in str(refused.value), "before anything is made"
    assert "or take jobs out (" in str(refused.value), "and what a person can do alone"
    schedule = f"image: {IMAGE}\nschedules: {{nightly: {{schedule: '@daily'}}}}"
    with pytest.raises(SettingsError) as refused:
        run(tmp_path, schedule)
    assert "add CronJob to isolation.kinds" in str(refused.value), "each of them"
