#!/usr/bin/env bash
# Trains jobs with several seeds and adds their errors to benchmarks/results/accuracy.jsonl and to the tables of README.md and
# jobs/README.md.
#
#   benchmarks/accuracy/run.sh [-n RANKS] [-s "SEEDS"] [-o FOLDER] [-x KEY=VALUE]... [JOB...]
#
# JOB is a folder of jobs/, or a file in one without its ending, such as burgers/least-squares; default: the measured ones of Dolean
# et al. 2024 that take minutes. Runs by least squares use one rank with all cores, and are followed by the classical solver of the job
# (compare), for 20 s at most. Runs that are complete in FOLDER
# (default runs/accuracy) are not repeated. -x overrides a key of every job; such runs are recorded with their own step counts.
source "$(dirname "${BASH_SOURCE[0]}")/../measure.sh"
ranks=$(cores) seeds="0 1 2" out=$root/runs/accuracy set=()
while getopts n:s:o:x: option; do
  case $option in
  n) ranks=$OPTARG ;;
  s) seeds=$OPTARG ;;
  o) out=$OPTARG ;;
  x) set+=(--set "$OPTARG") ;;
  *) die "usage: run.sh [-n RANKS] [-s SEEDS] [-o FOLDER] [-x KEY=VALUE]... [JOB...]" ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- laplace-1d laplace-2d oscillator-20-soft oscillator-20-hard oscillator-80-soft oscillator-80-hard \
  cosine-1 cosine-15 cosine-multiscale multiscale-1-8-64 multiscale-weak-6 helmholtz
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root"
for job in "$@"; do
  file=jobs/$job/job.toml name=$job
  if [ ! -f "$file" ]; then file=jobs/$job.toml name=${job//\//-}; fi
  [ -f "$file" ] || die "there is no job $job"
  start=(launch "$ranks") second=no
  if grep -qE '^solver *= *"(least-squares|gauss-newton)"' "$file"; then # mpirun would give its one rank a single core
    start=("$program") second=yes
  fi
  for seed in $seeds; do
    to=$out/$name/seed-$seed
    [ ! -f "$to/solution.h5" ] || continue
    echo "== $job, seed $seed" >&2
    # Without --force a folder with another's files is refused; a killed run of this script left no solution and starts anew.
    "${start[@]}" run "$file" --force --out "$to" --set train.seed="$seed" "${set[@]}" >&2 || die "$job, seed $seed failed"
    if [ $second = yes ] && [ "$seed" = "${seeds%% *}" ]; then
      "$program" compare "$to" --out "$to" --force --classical 20s >"$to/compare.txt" || echo "no classical solver for $job" >&2
    fi
  done
done
go run ./benchmarks/accuracy "$out"
