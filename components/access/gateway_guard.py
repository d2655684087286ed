"""What the gateway does with requests for closed hosts before and after Istio's policies look at them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from core.labels import shared_labels

_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.http"
_MANAGER = "envoy.filters.network.http_connection_manager"
_ROUTER = "envoy.filters.http.router"
_AUTHORITY = ":authority"
# Cookies are a list in one header, so none of Envoy's own filters can take one out.
_FORGET = """\
local closed = {closed}
local open = {open}
local names = {names}

local function is_closed(host)
  host = string.lower(host):gsub(":%d+$", "")
  if open[host] then return false end
  local _, _, domain = host:find("^[^.]+%.(.+)$")
  return closed[domain] ~= nil
end

local function is_credential(cookie)
  local name = cookie:match("^%s*([^=%s]*)")
  for _, prefix in ipairs(names) do
    if name:sub(1, #prefix) == prefix then return true end
  end
  return false
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local cookies = headers:get("cookie")
  if cookies == nil or not is_closed(headers:get(":authority")) then return end
  local kept = {{}}
  for cookie in cookies:gmatch("[^;]+") do
    if not is_credential(cookie) then kept[#kept + 1] = cookie:match("^%s*(.-)%s*$") end
  end
  if #kept == 0 then headers:remove("cookie") else headers:replace("cookie", table.concat(kept, "; ")) end
end
"""


@dataclass(frozen=True, kw_only=True)
class GatewayGuardArgs:
    """What the guard needs to know."""

    namespace: pulumi.Input[str]
    """Of the gateway's pods."""
    gateway: str
    """Name of the Gateway object."""
    istio_label: str
    domains: Sequence[str]
    """Of the apps that are closed."""
    open_hosts: Sequence[str]
    """Hosts below them that are not, such as the login's own."""
    port: int
    identity_headers: Sequence[str]
    """Request headers that say who somebody is. Only the gateway itself may set them."""
    credential_headers: Sequence[str]
    """Request headers that let people in, which the gateway alone needs to see."""
    credential_cookies: Sequence[str]
    """Beginnings of the names of cookies that do."""

    def __post_init__(self) -> None:
        """Refuse a guard of nothing."""
        if not self.domains:
            raise ValueError("domains: no app is closed; make no guard")


class GatewayGuard(pulumi.ComponentResource):
    """Keeps three promises that AuthorizationPolicies rest on, or cannot make.

    Type `branch-environments:base:GatewayGuard`, an EnvoyFilter. A host is what it seems: the gateway's routes ignore a
    port behind it, and policies compare it as it is, so another port than the URLs' own would pass by every policy.
    Headers that say who somebody is come from the gateway alone. And no code of a branch sees what lets people in, with
    which it could ask for another branch in their name.
    """

    gateway: pulumi.Output[str]
    """Name of the Gateway object, known once it is guarded."""

    def __init__(self, name: str, args: GatewayGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:GatewayGuard", name, None, opts)
        made = CustomResource(
            f"{name}-guard",
            api_version="networking.istio.io/v1alpha3",
            kind="EnvoyFilter",
            metadata=meta.ObjectMetaArgs(
                name=f"{args.gateway}-guard", namespace=args.namespace, labels=shared_labels(args.gateway)
            ),
            spec=guard_spec(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.gateway = made.urn.apply(lambda _: args.gateway)
        self.register_outputs({"gateway": self.gateway})


def guard_spec(args: GatewayGuardArgs) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1alpha3 EnvoyFilter for the gateway's pods."""
    filters = [
        _first(f"{args.gateway}-hosts", "rbac.v3.RBAC", _only_true_hosts(args)),
        _last(f"{args.gateway}-credentials", *_without(args.credential_headers)),
        _last(f"{args.gateway}-cookies", "lua.v3.Lua", {"default_source_code": {"inline_string": _forgetting(args)}}),
    ]
    if args.identity_headers:
        filters.append(_first(f"{args.gateway}-identity", *_without(args.identity_headers)))
    return {"workloadSelector": {"labels": {"istio": args.istio_label}}, "configPatches": filters}


def _first(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Have an Envoy filter look at a request before all others."""
    return _patch({}, "INSERT_FIRST", name, kind, config)


def _last(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Have it look at what all others have let through."""
    return _patch({"subFilter": {"name": _ROUTER}}, "INSERT_BEFORE", name, kind, config)


def _patch(place: dict[str, Any], operation: str, name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": _MANAGER, **place}}}},
        "patch": {
            "operation": operation,
            "value": {"name": name, "typed_config": {"@type": f"{_EXTENSIONS}.{kind}", **config}},
        },
    }


def _without(headers: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return kind and configuration of a filter that takes out request headers."""
    removed = {"request_mutations": [{"remove": header} for header in sorted(set(headers))]}
    return "header_mutation.v3.HeaderMutation", {"mutations": removed}


def _only_true_hosts(args: GatewayGuardArgs) -> dict[str, Any]:
    """Refuse what ends in a closed domain, whatever comes after, unless it is one label and the domain."""
    domains = "|".join(re.escape(domain) for domain in sorted(args.domains))
    below = _host_is(rf"(?i).*\.({domains})\.?(:.*)?")
    true = _host_is(rf"(?i)[a-z0-9-]+\.({domains})(:{args.port})?")
    permission = {"and_rules": {"rules": [below, {"not_rule": true}]}}
    policy = {"permissions": [permission], "principals": [{"any": True}]}
    return {"rules": {"action": "DENY", "policies": {"untrue-host": policy}}}


def _host_is(regex: str) -> dict[str, Any]:
    return {"header": {"name": _AUTHORITY, "string_match": {"safe_regex": {"regex": regex}}}}


def _forgetting(args: GatewayGuardArgs) -> str:
    """Write the Lua that takes credentials out of the cookies."""

    def table(keys: Sequence[str]) -> str:
        return "{" + ", ".join(f"[{json.dumps(key)}] = true" for key in sorted(keys)) + "}"

    names = "{" + ", ".join(json.dumps(name) for name in sorted(args.credential_cookies)) + "}"
    return _FORGET.format(closed=table(args.domains), open=table(args.open_hosts), names=names)
