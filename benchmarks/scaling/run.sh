#!/usr/bin/env bash
# Weak and strong scaling of the multi-scale Laplace step (problem B, n = 6), one thread a rank.
#
#   benchmarks/scaling/run.sh [RANKS...]        default: 1 2
#
# strong: the same job on all ranks, levels 1, 8, 64 and levels 1, 2, .. 64, 320 x 320 points.
# weak:   320 x 320 points and 64 x 64 fine subdomains a rank, side by side along x; levels 1, 8, 64.
# Each figure is the median of REPEATS runs (5), orders alternating, of STEPS steps after WARMUP (200, 50). One JSON line a figure
# is appended to benchmarks/results/scaling.jsonl. Efficiency compares with the first number of ranks.
source "$(dirname "${BASH_SOURCE[0]}")/../measure.sh"
[ $# -gt 0 ] || set -- 1 2
ranks=("$@") repeats=${REPEATS:-5} steps=${STEPS:-200} warmup=${WARMUP:-50}
[ "$steps" -ge "$warmup" ] || die "STEPS must be at least WARMUP: reports come every WARMUP steps"
results=$root/benchmarks/results/scaling.jsonl
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
about=$(machine)

# once KIND CASE RANKS: a run; its milliseconds a step are added to a file.
once() {
  local kind=$1 case=$2 np=$3 set=()
  [ "$kind" = strong ] || set=(--set "decomposition.levels=[[1,1],[$((8 * np)),8],[$((64 * np)),64]]" --set "points.interior.shape=[$((320 * np)),320]")
  # The total is a multiple of the report interval: the last interval, like the others, has WARMUP steps.
  launch "$np" run "$root/jobs/$case/job.toml" --force --out "$out/run" --set train.steps=$((warmup + steps / warmup * warmup)) \
    --set train.report="$warmup" --set train.test=0 --set points.test='[8,8]' --set output.figures=false "${set[@]}" 2>>"$out/messages" ||
    { cat "$out/messages" >&2; die "$kind $case on $np ranks failed"; }
  step_ms "$out/run/log.jsonl" >>"$out/$kind.$case.$np"
}

for ((i = 0; i < repeats; i++)); do
  for np in "${ranks[@]}"; do
    once strong multiscale-1-8-64 "$np"
    once strong multiscale-weak-6 "$np"
    once weak multiscale-1-8-64 "$np"
  done
done

for kind_case in strong.multiscale-1-8-64 strong.multiscale-weak-6 weak.multiscale-1-8-64; do
  kind=${kind_case%%.*} case=${kind_case#*.} base=$(median <"$out/$kind_case.${ranks[0]}")
  for np in "${ranks[@]}"; do
    ms=$(median <"$out/$kind_case.$np")
    efficiency=$(awk -v b="$base" -v m="$ms" -v p="$np" -v q="${ranks[0]}" -v k="$kind" \
      'BEGIN { printf "%.4g", k == "strong" ? b * q / (m * p) : b / m }')
    printf '{"kind":"%s","job":"%s","ranks":%d,"ms_per_step":%s,"efficiency":%s,"runs":%s,"machine":%s}\n' \
      "$kind" "$case" "$np" "$ms" "$efficiency" "$(list <"$out/$kind_case.$np")" "$about" | tee -a "$results"
  done
done
