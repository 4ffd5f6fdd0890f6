#!/system/bin/sh
# Runs a queue of models by itself while the phone's USB is cut, and keeps a journal of it.
# Usage: sh phone_runner.sh FOLDER
#   FOLDER/settings  assignments: tool mask flags limit_s gap_s settle_s chip_s pulse_s skin max_skin_mc residency
#   FOLDER/queue     one line a run: its number and its model file
# Written for mksh and toybox; arithmetic stays below 2^31, which is all that mksh has.
cd "$1" || exit 1
. ./settings
mkdir -p out
echo $$ > pid

note() { echo "$*" >> journal; fsync journal; }
spin() { timeout "$1" taskset "$mask" yes > /dev/null; }
leave() { note "left $1 $(date +%s.%N)"; echo lab > /sys/power/wake_unlock; exit "$1"; }

# Seven chips of Barker's code, busy or idle, so that the trace and the phone's clock can be laid side by side.
sync_code() {
  for chip in 1 1 1 0 0 1 0; do
    # Not flushed to storage here: that would take its time between the stamp and the chip.
    echo "chip $1 $chip $(date +%s.%N)" >> journal
    if [ "$chip" = 1 ]; then spin "$chip_s"; else sleep "$chip_s"; fi
  done
  note "chips $1 $(date +%s.%N)"
}

snapshot() {
  cat "$skin" > "out/$1.temp$2"
  cat "$residency" > "out/$1.residency$2"
}

wait_until_cool() {
  waited=0
  while [ "$(cat "$skin")" -gt "$max_skin_mc" ] && [ "$waited" -lt 24 ]; do
    sleep 5
    waited=$((waited + 1))
  done
}

# Without USB and with the screen off only a wake lock keeps the phone running.
echo lab > /sys/power/wake_lock
note "started $(date +%s.%N)"
waited=0
while [ "$(cat /sys/class/power_supply/usb/online)" = 1 ]; do
  sleep 0.2
  waited=$((waited + 1))
  if [ "$waited" -gt 300 ]; then leave 3; fi
done
note "unplugged $(date +%s.%N)"
sleep "$settle_s"
sync_code first

logcat -c
while read number model; do
  wait_until_cool
  snapshot "$number" 0
  sleep "$gap_s"
  note "begin $number $(date +%s.%N)"
  timeout "$limit_s" taskset "$mask" "$tool" --graph="models/$model" $flags > "out/$number.txt" 2>&1 < /dev/null
  code=$?
  note "end $number $code $(date +%s.%N)"
  snapshot "$number" 1
  logcat -d -v epoch -v usec -s tflite > "out/$number.log"
  logcat -c
done < queue

sleep "$gap_s"
sync_code last
sleep "$gap_s"
# One long pulse tells whoever watches the power that the queue is done.
spin "$pulse_s"
leave 0
