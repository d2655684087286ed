#!/bin/sh
# Runs a command as a pod would run it: with a ServiceAccount's token where client-go looks for it.
# The mount is in a namespace of its own, so that no other process takes this identity for its own.
# Only for the cluster's supervisor, whose /run is not the machine's.
#
# usage: in-cluster.sh FOLDER COMMAND...
set -eu
mkdir -p /run/secrets/kubernetes.io/serviceaccount
exec unshare --mount sh -c 'mount --bind "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"' "$@"
