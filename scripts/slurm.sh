#!/usr/bin/env bash
# A Slurm of one node for tests, on Debian or Ubuntu, as root: `scripts/slurm.sh start`, then, with SLURM_CONF=bin/slurm/slurm.conf,
# sbatch and the like; `scripts/slurm.sh stop` ends it. Key, configuration, state and logs lie in a temporary folder, which bin/slurm
# points to; sockets and ports are its own, so that a Slurm of the machine is neither seen nor touched.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "slurm: $*" >&2; exit 1; }
link=bin/slurm

# The programs of Debian. They need not be running as services, and are not started as such.
install() {
  local missing=() c
  for c in sbatch srun slurmctld slurmd; do command -v $c >/dev/null || missing=(slurm-wlm); done
  command -v munged >/dev/null || missing+=(munge)
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "needs ${missing[*]}, and knows only apt-get to install them"
  echo "slurm: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
}

# Two ports that nobody listens on.
ports() {
  local p=20000 found=()
  while [ ${#found[@]} -lt 2 ]; do
    p=$((p + 1))
    [ $p -lt 30000 ] || fail "no free ports"
    (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null || found+=($p)
  done
  echo "${found[@]}"
}

start() {
  [ "$(id -u)" = 0 ] || fail "daemons that start jobs need root"
  [ ! -e $link ] || fail "one is running already, in $(readlink $link); first: scripts/slurm.sh stop"
  install
  local dir controller node cpus memory
  dir=$(mktemp -d /tmp/slurm.XXXXXX)
  chmod 755 "$dir" # munge wants its socket reachable for all
  mkdir -p bin "$dir"/{state,spool}
  ln -sfn "$dir" $link
  read -r controller node < <(ports)
  cpus=$(nproc) memory=$(awk '/MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
  head -c 1024 /dev/urandom >"$dir/munge.key"
  chmod 400 "$dir/munge.key"
  # Limits are checked every 30 s at best, and USR1 comes up to a minute early. cred_expire: a job that was put back into the queue
  # starts again after that plus a second instead of two minutes. Four CPUs at least, so that four ranks find a place.
  cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$node
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
KillWait=5
MailProg=/bin/true
GresTypes=gpu
ReturnToService=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$((cpus > 4 ? cpus : 4)) RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  # Two devices that every machine has stand for cards: enough for what Slurm hands out and says in CUDA_VISIBLE_DEVICES.
  echo "Name=gpu File=/dev/tty[0-1]" >"$dir/gres.conf"
  trap 'stop; fail "did not start"' ERR
  munged --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
  export SLURM_CONF=$dir/slurm.conf
  slurmctld -c
  slurmd -c
  local tries
  for ((tries = 0; tries < 60; tries++)); do
    if sinfo -h -o %T 2>/dev/null | grep -q '^idle'; then
      trap - ERR
      echo "slurm: $(sinfo --version) runs: SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.5
  done
  tail -n 20 "$dir"/slurm*.log >&2
  stop
  fail "the node does not come up"
}

# Ends the daemons by their recorded numbers, jobs first, and removes the folder.
stop() {
  [ -L $link ] || return 0
  local dir pid name
  dir=$(readlink $link)
  export SLURM_CONF=$dir/slurm.conf
  timeout 10 scancel --state=RUNNING,PENDING --user="$(id -un)" 2>/dev/null || true
  timeout 20 bash -c 'while [ -n "$(squeue -h 2>/dev/null)" ]; do sleep 0.5; done' || true
  for name in slurmd slurmctld munged; do
    pid=$(cat "$dir/$name.pid" 2>/dev/null) || continue
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
    kill "$pid"
    timeout 10 bash -c "while kill -0 $pid 2>/dev/null; do sleep 0.1; done" || kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$dir" $link
}

case ${1-} in
  start) start ;;
  stop) stop ;;
  *) fail "usage: scripts/slurm.sh start|stop" ;;
esac
