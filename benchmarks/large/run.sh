#!/usr/bin/env bash
# Large decompositions: time and memory to set one up, time to save one.
#
#   benchmarks/large/run.sh [RANKS...]        default: 1 2 4 8
#
# 10^2, 10^3, 10^4 and 10^5 subdomains on the first number of ranks, then 10^5 on each of the others: see main.go here. One line a
# measurement is appended to benchmarks/results/large.jsonl; tables are printed at the end.
source "$(dirname "${BASH_SOURCE[0]}")/../measure.sh"
[ $# -gt 0 ] || set -- 1 2 4 8
results=$root/benchmarks/results/large.jsonl
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
(cd "$root" && go build -o "$tool/large" ./benchmarks/large)
about=$(machine) program=$tool/large

# once RANKS SIDE
once() { launch "$1" -side "$2" 2>&1 | sed "s|}\$|,\"machine\":$about}|" | tee -a "$results" >&2; }

for side in 10 32 100 316; do once "$1" "$side"; done
shift
for ranks in "$@"; do once "$ranks" 316; done
"$tool/large" -table "$results"
