#!/bin/sh
# A phone of real parts in a mount and network namespace of its own: a copy-on-write view of this computer as its file
# system, Debian's adbd as its daemon, a real adb server before it. Then runs "$@". For benchmarks/conformance.py:
#   unshare -mn --propagation private sh phone_namespace.sh COMMAND
# Takes ADBD_ROOT (the unpacked package), ADB (a server's program), ADB_PORT, and PLACE, an empty folder.
set -eu
phone="$PLACE/phone"
mount -t tmpfs tmpfs "$PLACE"
mkdir -p "$PLACE/upper" "$PLACE/work" "$PLACE/home" "$phone"
mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/upper,workdir=$PLACE/work" "$phone"
for name in proc dev tmp; do mount --rbind "/$name" "$phone/$name"; done

# What Android has and Debian lacks; what the driver reads of /sys stands as plain files.
mkdir -p "$phone/data/local/tmp" "$phone/system/bin" "$phone/sys/class/thermal/thermal_zone0" \
  "$phone/sys/class/power_supply/usb" "$phone/sys/power" "$phone/sys/devices/system/cpu/cpufreq/policy0/stats"
chmod 777 "$phone/data/local/tmp"
echo sdm-therm > "$phone/sys/class/thermal/thermal_zone0/type"
echo 30000 > "$phone/sys/class/thermal/thermal_zone0/temp"
echo 0 > "$phone/sys/class/power_supply/usb/online"
echo "1804800 100" > "$phone/sys/devices/system/cpu/cpufreq/policy0/stats/time_in_state"
cat > "$phone/system/bin/getprop" <<'X'
#!/bin/sh
case "$1" in
  ro.product.model) echo "namespace on this computer" ;;
  ro.build.fingerprint) echo "debian/adbd" ;;
  sys.boot_completed) echo 1 ;;
  *) echo ;;
esac
X
cat > "$phone/system/bin/logcat" <<'X'
#!/bin/sh
log=/data/local/tmp/logcat.txt
if [ "$1" = -c ]; then : > "$log"; else cat "$log"; fi
X
printf '#!/bin/sh\nexec sync "$@"\n' > "$phone/system/bin/fsync"
chmod 755 "$phone/system/bin/"*

ip link set lo up
libraries="$ADBD_ROOT/usr/lib/x86_64-linux-gnu"
env -i HOME=/data/local/tmp PATH=/system/bin:/usr/bin:/bin ADBD_PORT=6555 /usr/sbin/chroot "$phone" \
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/android" \
  "$ADBD_ROOT/usr/lib/android-sdk/platform-tools/adbd" > "$PLACE/adbd.log" 2>&1 &
adbd=$!
export HOME="$PLACE/home" ADB_LOCAL_TRANSPORT_MAX_PORT=0 SERIAL=127.0.0.1:6555
tries=0
until ss -ltn | grep -q :6555; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then cat "$PLACE/adbd.log" >&2; exit 9; fi
  sleep 0.1
done
"$ADB" -P "$ADB_PORT" start-server > /dev/null 2>&1
"$ADB" -P "$ADB_PORT" connect "$SERIAL" > /dev/null
code=0
"$@" || code=$?
"$ADB" -P "$ADB_PORT" kill-server > /dev/null 2>&1 || true
kill "$adbd" 2> /dev/null || true
exit "$code"
