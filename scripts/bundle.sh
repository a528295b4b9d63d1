#!/usr/bin/env bash
# Gathers dist/fbpinn-mpi-COMMIT/, a folder that runs wherever it is put on a machine with the same or a newer C library: both
# programs (that for cards if it has been built), their shared libraries except those of the C library and the driver, mpirun
# with its plugins, and the jobs. `make bundle` builds the programs first.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "bundle: $*" >&2; exit 1; }

[ -x bin/fbpinn-mpi ] || fail "bin/fbpinn-mpi is missing; run make build"
commit=${COMMIT:-$(bin/fbpinn-mpi --version | sed 's/.* //')}
root=dist/fbpinn-mpi-$commit
rm -rf "$root"
mkdir -p "$root"/{bin,lib,jobs}

# Open MPI finds its plugins and messages below OPAL_PREFIX, in the places that it was configured with.
place() { ompi_info --parsable --path all | sed -n "s/^path:$1://p" | head -n 1; }
prefix=$(place prefix) plugins=$(place pkglibdir) texts=$(place pkgdatadir)
if [ -z "$plugins" ] || [ ! -d "$plugins" ]; then fail "Open MPI does not say where its plugins are (ompi_info --path pkglibdir)"; fi
below() { case $1 in "$prefix"/*) echo "${1#"$prefix"/}" ;; *) fail "$1 is outside $prefix" ;; esac }
plugins_to=$(below "$plugins") texts_to=$(below "$texts")
mkdir -p "$root/$plugins_to" "$root/$texts_to"

cp bin/fbpinn-mpi "$root/bin/"
for f in bin/fbpinn-mpi-cuda bin/test/device-cuda.test; do
  [ ! -x $f ] || cp $f "$root/bin/"
done
cp "$(readlink -f "$(command -v mpirun)")" "$root/bin/mpirun"
cp "$(readlink -f "$(command -v orted)")" "$root/bin/orted"
cp -r "$texts/." "$root/$texts_to/"
# Without those of OpenSHMEM and of Java, which we do not use.
for f in "$plugins"/*.so; do
  case $(basename "$f") in *spml* | *sshmem* | *scoll* | *memheap* | *atomic* | *java*) ;; *) cp -L "$f" "$root/$plugins_to/" ;; esac
done
# UCX loads its transports by name from a folder beside itself; PMIx its plugins likewise.
ucx=$(ldd "$plugins"/mca_pml_ucx.so 2>/dev/null | sed -n 's/.*libucs\.so[^>]*=> \([^ ]*\) .*/\1/p' | head -n 1)
if [ -n "$ucx" ] && [ -d "$(dirname "$(readlink -f "$ucx")")/ucx" ]; then
  mkdir -p "$root/lib/ucx"
  cp -L "$(dirname "$(readlink -f "$ucx")")"/ucx/*.so* "$root/lib/ucx/"
fi
pmix=$(ldd "$plugins"/mca_pmix_ext3x.so 2>/dev/null | sed -n 's/.*libpmix\.so[^>]*=> \([^ ]*\) .*/\1/p' | head -n 1)
if [ -n "$pmix" ] && [ -d "$(dirname "$(readlink -f "$pmix")")/pmix" ]; then
  mkdir -p "$root/lib/pmix"
  cp -L "$(dirname "$(readlink -f "$pmix")")"/pmix/*.so "$root/lib/pmix/"
fi

# OpenBLAS is loaded by name at run time, this one first (kernels/dense).
cp -L "$(scripts/blas.sh)" "$root/lib/libopenblasp.so.0" || fail "no OpenBLAS; run make setup"

# The C library and the loader belong to the machine, libcuda to its driver.
ours='^(linux-vdso|ld-linux|libc|libm|libdl|libpthread|librt|libresolv|libutil|libnsl|libanl|libmvec|libcuda)[.-]'
find "$root" -type f \( -path "$root/bin/*" -o -name '*.so*' \) -print0 | xargs -0 -n 1 ldd 2>/dev/null |
  sed -nE 's/^\s*(\S+) => (\/\S+) .*/\1 \2/p' | sort -u | while read -r name file; do
  [[ $name =~ $ours ]] || [ -e "$root/lib/$name" ] || cp -L "$file" "$root/lib/$name"
done
missing=$(find "$root/bin" -type f -exec ldd {} + 2>/dev/null | sed -n 's/^\s*\(\S*\) => not found.*/\1/p' | grep -v '^libcuda\.' | sort -u || true)
[ -z "$missing" ] || fail "these libraries are missing here: $missing"
chmod -R u+w "$root"

cp -r jobs/. "$root/jobs/"
find "$root/jobs" -name '*.go' -delete
[ ! -x "$root/bin/fbpinn-mpi-cuda" ] || cp scripts/gpu.sh "$root/"

# One line of shell for the paths, so that the folder may be moved. Only built-in commands: a node may have little else.
cat >"$root/paths.sh" <<'SH'
# Sourced by the scripts beside it, which set $here.
export OPAL_PREFIX="$here" PMIX_INSTALL_PREFIX="$here"
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PATH="$here/bin:$PATH"
[ ! -d "$here/lib/ucx" ] || export UCX_MODULE_DIR="$here/lib/ucx"
[ ! -d "$here/lib/pmix" ] || export PMIX_MCA_mca_base_component_path="$here/lib/pmix"
# UCX must leave SIGSEGV to Go. Copies by process attachment are forbidden in many containers.
export UCX_ERROR_SIGNALS="${UCX_ERROR_SIGNALS-SIGILL,SIGBUS,SIGFPE}"
export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism-none}"
# mpirun insists on a remote shell even where it starts nothing remote.
command -v ssh >/dev/null 2>&1 || command -v rsh >/dev/null 2>&1 || export OMPI_MCA_plm_rsh_agent=/bin/sh
SH
for program in fbpinn-mpi mpirun; do
  cat >"$root/$program" <<SH
