"""What the program and `branchenv` both rest on: names, labels, units. No Pulumi, no Kubernetes client."""
