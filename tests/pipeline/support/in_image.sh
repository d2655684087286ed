#!/bin/sh
# Runs bash in what the jobs' image has: its files at its paths, which cannot be written to, with a /tmp and a home of its
# own. Of the machine it sees the network, the processes and the paths that it is given. It is root without any of root's
# powers, so that it may write what the tests' own commands, which run as root, have written.
#
# usage: in_image.sh ROOT SCRATCH SHARED NAME=VALUE...
#   ROOT: the image's files. SCRATCH: folder for what it writes. SHARED: paths of the machine, with a colon between two.
set -eu
exec unshare --mount --propagation private sh -eu -c '
files="$1" scratch="$2" shared="$3:/etc/hosts:/etc/resolv.conf"
shift 3
own="$(mktemp -d "$scratch/container-XXXXXX")"
mkdir "$own/mnt" "$own/tmp" "$own/home"
mount -t tmpfs tmpfs "$own/mnt"
root="$own/mnt/root"
mkdir "$root" "$own/mnt/upper" "$own/mnt/work"
mount -t overlay -o "lowerdir=$files,upperdir=$own/mnt/upper,workdir=$own/mnt/work" overlay "$root"
mount --bind "$own/tmp" "$root/tmp"
mount --bind "$own/home" "$root/home/branchenv"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
IFS=:
for path in $shared; do
  if [ -d "$path" ]; then
    mkdir -p "$root$path"
  else
    mkdir -p "$(dirname "$root$path")"
    : > "$root$path"
  fi
  mount --bind "$path" "$root$path"
done
mount -o remount,ro "$root"
exec env "$@" unshare --root="$root" --wd="$PWD" setpriv --bounding-set=-all --inh-caps=-all --no-new-privs bash' sh "$@"
