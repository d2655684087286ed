#!/bin/sh
# First process of the local cluster, in a PID and a mount namespace that `unshare` has just made.
# Everything it mounts, every link and every route it makes lives in namespaces, so that all of it
# vanishes with this process, however it ends. On the machine itself only one end of a veth pair is
# seen, and that end goes with the other.
#
# usage: node-init.sh STATE RUN PYTHON HOST_LINK HOST_ADDRESS NODE_ADDRESS POD_CIDR SERVICE_CIDR PLAYED_POD_CIDR
set -eu
STATE=$1 RUN=$2 PYTHON=$3 HOST_LINK=$4 HOST_ADDRESS=$5 NODE_ADDRESS=$6 POD_CIDR=$7 SERVICE_CIDR=$8 PLAYED_POD_CIDR=$9

# /run and /var/lib are private: runc, containerd's shims, CNI and the kubelet have paths there that
# no flag moves. Only our sockets are shared with the machine.
mkdir -p "$STATE/mnt"
mount --bind "$RUN" "$STATE/mnt"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$RUN" /run/netns
mount --move "$STATE/mnt" "$RUN"
mount -t tmpfs tmpfs "$STATE/mnt"
mkdir "$STATE/mnt/upper" "$STATE/mnt/work"
mount -t overlay -o "lowerdir=/var/lib,upperdir=$STATE/mnt/upper,workdir=$STATE/mnt/work" overlay /var/lib

touch /run/netns/host
mount --bind /proc/self/ns/net /run/netns/host
ip netns add node
ip link add "$HOST_LINK" type veth peer name eth0 netns node
ip addr add "$HOST_ADDRESS/30" dev "$HOST_LINK"
ip link set "$HOST_LINK" up
ip -n node link set lo up
ip -n node addr add "$NODE_ADDRESS/30" dev eth0
ip -n node link set eth0 up
ip -n node route add default via "$HOST_ADDRESS"
ip -n node route add unreachable "$PLAYED_POD_CIDR"
ip route add "$POD_CIDR" via "$NODE_ADDRESS" dev "$HOST_LINK"
ip route add "$SERVICE_CIDR" via "$NODE_ADDRESS" dev "$HOST_LINK"
nsenter --net=/run/netns/node sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
# When all ends at once, a connection whose other end went first is retried for 100 s by default, and so long the link stays.
nsenter --net=/run/netns/node sh -c 'echo 1 > /proc/sys/net/ipv4/tcp_orphan_retries'

# The supervisor's default of 1,024 open files is too few for an API server and Envoy.
ulimit -n "$(ulimit -H -n)"
exec nsenter --net=/run/netns/node -- "$PYTHON" -m supervisor.supervisord --nodaemon --configuration "$STATE/config/supervisord.conf"
