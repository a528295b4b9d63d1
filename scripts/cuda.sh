#!/usr/bin/env bash
# Compiles kernels/src/*.cu for the cards (only what changed), then runs the command given, if any, in an environment where Go
# builds with the tag cuda. Installs NVIDIA's compiler from the distribution where there is none; no card is needed.
#
#   scripts/cuda.sh                                                only compile the kernels
#   scripts/cuda.sh go build -tags cuda -o bin/x ./cmd/fbpinn-mpi
#
# CUDA_HOME    folder of a CUDA toolkit to use, instead of the first found in PATH and /usr/local
# CUDA_HEADERS folder with the cuda.h of CUDA 11.4 to 12.x: gorgonia.org/cu v0.9.6 does not build against that of CUDA 13.
#              The compiler may be newer, and the driver of the machine that the program runs on may be, too.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "cuda: $*" >&2; exit 1; }

out=kernels/device/fatbin
# Machine code for A100 and H100/H200 and PTX, which the driver compiles for newer cards when the program starts. One PTX for
# both: our kernels ask for nothing that only the newer has, and it halves the work of the compiler's front end.
# The words of ptxas are kept for scripts/sass.sh.
flags=(-std=c++17 -O3 -Xptxas -v -Xfatbin -compress-all -gencode 'arch=compute_80,code=[sm_80,sm_90,compute_80]')

find_nvcc() {
  local c
  for c in "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc \
    $(ls -d /usr/local/cuda-*/bin/nvcc 2>/dev/null | sort -rV) /opt/cuda/bin/nvcc; do
    if [ -x "$c" ]; then echo "$c"; return; fi
  done
}

# Debian keeps the toolkit in non-free, Ubuntu in multiverse. Where that is not enabled, a file beside the machine's own adds it
# for the distribution's own repositories; delete it to undo.
enable_component() {
  local components codename file list=/etc/apt/sources.list.d/fbpinn-mpi-cuda
  # shellcheck disable=SC1091
  . /etc/os-release
  codename=${VERSION_CODENAME:-}
  case ${ID:-} in
    debian) components='contrib non-free' ;;
    ubuntu) components='restricted multiverse' ;;
    *) fail "please install a CUDA toolkit, 11.8 to 13" ;;
  esac
  local suites="$codename(-updates|-security)?"
  file=$(mktemp)
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE "s/^deb( +\[[^]]*\])?( +[^ ]+)( +$suites) +(.* )?main( .*)?\$/deb\1\2\3 $components/p" >"$file" || true
  [ ! -s "$file" ] || "${as_root[@]}" install -m 644 "$file" $list.list
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk -v RS= -v ORS='\n\n' -v suites="(^|\n)Suites:([^\n]* )?${suites}[ \n]" -v components="$components" \
      '($0 "\n") ~ suites && /(^|\n)Components:[^\n]*main/ { sub(/Components:[^\n]*/, "Components: " components); print }' >"$file" || true
  [ ! -s "$file" ] || "${as_root[@]}" install -m 644 "$file" $list.sources
  rm -f "$file"
  "${as_root[@]}" apt-get update -qq
}

install_nvcc() {
  command -v apt-get >/dev/null || fail "please install a CUDA toolkit, 11.8 to 13, or set CUDA_HOME"
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "as root, run: apt-get install nvidia-cuda-toolkit nvidia-cuda-dev (Debian: non-free; Ubuntu: multiverse)"
    as_root=(sudo)
  fi
  echo "cuda: installing NVIDIA's compiler (about 2 minutes, 5 GB)"
  # All of the answer is read: with pipefail, a reader that stops early would make a success a failure.
  candidate() { [[ $(apt-cache policy nvidia-cuda-toolkit) == *'Candidate: '[0-9]* ]]; }
  candidate || "${as_root[@]}" apt-get update -qq
  candidate || enable_component
  candidate || fail "the distribution offers no nvidia-cuda-toolkit; install NVIDIA's own, 11.8 to 13, or set CUDA_HOME"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends nvidia-cuda-toolkit nvidia-cuda-dev >/dev/null
}

nvcc=$(find_nvcc)
if [ -z "$nvcc" ]; then
  install_nvcc
  nvcc=$(find_nvcc)
  [ -n "$nvcc" ] || fail "nvcc is still missing"
fi

