"""Why an environment is not up: found in the cluster, in words for the person who waits for it."""
