# Sourced by the benchmark scripts: starting runs, reading their logs, describing the machine. Needs bash, awk, lscpu.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$root/bin/fbpinn-mpi
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}

die() { echo "$(basename "$0"): $*" >&2; exit 1; }
[ -x "$program" ] || die "bin/fbpinn-mpi is missing: run make build"

# launch RANKS ARGS...: the program on so many ranks, a core each where there are enough. Output goes to stderr.
launch() {
  local ranks=$1 bind=core
  shift
  [ "$ranks" -le "$(nproc)" ] || bind=none
  mpirun --oversubscribe --bind-to "$bind" $([ "$(id -u)" != 0 ] || echo --allow-run-as-root) -np "$ranks" "$program" "$@" >&2
}

# step_ms LOG: milliseconds a step between the first and the last report of a log.jsonl. What comes before the first one is warm-up.
step_ms() {
  awk -F'[:,]' '/^{"step":/ { if (!n++) { s = $2; t = $4 } S = $2; T = $4 }
    END { if (S <= s) { print "too few reports in a log" > "/dev/stderr"; exit 1 }; printf "%.5g\n", 1e3 * (T - t) / (S - s) }' "$1"
}

# median: of the numbers on stdin, one a line.
median() { sort -g | awk '{ v[NR] = $1 } END { if (!NR) exit 1; print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# list: numbers on stdin as a JSON list.
list() { awk '{ s = s (NR > 1 ? "," : "") $1 } END { print "[" s "]" }'; }

# machine: a JSON object that says where the numbers come from.
machine() {
  local cpu
  cpu=$(lscpu | sed -n 's/^Model name: *//p' | head -1)
  printf '{"cpu":"%s","cores":%d,"kernel":"%s","mpi":"%s","commit":"%s","when":"%s"}' "$cpu" "$(nproc)" "$(uname -sr)" \
    "$(mpirun --version | head -1)" "$("$program" --version | awk '{ print $NF }')" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}