#!/bin/sh
case \$0 in */*) here=\${0%/*} ;; *) here=. ;; esac
here=\$(cd "\$here" && pwd -P) || exit 71
. "\$here/paths.sh"
exec "\$here/bin/$program" "\$@"
SH
  chmod +x "$root/$program"
done

libc=$(find "$root" -type f \( -path "$root/bin/*" -o -name '*.so*' \) -exec grep -aohE 'GLIBC_2\.[0-9]+' {} + | sort -uV | tail -n 1)
# The first driver of the branch that the compiler belongs to; older ones refuse its code.
case $(sed -n 's/.*cuda_\([0-9]*\)\..*/\1/p' kernels/device/fatbin/.how 2>/dev/null) in 11) driver=520 ;; 12) driver=525 ;; *) driver=580 ;; esac
cuda=''
[ ! -x "$root/bin/fbpinn-mpi-cuda" ] || cuda="
    ./fbpinn-mpi bench                                        on a node with a card: which part of its peak the kernels reach
    ./gpu.sh test; ./gpu.sh bench                             the suite on the card (with compute-sanitizer); every figure claimed

Cards need NVIDIA's driver, $driver or newer, and nothing else; fbpinn-mpi hands over to bin/fbpinn-mpi-cuda where there is one.

**Do not pass this folder on.** bin/fbpinn-mpi-cuda contains gorgonia.org/cu, whose LICENSE says Apache 2.0 while its README asks to
assume the GPL for three of its files, and gompi, whose licence forbids modified redistribution. Until that is cleared, this is a
build for a cluster of your own. Others build theirs from the sources."
cat >"$root/README.md" <<MD
# fbpinn-mpi $commit

Runs on x86-64 Linux with the GNU C library ${libc#GLIBC_} or newer. Nothing is installed; put the folder anywhere, the same place on every
node. The scripts here set the paths of the libraries and of Open MPI, then start the programs in bin/.

    ./fbpinn-mpi check jobs/burgers/job.toml
    ./fbpinn-mpi run jobs/burgers/job.toml
    ./mpirun -np 4 ./fbpinn-mpi run jobs/burgers/job.toml     use this mpirun, not another; as root, add --allow-run-as-root
    srun --mpi=pmix ./fbpinn-mpi run jobs/burgers/job.toml    under Slurm
$cuda

The libraries in lib/ are those of the machine that built this, under their own licences.
MD
echo "bundle: $root, $(du -sh "$root" | cut -f 1), C library ${libc#GLIBC_} or newer$([ -n "$cuda" ] || echo ', without the program for cards')"
