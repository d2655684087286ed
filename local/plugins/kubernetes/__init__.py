"""A Kubernetes provider for the Pulumi engine, standing in for the official one on the local cluster.

It speaks to the engine in the official provider's terms (tokens, state, annotations, names of children), so that
a stack made with one can be read by the other. One file per reason to change:

    server.py       the engine's calls, translated; errors put into words
    settings.py     provider inputs and environment -> which cluster, how
    protocol.py     the engine's protocol
    client.py       the API server: requests, watches, logs
    kinds.py        how kinds are addressed
    errors.py       how the API server says no
    values.py       the engine's values <-> plain Python ones; secrets and unknowns
    manifest.py     reading and writing objects, their annotations and their state
    inputs.py       names, namespaces and normal forms of what a program asks for
    quantity.py     the normal form of amounts ("0.5" and "500m" are one)
    diff.py         which fields change, and which of them force a replacement
    crud.py         create, read, update, delete
    ownership.py    whose field is it: server-side apply, its conflicts, and taking over from a create
    waiting.py      waiting for objects to become ready or to be gone
    readiness.py    when is an object of this kind ready
    reasons.py      why is it not
    conditions.py   `pulumi.com/waitFor`
    charts.py       Helm charts and YAML files as components
    helm.py         `helm template`
    yaml_file.py    YAML -> objects
    components.py   registering the objects of a component with the engine

Left out: invokes, `helm.sh/v3:Release`, Kustomize, rendering to files, client-side apply, listing, and checking inputs
against the cluster's OpenAPI document before they are sent (the API server checks them on dry run and on apply).
"""
