#!/usr/bin/env bash
# What we claim for a card, on a machine with one. In the repository (make test-gpu, make bench-gpu) or in a folder that
# scripts/bundle.sh made, where neither Go nor a compiler is needed.
#
#   gpu.sh test    the suite of kernels on the card, then a small step of every family under compute-sanitizer (memcheck, racecheck)
#   gpu.sh bench   every figure, one line each with what is wanted, in under 8 minutes; fails if one is missed
#
# THIS SCRIPT HAS NOT RUN ON A CARD YET. Its parts have run with DRY=1, which computes on the CPU with few steps and judges
# nothing.
#
# To race against JAX as well (see benchmarks/peers/race.sh), bench needs
# PEERS     folder with fbpinns_jax.py and batched_jax.py
# CHECKOUT  the FBPINNs library, branch multilevel-paper
# PYTHON    an interpreter with jax for CUDA and what the library imports (default: python3)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fail() { echo "gpu: $*" >&2; exit 1; }

if [ -f "$here/paths.sh" ]; then # a bundle
  root=$here program=$here/fbpinn-mpi launcher=$here/mpirun tests=$here/bin/device-cuda.test
  run_tests() { (export here; . "$here/paths.sh"; "$@"); }
else
  root=$(dirname "$here") program=$(dirname "$here")/bin/fbpinn-mpi launcher=mpirun tests=$(dirname "$here")/bin/test/device-cuda.test
  run_tests() { "$@"; }
fi
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
[ -x "$program" ] || fail "$program is missing; run make cuda"
dry=${DRY:-0} backend=cuda
if [ "$dry" = 1 ]; then
  backend=cpu
else
  [ -x "$root/bin/fbpinn-mpi-cuda" ] || fail "bin/fbpinn-mpi-cuda is missing; run make cuda"
  nvidia-smi --query-gpu=name,uuid,driver_version,memory.total,clocks.max.sm,compute_mode --format=csv,noheader || fail "nvidia-smi finds no card"
fi
as_root=()
[ "$(id -u)" != 0 ] || as_root=(--allow-run-as-root)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
missed=0

# row WHAT MEASURED WANTED OK: one line of the table; OK is 1, 0, or - where nothing is judged.
row() {
  local verdict=-
  case $4 in 1) verdict=ok ;; 0) verdict=MISSED missed=1 ;; esac
  [ "$dry" = 0 ] || verdict=dry missed=0
  printf '%-58s %-26s %-22s %s\n' "$1" "$2" "$3" "$verdict"
}

# holds CONDITION: 1 or 0.
holds() { awk "BEGIN { print ($1) ? 1 : 0 }" </dev/null; }

# within D BOUND: 1 if D is a number, and at most BOUND.
within() { awk -v d="$1" -v bound="$2" 'BEGIN { print (d ~ /^[0-9.e+-]+$/ && d + 0 <= bound + 0) ? 1 : 0 }'; }

sanitizer() {
  command -v compute-sanitizer || ls -d /usr/local/cuda*/bin/compute-sanitizer /usr/local/cuda*/compute-sanitizer/compute-sanitizer 2>/dev/null |
    sort -rV | head -n 1 || true
}

# complaints: what a failed suite said.
complaints() { grep -E '\.go:|FAIL|panic' "$out/suite" | head -n 40 >&2 || cat "$out/suite" >&2; }

if_tests() { [ -x "$tests" ] || fail "$tests is missing; make test-gpu and make bundle build it"; }

test_card() {
  if_tests
  local tool check
  run_tests "$tests" -test.v -test.run '^TestCard' >"$out/suite" 2>&1 || { complaints; fail "the suite fails on the card"; }
  grep -E '^(--- |    --- |PASS)' "$out/suite"
  check=$(sanitizer)
  [ -n "$check" ] || fail "compute-sanitizer is missing; it comes with the CUDA toolkit"
  for tool in memcheck racecheck synccheck; do
    echo "== compute-sanitizer --tool $tool"
    # Only the step of each family: the other tests ask for what must fail, which the tool would count.
    run_tests "$check" --tool $tool --error-exitcode 9 "$tests" -test.run '^TestCardStep$' || fail "$tool"
  done
  echo "gpu: the suite passes on the card, memcheck, racecheck and synccheck find nothing"
}

