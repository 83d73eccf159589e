#!/usr/bin/env bash
# Runs a command inside a throw-away SLURM cluster on this machine: real munge, slurmctld and slurmd, each node in its own
# network, host name, IPC, process and mount namespace.
#
#   slurm_ci.sh [-n NODES] [-c CPUS_PER_NODE] -- COMMAND...
#
# Needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN, or unprivileged user namespaces with uidmap. Nothing outlives the command:
# daemons, ranks, bridges and mounts die with the outermost process namespace. Exit status: the command's; 77 (skipped, with
# the reason) where the machine cannot do it; 99 when the cluster does not come up.
set -euo pipefail

nodes=2
cpus=2
while getopts n:c: option; do
  case $option in
    n) nodes=$OPTARG ;;
    c) cpus=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ "${1:-}" != -- ] || shift
[ $# -gt 0 ] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }

skip() { echo "skipped: $*" >&2; exit 77; }

PATH=$PATH:/usr/sbin:/sbin
namespaces=(--net --mount --uts --ipc --pid --fork --kill-child=SIGKILL --mount-proc)
[ "$EUID" = 0 ] || namespaces=(--user --map-root-user --map-auto "${namespaces[@]}")

if [ -z "${SLURM_CI_FOLDER:-}" ]; then
  for program in munged slurmctld slurmd sbatch srun mpirun ip unshare nsenter; do
    command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup.sh installs it)"
  done
  unshare "${namespaces[@]}" ip link add probe type bridge 2>/dev/null ||
    skip "no network namespaces here; run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN"
  SLURM_CI_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/slurm_ci.XXXXXX")
  export SLURM_CI_FOLDER
  trap 'rm -rf "$SLURM_CI_FOLDER"' EXIT
  # A surrounding job or mpirun must not be taken for ours.
  unset ${!SLURM_JOB*} ${!SLURM_STEP*} ${!OMPI_*} ${!PMIX_*}
  status=0
  unshare "${namespaces[@]}" bash "$0" -n "$nodes" -c "$cpus" -- "$@" || status=$?
  exit "$status"
fi

# From here on: inside the outermost namespaces.
folder=$SLURM_CI_FOLDER
network=10.77.0
fail() {
  echo "slurm_ci: $*" >&2
  tail -n 5 "$folder"/log/* >&2 || true
  exit 99
}

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/node_tmp "$folder"/{state,spool,log}
mkdir -m 700 "$folder/munge" /run/munge
chmod 755 "$folder" /run/munge
hostname controller
ip link set lo up
{
  echo "127.0.0.1 localhost"
  echo "$network.254 controller"
  for i in $(seq "$nodes"); do echo "$network.$i node$i"; done
} >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts

(umask 077 && head -c 1024 /dev/urandom >"$folder/munge/key")
munged --force --key-file="$folder/munge/key" --socket=/run/munge/socket --pid-file=/run/munge/pid \
  --log-file="$folder/log/munged.log" --seed-file="$folder/munge/seed" 2>"$folder/log/munged.errors" || fail "munged does not start"

# cred_expire: a requeued job waits until its old credential is invalid. Intervals: a scheduler that looks every second.
cat >"$folder/slurm.conf" <<CONF
ClusterName=ci
SlurmctldHost=controller($network.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=/run/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SwitchType=switch/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
TmpFS=/run/node_tmp
MailProg=/bin/true
PropagateResourceLimits=NONE
PriorityType=priority/basic
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1,sched_min_interval=0
KillWait=2
CompleteWait=0
MinJobAge=3600
InactiveLimit=0
SlurmdTimeout=10
MessageTimeout=10
AccountingStorageType=accounting_storage/none
$(for i in $(seq "$nodes"); do echo "NodeName=node$i NodeAddr=$network.$i CPUs=$cpus RealMemory=4000 State=UNKNOWN"; done)
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
# slurmd looks for cgroups at start and gives up on machines without; this version of the plugin does not.
echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"

export SLURM_CONF=$folder/slurm.conf
# Root in a container, more ranks than cores, a folder for temporary files per node, and a dead peer noticed in seconds.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_orte_tmpdir_base=/run/node_tmp
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3

ip link add bridge0 type bridge
ip addr add "$network.254/24" dev bridge0
ip link set bridge0 up
slurmctld -c || fail "slurmctld does not start"
for i in $(seq "$nodes"); do
  ip netns add "node$i"
  ip link add "veth$i" type veth peer name eth0 netns "node$i"
  ip link set "veth$i" master bridge0 up
  ip -n "node$i" addr add "$network.$i/24" dev eth0
  ip -n "node$i" link set eth0 up
  ip -n "node$i" link set lo up
  mkdir -p "$folder/spool/node$i"
  nsenter --net="/run/netns/node$i" \
    unshare --uts --ipc --mount --pid --fork --kill-child=SIGKILL --mount-proc bash -c "
      hostname node$i
      mount -t tmpfs tmpfs /dev/shm
      mount -t tmpfs tmpfs /run/node_tmp
      exec slurmd -D -N node$i" </dev/null >"$folder/log/node$i.out" 2>&1 &
done

idle_nodes() { sinfo -h -N -o '%N %T' 2>/dev/null | sort -u | grep -c ' idle$' || true; }
for _ in $(seq 300); do
  [ "$(idle_nodes)" != "$nodes" ] || break
  sleep 0.1
done
[ "$(idle_nodes)" = "$nodes" ] || fail "nodes are not idle: $(sinfo -h -N -o '%N %T' 2>&1 | tr '\n' ' ')"

status=0
"$@" || status=$?
exit "$status"
