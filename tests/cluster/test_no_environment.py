"""The page of hosts that no branch has, by the real gateway: it gives way to branches at once, and comes back."""

import http.client
from collections.abc import Iterator

import pytest

from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.no_environment import is_nobodys
from tests.cluster.support.stacks import FIRST, Base, Branches
from tests.cluster.support.waiting import until


def test_a_host_that_no_branch_has_answers_the_page(base: Base, gateway: Gateway) -> None:
    answer = gateway.get(f"no-such-branch.{base.domain}", "/deep/down?x=1", method="POST")
    assert is_nobodys(answer), f"the gateway's own answer, whatever is asked for: {answer.status} {answer.body[:200]}"
    assert f"Each branch of {base.app}" in answer.body, "it is the app's"
    assert answer.headers["content-type"] == "text/html; charset=utf-8", "a browser shows it"
    assert answer.headers["cache-control"] == "no-store", "and asks again"
    assert "x-envoy-upstream-service-time" not in answer.headers, "no pod answers"
    elsewhere = gateway.get("elsewhere.localhost")
    assert (elsewhere.status, elsewhere.body) == (404, ""), "hosts of no app are none of this project's"


def test_a_branch_takes_its_host_at_once_and_gives_it_back_without_a_failed_request(
    branches: Branches, gateway: Gateway
) -> None:
    branch = branches("feature/coming-and-going")
    with Requests(gateway, branch.host) as requests:
        until(lambda: requests.answers, what="the page answers")
        branch.up(image=FIRST)
        until(lambda: requests.answers[-1].status == 200, what="the app answers")
        coming = list(requests.answers)
        branch.destroy("--remove").ok()
        until(lambda: is_nobodys(requests.answers[-1]), what="the page answers again")
    branches.forget(branch)
    assert is_nobodys(coming[0]), "before there was the page"
    wrong = [each for each in requests.answers if each.status != 200 and not is_nobodys(each)]
    assert not wrong, f"of {len(requests.answers)} requests these met neither: {wrong[:5]}"
    assert branch.name in requests.values("branch"), "it is the branch's own app"


def test_a_connection_on_which_the_page_was_seen_sees_the_branch(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/kept-open")
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)

    def ask() -> int:
        connection.request("GET", "/", headers={"Host": f"{branch.host}:{gateway.port}"})
        response = connection.getresponse()
        response.read()
        return response.status

    assert ask() == 404, "nothing is there yet"
    branch.up(image=FIRST)
    until(lambda: ask() == 200, what="the app answers on the connection that the browser has kept")
    connection.close()


@pytest.fixture
def main(base: Base) -> Iterator[str]:
    """Main's route, as Argo CD would have made it in the app's namespace, and its host."""
    host = f"main.{base.domain}"
    answer = {"directResponse": {"status": 200, "body": {"string": "main"}}}
    spec = {"hosts": [host], "gateways": [f"istio-system/{base.app}"], "http": [answer]}
    metadata = {"name": "main", "namespace": base.namespace}
    base.cluster.apply(
        {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}
    )
    yield host
    base.cluster.kubectl("delete", "virtualservice", "main", f"--namespace={base.namespace}")


def test_main_is_not_in_its_shadow(base: Base, gateway: Gateway, main: str) -> None:
    assert gateway.until_status(main).body == "main", "an exact host goes before the page"
    assert is_nobodys(gateway.get(f"mai.{base.domain}")), "which has all others"
