"""The article's three objects as a first Pulumi program has them: every setting that may be left out is."""

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

config = pulumi.Config()
name, namespace, port = config.require("name"), config.require("namespace"), config.require_int("port")
labels = {"app": name}
metadata = ObjectMetaArgs(name=name, namespace=namespace, labels=labels)

Deployment(
    "deployment",
    metadata=metadata,
    spec=DeploymentSpecArgs(
        replicas=1,
        selector=LabelSelectorArgs(match_labels=labels),
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels),
            spec=PodSpecArgs(
                service_account_name=config.require("serviceAccount"),
                containers=[
                    ContainerArgs(
                        name="app",
                        image=config.require("image"),
                        env=[EnvVarArgs(name="PORT", value=str(port)), EnvVarArgs(name="BRANCH", value=name)],
                        ports=[ContainerPortArgs(container_port=port)],
                        readiness_probe=ProbeArgs(http_get=HTTPGetActionArgs(path="/healthz", port=port)),
                    )
                ],
            ),
        ),
    ),
)
Service(
    "service",
    metadata=metadata,
    spec=ServiceSpecArgs(selector=labels, ports=[ServicePortArgs(port=80, target_port=port)]),
)
CustomResource(
    "virtual-service",
    api_version="networking.istio.io/v1",
    kind="VirtualService",
    metadata=metadata,
    spec={
        "hosts": [config.require("host")],
        "gateways": [config.require("gateway")],
        "http": [{"route": [{"destination": {"host": name, "port": {"number": 80}}}]}],
    },
)
pulumi.export("url", f"http://{config.require('host')}")
