# Sourced by the benchmark scripts: starting runs, reading their logs, describing the machine. Needs bash, awk, lscpu.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${FBPINN_MPI:-$root/bin/fbpinn-mpi}
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}

die() { echo "$(basename "$0"): $*" >&2; exit 1; }
[ -x "$program" ] || die "$program is missing: run make build"

# cores that may be used. OMP_NUM_THREADS, which nproc obeys, says nothing about them.
cores() { env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc; }

# launch RANKS ARGS...: the program on so many ranks, a core each where there are enough. Output goes to stderr.
launch() {
  local ranks=$1 bind=core
  shift
  [ "$ranks" -le "$(cores)" ] || bind=none
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

# machine: a JSON object that says where the numbers come from. Call it before the first run: a load above that of an idle
# machine means that others computed at the same time, and that the figures compare nothing.
machine() {
  local cpu load
  load=$(cut -d' ' -f1 /proc/loadavg)
  awk -v l="$load" 'BEGIN { exit l > 0.5 }' || echo "warning: the load is $load before the first run; these are no measurements" >&2
  cpu=$(lscpu | sed -n 's/^Model name: *//p' | head -1)
  printf '{"cpu":"%s","cores":%d,"kernel":"%s","mpi":"%s","commit":"%s","load_before":%s,"when":"%s"}' "$cpu" "$(cores)" "$(uname -sr)" \
    "$(mpirun --version | head -1)" "$("$program" --version | awk '{ print $NF }')" "$load" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}