# A fatbin is up to date if it is newer than every file that went into it and was made with the same compiler and flags. Names
# that begin with a dot are not embedded.
mkdir -p $out
how="$nvcc $("$nvcc" --version | tail -n 1) ${flags[*]}"
[ "$(cat $out/.how 2>/dev/null)" = "$how" ] || rm -f $out/*.fatbin
echo "$how" >$out/.how
todo=()
for f in kernels/src/*.cu; do
  [ -e "$f" ] || fail "no kernels in kernels/src"
  name=$(basename "$f" .cu) fresh=yes
  if [ -s "$out/$name.fatbin" ] && [ -s "$out/.$name.d" ]; then
    while read -r d; do
      if [ ! -e "$d" ] || [ "$d" -nt "$out/$name.fatbin" ]; then fresh=no; fi
    done < <(sed -e 's/^[^:]*: *//' -e 's/\\$//' "$out/.$name.d" | tr -s ' ' '\n' | grep -v '^$')
  else
    fresh=no
  fi
  [ $fresh = yes ] || todo+=("$name")
done
for f in $out/*.fatbin; do
  [ ! -e "$f" ] || [ -e "kernels/src/$(basename "$f" .fatbin).cu" ] || rm -f "$f" # its source is gone
done
if [ ${#todo[@]} -gt 0 ]; then
  echo "cuda: $("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p') compiles ${todo[*]} (minutes where all is new)"
  # Made under another name and moved, so that an interrupted compiler leaves nothing that looks finished.
  # shellcheck disable=SC2016
  printf '%s\n' "${todo[@]}" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'set -e
    n=$1; nvcc=$2; out=$3; shift 3
    "$nvcc" "$@" -fatbin -MD -MF "$out/.$n.d" -o "$out/.$n.tmp" "kernels/src/$n.cu" 2>"$out/.$n.log" || { cat "$out/.$n.log" >&2; exit 1; }
    grep -A2 warning "$out/.$n.log" >&2 || true
    mv "$out/.$n.tmp" "$out/$n.fatbin"' _ {} "$nvcc" $out "${flags[@]}" || fail "a kernel does not compile"
fi
[ $# -gt 0 ] || exit 0

# cu and our own C need cuda.h of a version before 13.
version_of() { if [ -f "$1/cuda.h" ]; then sed -n 's/^#define CUDA_VERSION *\([0-9]*\).*/\1/p' "$1/cuda.h"; else echo 0; fi; }
headers='' newer=''
for d in "${CUDA_HEADERS:-}" "${CUDA_HOME:+$CUDA_HOME/include}" "$(dirname "$nvcc")/../include" \
  "$(dirname "$nvcc")/../targets/x86_64-linux/include" /usr/local/cuda/include \
  $(ls -d /usr/local/cuda-1[12]*/include 2>/dev/null | sort -rV) /opt/cuda/include /usr/include; do
  v=$(version_of "$d")
  [ "$v" != 0 ] || continue
  if [ "$v" -ge 11040 ] && [ "$v" -lt 13000 ]; then headers=$d; break; fi
  newer="$d has version $((v / 1000)).$((v % 1000 / 10))"
done
[ -n "$headers" ] || fail "cuda.h of CUDA 11.4 to 12.x is missing${newer:+ ($newer)}: gorgonia.org/cu v0.9.6 does not build against newer
ones. Install the headers of 12.x beside your toolkit (NVIDIA's package cuda-driver-dev and cuda-cudart-dev of 12.x, or Debian's
nvidia-cuda-dev), or set CUDA_HEADERS to a folder that holds that cuda.h. Compiler and driver may stay as they are."

# To link, the stub of a toolkit does: at run time the loader takes the driver's libcuda.so.1.
library=''
for d in "${CUDA_HOME:+$CUDA_HOME/lib64/stubs}" "$headers/../lib64/stubs" "$headers/../lib/stubs" "$headers/../targets/x86_64-linux/lib/stubs" \
  "$(dirname "$nvcc")/../lib64/stubs" /usr/local/cuda*/lib64/stubs /usr/local/cuda*/targets/x86_64-linux/lib/stubs \
  /usr/lib/x86_64-linux-gnu/stubs /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/local/nvidia/lib64; do
  if [ -n "$d" ] && [ -e "$d/libcuda.so" ]; then library=$d; break; fi
done
[ -n "$library" ] || fail "libcuda.so to link against is missing; install the driver or the stubs of a CUDA toolkit"

# By variables of gcc rather than of Go where that does: Go would compile all C and C++ of the program again for other flags. But
# cu looks into /usr/local/cuda by itself, before gcc looks where CPATH says.
export LIBRARY_PATH="$library${LIBRARY_PATH:+:$LIBRARY_PATH}"
[ "$(version_of /usr/local/cuda/include)" -lt 13000 ] || export CGO_CFLAGS="-O2 -g -I$headers ${CGO_CFLAGS:-}"
if [ "$(realpath "$headers")" != /usr/include ]; then export CPATH="$headers${CPATH:+:$CPATH}"; fi
exec "$@"
