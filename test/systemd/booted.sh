#!/bin/bash
# booted.sh start DIR FOLDER PLACE ROOT | exec DIR COMMAND… | stop DIR
#
# A real systemd as process 1 of namespaces of its own, over an overlay of ROOT, such as this machine's own: whatever
# happens in there is gone when it stops, and the machine itself is not touched. DIR keeps its state; FOLDER is PLACE
# in there, and can only be read. Needs root, util-linux, iproute2 and systemd.
set -euo pipefail
self=$(readlink -f "$0")
dir=$(realpath -m "${2:?}")

start() {
  local folder=$1 place=$2 lower=$3 cgroup unshared pid state
  mkdir -p "$dir"
  cgroup=$(findmnt -rn -t cgroup2 -o TARGET | head -1)/sessiond-test.$(basename "$dir")
  mkdir -p "$cgroup"
  echo "$cgroup" >"$dir/cgroup"
  # In a cgroup of our own first, so that the root of the new cgroup namespace is that and not the machine's.
  bash -c 'echo $$ >"$1/cgroup.procs"; exec unshare --fork --kill-child --pid --mount --uts --ipc --net --cgroup \
    --propagation private "$2" inner "$3" "$4" "$5" "$6"' _ "$cgroup" "$self" "$dir" "$folder" "$place" "$lower" \
    >"$dir/console.log" 2>&1 </dev/null &
  unshared=$!
  echo "$unshared" >"$dir/unshare.pid"
  for _ in $(seq 300); do
    pid=$(tr -d ' ' <"/proc/$unshared/task/$unshared/children" 2>/dev/null || true)
    if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ]; then break; fi
    kill -0 "$unshared" 2>/dev/null || { cat "$dir/console.log" >&2; exit 1; }
    pid=
    sleep .05
  done
  echo "$pid" >"$dir/pid"
  for _ in $(seq 600); do
    state=$(enter systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) echo "$pid"; exit 0 ;; esac
    sleep .1
  done
  echo "It did not boot: $state" >&2
  tail -50 "$dir/console.log" >&2
  exit 1
}

# Becomes process 1 of the new namespaces.
inner() {
  local folder=$1 place=$2 lower=$3 root=$dir/root node unit
  mkdir -p "$root"
  mount -t tmpfs -o mode=755 tmpfs "$root"
  mkdir "$root"/{up,work,r}
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root/up,workdir=$root/work" "$root/r"
  cd "$root/r"
  mkdir -p "./$place"
  mount --bind "$folder" "./$place"
  mount -o remount,bind,ro "./$place"
  mount -t proc -o nosuid,nodev,noexec proc proc
  # The kernel's switches are the machine's.
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  if [ -e proc/sysrq-trigger ]; then mount --bind /dev/null proc/sysrq-trigger; fi
  mount -t sysfs -o nosuid,nodev,noexec sysfs sys
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
  mount -o remount,bind,ro sys
  mount -t tmpfs -o mode=755,nosuid tmpfs dev
  for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  mkdir dev/pts dev/shm dev/mqueue
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
  ln -s /proc/self/fd dev/fd
  ln -s /proc/self/fd/0 dev/stdin
  ln -s /proc/self/fd/1 dev/stdout
  ln -s /proc/self/fd/2 dev/stderr
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
  # Of the machine's own services none, and nothing that wants hardware.
  rm -rf etc/systemd/system/*.wants etc/fstab
  : >etc/fstab
  # Of images for containers: it forbids packages to start their services.
  rm -f usr/sbin/policy-rc.d
  for unit in systemd-udevd.service systemd-udev-trigger.service systemd-timesyncd.service \
    systemd-networkd.service systemd-resolved.service getty.target console-getty.service \
    systemd-modules-load.service systemd-remount-fs.service dev-hugepages.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount systemd-initctl.socket \
    systemd-journald-audit.socket modprobe@.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
  done
  mkdir -p etc/systemd/journald.conf.d
  printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' >etc/systemd/journald.conf.d/test.conf
  # A machine of its own, that licenses can be locked to.
  tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
  hostname sessiond-test
  ip link set lo up
  mkdir -p .old
  pivot_root . .old
  cd /
  umount -l /.old
  rmdir /.old || true
  # Else credentials of units come out empty.
  mount --make-rshared /
  exec env -i container=sessiond-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=1
}

enter() {
  exec_in=$(cat "$dir/pid")
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    nsenter --all --target "$exec_in" --root --wd -- "$@"
}

stop() {
  local unshared cgroup
  unshared=$(cat "$dir/unshare.pid")
  if [ -s "$dir/pid" ]; then kill -s RTMIN+4 "$(cat "$dir/pid")" 2>/dev/null || true; fi
  for _ in $(seq 100); do kill -0 "$unshared" 2>/dev/null || break; sleep .1; done
  kill -9 "$unshared" 2>/dev/null || true
  cgroup=$(cat "$dir/cgroup")
  for _ in $(seq 20); do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$cgroup" ] || break
    sleep .1
  done
  rm -f "$dir/pid" "$dir/unshare.pid"
}

action=$1
shift 2
case $action in
start) start "$@" ;;
inner) inner "$@" ;;
exec) enter "$@" ;;
stop) stop ;;
*) exit 2 ;;
esac
