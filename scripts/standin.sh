#!/usr/bin/env bash
# Tests the program for cards on a machine without one: kernels/device/standin takes the driver's place and runs the kernels on the
# processor. First the suite of the kernels through the CUDA driver's interface, then whole runs: hand-over, devices, recordings.
# Start it with `make test-standin`, which builds what is needed and says where cuda.h is (make cuda installs it).
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "standin: $*" >&2; exit 1; }
to=bin/standin
mkdir -p $to
for f in bin/fbpinn-mpi bin/fbpinn-mpi-cuda bin/test/device-cuda.test; do [ -x $f ] || fail "$f is missing; run make test-standin"; done

# One object a file; all again where any source is newer.
if [ ! -e $to/libcuda.so.1 ] || [ -n "$(find kernels/src kernels/emu/engine kernels/device/standin -newer $to/libcuda.so.1 -name '*.[ch]*' -print -quit)" ]; then
  echo "standin: compiling the kernels for the processor"
  # shellcheck disable=SC2016,SC2038
  find kernels/emu/engine kernels/device/standin -name '*.cpp' ! -name faulty.cpp |
    xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'g++ -O1 -g0 -std=c++17 -fPIC -fno-exceptions -fno-rtti -Wno-unknown-pragmas -c "$1" \
      -o "$2/$(basename "$1" .cpp).o"' _ {} $to || fail "it does not compile"
  g++ -shared -Wl,-soname,libcuda.so.1 -o $to/libcuda.so.1 $to/*.o -lpthread -lm
fi
export LD_LIBRARY_PATH=$PWD/$to${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}

bin/test/device-cuda.test -test.run '^TestCard' -test.timeout 10m
echo "standin: the suite passes through the driver's interface"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
as_root=()
[ "$(id -u)" != 0 ] || as_root=(--allow-run-as-root)
run() { # NAME RANKS ARGS...
  local name=$1 ranks=$2
  shift 2
  mpirun --oversubscribe --bind-to none ${as_root[@]+"${as_root[@]}"} -np "$ranks" bin/fbpinn-mpi run cmd/fbpinn-mpi/testdata/poisson.toml \
    --force --out "$out/$name" --set train.steps=20 --set train.report=5 --set output.figures=false "$@" >"$out/$name.txt" 2>&1
}
good() { run "$@" || { cat "$out/$1.txt" >&2; fail "$1 failed"; }; }
losses() { sed -nE 's/^\{"step":.*"loss":([^,}]*).*/\1/p' "$out/$1/log.jsonl"; }

good cpu 2 --backend=cpu
good card 1
grep -q 'stand-in' "$out/card.txt" || fail "the run was not handed over: $(cat "$out/card.txt")"
good again 1 --backend=cuda
good shared 2 --oversubscribe-gpu
[ "$(losses card)" = "$(losses again)" ] || fail "two runs differ: $(losses card) and $(losses again)"
for other in cpu shared; do
  # float64: sums of a few thousand terms in another order.
  paste <(losses card) <(losses $other) | awk 'NF != 2 { exit 1 } { d = ($1 - $2) / $1; if (d < 0) d = -d; if (!(d <= 1e-12)) exit 1; n++ } END { exit n < 4 }' ||
    fail "card and $other differ: $(losses card) and $(losses $other)"
done
STANDIN_CARDS=2 good two 2
code=0
run refused 2 || code=$?
[ $code = 64 ] && grep -q -- --oversubscribe-gpu "$out/refused.txt" || fail "two ranks on one card: exit code $code, $(cat "$out/refused.txt")"
echo "standin: runs are handed over, and agree with the CPU on one rank and on two"
