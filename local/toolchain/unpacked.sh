#!/bin/sh
# Runs a command of unpacked Debian packages as if they were installed: their libraries lie over the machine's, in a mount
# namespace that ends with the command. A search path in the environment would not do: buildah starts itself again without it.
#
# usage: unpacked.sh FOLDER COMMAND...
set -eu
exec unshare --mount --propagation private sh -eu -c '
for own in "$0"/usr/lib/*-linux-gnu; do
  name="${own##*/}"
  mount -t overlay -o "lowerdir=$own:$0/lib/$name:/usr/lib/$name" overlay "/usr/lib/$name"
done
export PATH="$0/usr/bin:$PATH"
exec "$@"' "$@"
