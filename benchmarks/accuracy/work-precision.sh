#!/usr/bin/env bash
# Work-precision figures: error against time of every solver that a job has files for, and of its classical solver.
#
#   benchmarks/accuracy/work-precision.sh [-t TIME] [-s SEED] [-o FOLDER] JOB...
#
# JOB is a folder of jobs/. Each of its job files runs once, on one rank with all cores, Adam's for TIME at most (default 60s), and
# `fbpinn-mpi compare` adds the classical solver for 10 s at most: some 90 s a job, little of it for solvers of second order. Runs that
# are complete in FOLDER (default runs/work-precision) are not repeated. Results: benchmarks/results/work-precision/JOB.csv with the
# machine in JOB.json beside it, benchmarks/figures/JOB.png and a line in the README there.
source "$(dirname "${BASH_SOURCE[0]}")/../measure.sh"
time=60s seed=0 out=$root/runs/work-precision
usage="usage: work-precision.sh [-t TIME] [-s SEED] [-o FOLDER] JOB..."
while getopts t:s:o: option; do
  case $option in
  t) time=$OPTARG ;;
  s) seed=$OPTARG ;;
  o) out=$OPTARG ;;
  *) die "$usage" ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "$usage"
results=$root/benchmarks/results/work-precision figures=$root/benchmarks/figures
mkdir -p "$out" "$results" "$figures"
out=$(cd "$out" && pwd)
cd "$root"
for job in "$@"; do
  [ -f "jobs/$job/job.toml" ] || die "there is no job $job"
  machine=$(machine) runs=()
  for file in "jobs/$job/job.toml" "jobs/$job"/[!j]*.toml; do
    name=$(basename "$file" .toml)
    case $name in
    small | *.small) continue ;;
    job) # named by its solver
      name=$(sed -n 's/^solver *= *"\(.*\)".*/\1/p' "$file" | head -1)
      name=${name:-adam}
      ;;
    esac
    limit=()
    [ $name != adam ] || limit=(--max-time "$time")
    to=$out/$job/$name
    runs+=("$to")
    [ ! -f "$to/solution.h5" ] || continue
    echo "== $file" >&2
    set=(--set train.seed="$seed" --set output.figures=false) code=0
    "$program" run "$file" --force --out "$to" "${set[@]}" "${limit[@]}" >&2 || code=$?
    if [ $code = 75 ]; then # out of time: the steps made are all there are
      steps=$(sed -n 's/^{"step":\([0-9]*\).*/\1/p' "$to/log.jsonl" | tail -1)
      "$program" run "$file" --resume --out "$to" "${set[@]}" --set train.steps="$steps" >&2 || die "$file failed"
    elif [ $code != 0 ]; then
      die "$file failed"
    fi
  done
  [ ${#runs[@]} -gt 1 ] || die "$job has one job file only: there is nothing to compare"
  "$program" compare "${runs[@]}" --out "$out/$job" --force
  cp "$out/$job/compare.csv" "$results/$job.csv"
  cp "$out/$job/compare.png" "$figures/$job.png"
  printf '{"job":"%s","seed":%d,"machine":%s}\n' "$job" "$seed" "$machine" >"$results/$job.json"
done
go run ./benchmarks/accuracy >/dev/null
