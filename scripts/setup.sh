#!/usr/bin/env bash
# Installs what is missing: a C++ compiler, Open MPI and HDF5 with headers, OpenBLAS. Does nothing, and needs no root, where all is here.
set -euo pipefail

command -v go >/dev/null || { echo "setup: Go is missing; install Go 1.26 or newer" >&2; exit 1; }
missing=()
command -v g++ >/dev/null || missing+=(g++)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v mpirun >/dev/null || missing+=(openmpi-bin)
pkg-config --exists ompi-c 2>/dev/null || missing+=(libopenmpi-dev)
pkg-config --exists hdf5 2>/dev/null || missing+=(libhdf5-dev)
"$(dirname "$0")"/blas.sh >/dev/null || missing+=(libopenblas0-pthread)
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || { echo "setup: please install the equivalents of: ${missing[*]}" >&2; exit 1; }
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "setup: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
# sudo drops the environment, hence env. A machine that has just booted may be upgrading itself, hence the wait for the lock.
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
