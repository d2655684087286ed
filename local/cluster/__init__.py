"""A real Kubernetes cluster with Istio, in namespaces of its own on this machine."""
