#!/usr/bin/env bash
# Times a training step of others beside ours, on the same cores, alternating.
#
#   benchmarks/peers/race.sh PEERS CHECKOUT PYTHON [CASE...]
#
# PEERS     folder with fbpinns_jax.py CHECKOUT CASE STEPS and batched_jax.py CASE STEPS, which print one JSON line with ms_per_step
# CHECKOUT  the FBPINNs library, branch multilevel-paper
# PYTHON    an interpreter that has jax, optax, scipy, matplotlib, tensorboardX, requests, ipython
# CASE      B-1-8-64 | B-64 | B-7 | burgers | osc; default: B-1-8-64 B-7 burgers osc
#
# All in float32. Ours runs on RANKS ranks (2). Each figure is the median of REPEATS runs (5); compilation, set-up and warm-up do
# not count. QUICK=1 takes few steps: a check of the script, not a measurement. One JSON line a case, with the ratios peer/ours,
# is appended to benchmarks/results/peers.jsonl.
source "$(dirname "${BASH_SOURCE[0]}")/../measure.sh"
[ $# -ge 3 ] || die "usage: race.sh PEERS CHECKOUT PYTHON [CASE...]"
peers=$(realpath "$1") checkout=$(realpath "$2") python=$(realpath -s "$3") # -s: a virtual environment is known by its link
shift 3
[ $# -gt 0 ] || set -- B-1-8-64 B-7 burgers osc
for f in "$peers/fbpinns_jax.py" "$peers/batched_jax.py" "$checkout/fbpinns/trainers.py"; do [ -f "$f" ] || die "$f is missing"; done
ranks=${RANKS:-2} repeats=${REPEATS:-5} quick=${QUICK:-0}
results=$root/benchmarks/results/peers.jsonl
[ "$quick" = 0 ] || results=/dev/null
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# job, steps between reports of ours, steps of the peers, whether a batched step exists
describe() {
  case=$1
  case $1 in
  B-1-8-64) job=multiscale-1-8-64 test='[8,8]' every=100 theirs=8 batched=1 ;;
  B-64) job=multiscale-64 test='[8,8]' every=100 theirs=8 batched=1 ;;
  B-7) job=multiscale-weak-6 test='[8,8]' every=50 theirs=8 batched=1 ;;
  burgers) job=burgers test='[8,8]' every=500 theirs=100 batched=0 ;;
  osc) job=oscillator-80-soft test='[8]' every=20000 theirs=10000 batched=0 ;;
  *) die "unknown case $1" ;;
  esac
  [ "$quick" = 0 ] || { every=$((every / 20)) theirs=2; }
}

# reported: ms_per_step of the last line on stdin that has one.
reported() { sed -n 's/.*"ms_per_step": *\([0-9.e+-]*\).*/\1/p' | tail -1 | grep .; }

peer() { # FILE SCRIPT ARGS...
  local to=$1
  shift
  # A core type that OPENBLAS is told to assume slows SciPy's set-up down; threads are theirs to choose.
  # The library leaves a folder results/ where it is started.
  (cd "$out" && env -u OPENBLAS_CORETYPE -u OMP_NUM_THREADS JAX_PLATFORMS=cpu "$python" "$@" >"$out/peer" 2>"$out/messages") ||
    { tail -20 "$out/messages" >&2; die "$1 failed"; }
  reported <"$out/peer" >>"$to"
}

ours() { # three reports: warm-up ends at the first
  launch "$ranks" run "$root/jobs/$job/job.toml" --force --out "$out/run" --set train.steps=$((3 * every)) --set train.report="$every" \
    --set train.test=0 --set points.test="$test" --set output.figures=false --set 'train.active.scheduler="all"' 2>"$out/messages" ||
    { tail -20 "$out/messages" >&2; die "$job failed"; }
  step_ms "$out/run/log.jsonl" >>"$1"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4g", a / b }'; }

about=$(machine)
jax=$("$python" -c 'import jax; print(jax.__version__)')
for c in "$@"; do
  describe "$c"
  for ((i = 0; i < repeats; i++)); do
    ours "$out/$c.ours"
    peer "$out/$c.fbpinns" "$peers/fbpinns_jax.py" "$checkout" "$case" "$theirs"
    [ "$batched" = 0 ] || peer "$out/$c.batched" "$peers/batched_jax.py" "$case" "$theirs"
    echo "$case, round $((i + 1)) of $repeats: ours $(tail -1 "$out/$c.ours") ms, FBPINNs-JAX $(tail -1 "$out/$c.fbpinns") ms" >&2
  done
  us=$(median <"$out/$c.ours") them=$(median <"$out/$c.fbpinns") extra=
  if [ "$batched" = 1 ]; then
    b=$(median <"$out/$c.batched")
    extra=$(printf ',"batched_jax_ms":%s,"over_batched_jax":%s,"batched_jax_runs":%s' "$b" "$(ratio "$b" "$us")" "$(list <"$out/$c.batched")")
  fi
  printf '{"case":"%s","job":"%s","ranks":%d,"ms":%s,"fbpinns_jax_ms":%s,"over_fbpinns_jax":%s,"runs":%s,"fbpinns_jax_runs":%s%s,"jax":"%s","machine":%s}\n' \
    "$case" "$job" "$ranks" "$us" "$them" "$(ratio "$them" "$us")" "$(list <"$out/$c.ours")" "$(list <"$out/$c.fbpinns")" "$extra" "$jax" "$about" |
    tee -a "$results"
done
