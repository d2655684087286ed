#!/bin/sh
# First process of the measurements, in namespaces that `unshare` has just made: network, mounts, processes.
# It gives them a loopback, a /run and a /sys of their own, so that a second local cluster fits beside the usual one.
#
# usage: enter.sh STATE COMMAND...
set -eu
ip link set lo up
# /sys shows the network links of the namespace in which it was mounted; control groups stay the machine's.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/cgroup
mount --rbind /sys/fs/cgroup /mnt/cgroup
mount -t sysfs sysfs /sys
mount --rbind /mnt/cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
# The kubelet's sockets are below the state, and a socket's path has room for 107 bytes.
mkdir /mnt/state
mount --bind "$1" /mnt/state
export XDG_STATE_HOME=/mnt/state
shift
exec "$@"