# train NAME RANKS BACKEND JOB ARGS...: a run without pictures and tests; its log is $out/NAME/log.jsonl.
train() {
  local name=$1 ranks=$2 on=$3 job=$4
  shift 4
  local flags=()
  [ "$ranks" = 1 ] || flags+=(--oversubscribe-gpu)
  [ "$on" = cuda ] || flags=()
  timeout 120 "$launcher" --oversubscribe --bind-to none ${as_root[@]+"${as_root[@]}"} -np "$ranks" \
    "$program" run "$root/jobs/$job/job.toml" --backend="$on" ${flags[@]+"${flags[@]}"} --force --out "$out/$name" --set train.test=0 \
    --set output.figures=false --set 'train.active.scheduler="all"' "$@" >"$out/$name.txt" 2>&1 || {
    tail -n 20 "$out/$name.txt" >&2
    fail "$name failed"
  }
}

# losses NAME: step, loss and terms of each report, with all their digits.
losses() { sed -E 's/"(seconds|rate)":[^,]*,//g; s/,"time":"[^"]*"//' "$out/$1/log.jsonl" | grep '^{"step"'; }

# differ A B: the largest relative difference of the losses of two runs.
differ() {
  paste <(losses "$1" | sed -E 's/.*"loss":([^,}]*).*/\1/') <(losses "$2" | sed -E 's/.*"loss":([^,}]*).*/\1/') |
    awk 'NF != 2 { bad = 1 } { d = ($1 - $2) / $1; if (d < 0) d = -d; if (!(d <= m)) m = d; n++ } END { if (bad || !n) print "nan"; else printf "%.2g\n", m }'
}

# step_ms NAME: milliseconds a step between the first and the last report; what comes before the first is warm-up.
step_ms() {
  awk -F'[:,]' '/^{"step":/ { if (!n++) { s = $2; t = $4 } S = $2; T = $4 }
    END { if (S <= s) exit 1; printf "%.4g\n", 1e3 * (T - t) / (S - s) }' "$out/$1/log.jsonl"
}

# timed NAME JOB EVERY ARGS...: three reports on one rank; prints milliseconds a step.
timed() {
  local name=$1 job=$2 every=$3 test='[8,8]'
  shift 3
  [ "$dry" = 0 ] || every=10
  train "$name" 1 $backend "$job" --set train.steps=$((3 * every)) --set train.report="$every" --set points.test="$test" "$@"
  step_ms "$name"
}

