"""Why an environment is not up: found in the cluster, in words for whoever waits for it."""