bench_suite() {
  local precision wanted worst
  for precision in Float32:1e-5 Float64:1e-12; do
    wanted=${precision#*:} precision=${precision%:*}
    if [ "$dry" = 1 ] || [ ! -x "$tests" ]; then
      row "suite against host float64, $precision" "not run" "<= $wanted" -
    elif run_tests timeout 150 "$tests" -test.v -test.run "^TestCard$precision\$" >"$out/suite" 2>&1; then
      # The suite has tighter limits for each network; this is the largest error of all, relative to the largest value of its plane.
      worst=$(sed -n 's/.*largest error \([0-9.e+-]*\), .*/\1/p' "$out/suite" | sort -g | tail -n 1)
      row "suite against host float64, $precision, largest error" "passes, $worst" "<= $wanted" "$(within "${worst:-none}" "$wanted")"
    else
      complaints
      row "suite against host float64, $precision" "FAILS" "<= $wanted" 0
    fi
  done
}

bench_kernels() {
  timeout 120 "$program" bench --json --backend=$backend >"$out/bench.jsonl"
  local w wanted share peak
  for w in 16:0.35 32:0.50 64:0.55; do
    wanted=${w#*:} w=${w%:*}
    share=$(sed -n "s/^{\"kernel\":\"one-pass 2-$w-$w-1 .*\"useful_share\":\([0-9.e+-]*\).*/\1/p" "$out/bench.jsonl")
    peak=$(sed -n "s/^{\"kernel\":\"one-pass 2-$w-$w-1 .*\"peak_flops\":\([0-9.e+-]*\).*/\1/p" "$out/bench.jsonl")
    [ -n "$share" ] || { row "one-pass forward + backward, w = $w, over the FP32 peak" "none" ">= $wanted" 0; continue; }
    row "one-pass forward + backward, w = $w, over the FP32 peak" "$(awk "BEGIN { printf \"%.3f of %.1f TFLOP/s\", $share, $peak / 1e12 }")" \
      ">= $wanted" "$(holds "$share >= $wanted")"
  done
}

bench_steps() {
  single=$(timed b7-f32 multiscale-weak-6 2000)
  row "step of levels 1 .. 64, 320^2 points, 2.32 M pairs, float32" "$single ms" "<= 0.3 ms" "$(holds "$single <= 0.3")"
  local double burgers
  double=$(timed b7-f64 multiscale-weak-6 1000 --set 'train.precision="float64"')
  row "the same in float64 over float32" "$(awk "BEGIN { printf \"%.2f (%s ms)\", $double / $single, $double }")" "<= 2" "$(holds "$double <= 2 * $single")"
  burgers=$(timed burgers burgers 5000)
  row "step of Burgers, 20 x 10 subdomains, float32" "$burgers ms" "" -
  row "launches" "$(sed -n 's/^{"kernel":"two-pass 2-16-1 C5.*"precision":"float32".*"launches":\([0-9]*\).*/\1/p' "$out/bench.jsonl")" \
    "(forward and adjoint)" -
  bench_peers "$single" "$burgers"
}

# reported: ms_per_step of the last line on stdin that has one.
reported() { sed -n 's/.*"ms_per_step": *\([0-9.e+-]*\).*/\1/p' | tail -n 1; }

bench_peers() { # ours: levels 1 .. 64, Burgers
  local python=${PYTHON:-python3} ms
  if [ -z "${PEERS:-}" ] || ! "$python" -c 'import jax; assert jax.default_backend() == "gpu"' 2>/dev/null; then
    row "steps a second over FBPINNs-JAX and batched JAX" "not run: no JAX on a card" ">= 20, >= 5" -
    return
  fi
  peer() { (cd "$out" && timeout 120 env JAX_PLATFORMS=cuda XLA_PYTHON_CLIENT_PREALLOCATE=false "$python" "$@" 2>"$out/peer.txt" | reported); }
  ratio() { # WHAT MS OURS WANTED
    if [ -z "$2" ]; then row "$1" "failed: $(tail -n 1 "$out/peer.txt" | cut -c 1-60)" ">= $4" 0; return; fi
    row "$1" "$(awk "BEGIN { printf \"%.3g (%s ms)\", $2 / $3, $2 }")" ">= $4" "$(holds "$2 >= $4 * $3")"
  }
  ms=$(peer "$PEERS/batched_jax.py" B-7 100 || true)
  ratio "steps a second over batched JAX, levels 1 .. 64" "$ms" "$1" 5
  if [ -n "${CHECKOUT:-}" ]; then
    ms=$(peer "$PEERS/fbpinns_jax.py" "$CHECKOUT" B-7 50 || true)
    ratio "steps a second over FBPINNs-JAX, levels 1 .. 64" "$ms" "$1" 20
    ms=$(peer "$PEERS/fbpinns_jax.py" "$CHECKOUT" burgers 500 || true)
    ratio "steps a second over FBPINNs-JAX, Burgers" "$ms" "$2" 20
  fi
}

# One job for all comparisons of histories.
compared=multiscale-weak-4

compare_runs() {
  local n d steps=100 few=(--set points.test='[8,8]' --set train.report=10)
  [ "$dry" = 0 ] || steps=20
  few+=(--set train.steps="$steps")
  train first 1 $backend $compared "${few[@]}"
  train second 1 $backend $compared "${few[@]}"
  if [ "$(losses first)" = "$(losses second)" ]; then
    row "two runs, float32, $steps steps" "the same digits" "the same digits" 1
  else
    row "two runs, float32, $steps steps" "DIFFERENT" "the same digits" 0
  fi
  few+=(--set 'train.precision="float64"')
  train cpu 2 cpu $compared "${few[@]}"
  train one 1 $backend $compared "${few[@]}"
  d=$(differ cpu one)
  row "card against 2 ranks on the CPU, float64, $steps steps" "$d relative" "<= 1e-10" "$(within "$d" 1e-10)"
  for n in 2 4; do
    train "shared$n" "$n" $backend $compared "${few[@]}"
    d=$(differ one "shared$n")
    row "$n ranks sharing the card against one, float64" "$d relative" "<= 1e-10" "$(within "$d" 1e-10)"
  done
}

bench_card() {
  echo "commit $("$program" --version | awk '{ print $NF }'), $(date -u +%Y-%m-%dT%H:%M:%SZ), load $(cut -d' ' -f1 /proc/loadavg)"
  bench_kernels
  bench_steps
  compare_runs
  bench_suite
  echo
  cat "$out/bench.jsonl"
  [ $missed = 0 ] || fail "figures were missed"
}

case ${1:-} in
  test) test_card ;;
  bench) bench_card ;;
  *) fail "usage: gpu.sh test | bench" ;;
esac
