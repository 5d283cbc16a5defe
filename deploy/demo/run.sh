#!/usr/bin/env bash
# The main job end to end: separate node processes on loopback, real QUIC, real disks.
# Every step is checked; the first one that is not true ends the demo with a non-zero code.
#
# PEERAGE names the program (default: the one on the PATH). KEEP=1 keeps the data folders.
set -euo pipefail

PEERAGE=${PEERAGE:-peerage}
# Longest wait for something that has to travel between nodes, in seconds.
PATIENCE=${PATIENCE:-60}

folder=$(mktemp -d "${TMPDIR:-/tmp}/peerage-demo.XXXXXX")
declare -A process=()
started=$EPOCHREALTIME
step_started=$EPOCHREALTIME
steps=0

cleanup() {
  local status=$? name
  trap - EXIT INT TERM
  for name in "${!process[@]}"; do kill "${process[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ "$status" -ne 0 ]; then
    printf '\nThe demo failed. Logs and data are in %s\n' "$folder" >&2
  elif [ -z "${KEEP:-}" ]; then
    rm -rf "$folder"
  fi
  exit "$status"
}
trap cleanup EXIT INT TERM

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'; }
title() { printf '\n%s\n' "$1"; }
begin() { step_started=$EPOCHREALTIME; }
done_step() {
  steps=$((steps + 1))
  printf '  %-66s %6s s\n' "$1" "$(seconds_since "$step_started")"
  begin
}
fail() { printf '\n  NOT TRUE: %s\n' "$1" >&2; exit 1; }

# A command of one of the nodes.
node() { local name=$1; shift; "$PEERAGE" --data-dir "$folder/$name" "$@"; }

# The first value of a field in JSON on standard input.
field() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\} *$/\1/p" | head -n 1; }

# Waits until a command prints exactly the expected text.
expect() {
  local what=$1 expected=$2 got=""; shift 2
  local until=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -lt "$until" ]; do
    got=$("$@" 2>/dev/null) || got=""
    [ "$got" = "$expected" ] && return 0
    sleep 0.1
  done
  fail "$what: expected \"$expected\", got \"$got\""
}

start() {
  local name=$1
  shift
  # Not through the function: the process id has to be that of the node, not of a subshell.
  "$PEERAGE" --data-dir "$folder/$name" up --listen /ip4/127.0.0.1/udp/0/quic-v1 "$@" >>"$folder/$name.log" 2>&1 &
  process[$name]=$!
  expect "$name answers" up answers "$name"
}
answers() { node "$1" status --json >/dev/null && echo up; }
stop() {
  kill -TERM "${process[$1]}"
  wait "${process[$1]}" || fail "$1 did not stop cleanly"
  unset "process[$1]"
}
# It may have ended by itself, having lost its node.
crash() {
  kill -KILL "${process[$1]}" 2>/dev/null || true
  { wait "${process[$1]}" || true; } 2>/dev/null
  unset "process[$1]"
}

fingerprint() { node "$1" group show --json | field fingerprint; }
members() { node "$1" group show --json | field members; }
neighbours() { node "$1" group show --json | field neighbours; }
text_of() { node "$1" record get "$2" --json | field payload_text; }
gone() { node "$1" record get "$2" --json >/dev/null 2>&1 && echo there || echo gone; }
heard() { grep -q "\"kind\":\"$2\".*$3" "$1" && echo heard; }
same_everywhere() {
  local name first
  first=$(fingerprint "$1")
  [ -n "$first" ] || { echo none; return; }
  for name in "$@"; do
    [ "$(fingerprint "$name")" = "$first" ] || { echo differ; return; }
  done
  echo same
}

"$PEERAGE" --version

title "Ada creates a group and invites Ben and Cy"
begin
start ada; start ben; start cy
done_step "three nodes run, each with its own data folder and port"
node ada id new --friendly-name Ada >/dev/null
node ben id new --friendly-name Ben >/dev/null
node cy id new --friendly-name Cy >/dev/null
node ben id card --out "$folder/ben.card" >/dev/null
node cy id card --out "$folder/cy.card" >/dev/null
done_step "each has an identity; Ben and Cy give Ada their cards"
node ada group create --friendly-name "Chess club" --connect >/dev/null
[ "$(node ada group show --json | field status)" = listening ] || fail "Ada listens alone"
done_step "Ada has a group and listens, alone"
node ada invite create --card "$folder/ben.card" --out "$folder/ben.invite" >/dev/null
node ada invite create --card "$folder/cy.card" --note "welcome" --out "$folder/cy.invite" >/dev/null
node cy invite show "$folder/cy.invite" | grep -q welcome || fail "an invitation can be read offline"
done_step "Ada writes two invitations, each bound to one card"

title "Ben joins; Ada goes offline; Cy joins all the same"
if node ben join "$folder/cy.invite" >/dev/null 2>&1; then fail "an invitation is of no use to others"; fi
done_step "Ben cannot use Cy's invitation"
node ben join "$folder/ben.invite" --connect >/dev/null
expect "Ben has found Ada" 1 neighbours ben
expect "Ben knows two members" 2 members ben
expect "Ada knows two members" 2 members ada
done_step "Ben joined and found Ada"
before=$(node ada record put --type note --payload "first light" --json | field id)
expect "Ben has Ada's record" "first light" text_of ben "$before"
done_step "Ada publishes a record; Ben has it"
# Cy's invitation names Ada alone, who is offline. Cy knows one node of the cloud, as a member of any cloud must,
# and finds Ben where the group's members announce themselves.
stop ada
done_step "Ada has stopped"
ben_address=$(node ben status --json | sed -n 's/^ *"\(\/ip4[^"]*\)",\{0,1\} *$/\1/p' | head -n 1)
ben_peer=$(node ben status --json | field peer_id)
stop cy
start cy --bootstrap "$ben_address/p2p/$ben_peer"
node cy join "$folder/cy.invite" --connect >/dev/null
expect "Cy has found Ben" 1 neighbours cy
expect "Cy knows three members" 3 members cy
expect "Cy has Ada's record" "first light" text_of cy "$before"
done_step "Cy joined through Ben while the inviter was offline"

title "Records are published, updated and deleted"
"$PEERAGE" --data-dir "$folder/ben" events tail --after 0 --json >"$folder/ben.events" 2>/dev/null &
process[tail]=$!
expect "Ben's application hears what was before" heard heard "$folder/ben.events" record_added "$before"
note=$(node cy record put --type note --payload "see you at eight" --attr place=cafe --json | field id)
expect "Ben has Cy's record" "see you at eight" text_of ben "$note"
expect "Ben's application hears of it" heard heard "$folder/ben.events" record_added "$note"
done_step "Cy publishes; Ben has it and his application heard of it"
node cy record update "$note" --payload "see you at nine" >/dev/null
expect "Ben has the update" "see you at nine" text_of ben "$note"
expect "Ben's application hears of it" heard heard "$folder/ben.events" record_updated "$note"
done_step "Cy updates it; Ben has the new version, and heard of it"
if node ben record rm "$note" >/dev/null 2>&1; then fail "a member may not delete another's record"; fi
done_step "Ben may not delete Cy's record"
doomed=$(node ben record put --type note --payload "a slip of the pen" --json | field id)
expect "Cy has it" "a slip of the pen" text_of cy "$doomed"
node ben record rm "$doomed" >/dev/null
expect "Cy has it no more" gone gone cy "$doomed"
done_step "Ben deletes a record of his own; it is gone at Cy's"
for i in $(seq 1 20); do node cy record put --type move --payload "move $i" >/dev/null; done
expect "Ben and Cy hold the same" same same_everywhere ben cy
done_step "twenty more records; Ben and Cy hold the same database"

title "Ada returns, catches up, and hears what she missed"
start ada
expect "Ada is connected again" "see you at nine" text_of ada "$note"
expect "all three hold the same" same same_everywhere ada ben cy
[ "$(gone ada "$doomed")" = gone ] || fail "what was deleted stays deleted"
done_step "Ada came back by herself and holds the same database"

title "Ada sends Ben a message, and a file, that nobody else gets"
if node ada direct send Ben --payload "psst" >/dev/null 2>&1; then fail "nobody gets in where nobody listens"; fi
done_step "Ben does not listen, so Ada is refused"
"$PEERAGE" --data-dir "$folder/ben" direct recv --count 1 --json >"$folder/ben.direct" 2>/dev/null &
process[recv]=$!
sent() { node "$@" >/dev/null && echo sent; }
expect "Ada's message goes to Ben" sent sent ada direct send Ben --payload "psst, at nine"
wait "${process[recv]}" || fail "Ben's application ends with the message"
unset "process[recv]"
grep -q '"payload_text":"psst, at nine"' "$folder/ben.direct" || fail "Ben got the message: $(cat "$folder/ben.direct")"
[ "$(node ada direct ls --json)" = "[]" ] || fail "the connection is closed again"
done_step "Ben listens and has a direct message from Ada"
head -c 3000000 /dev/urandom >"$folder/file"
"$PEERAGE" --data-dir "$folder/ben" direct pipe --accept --from Ada --no-input >"$folder/ben.file" 2>/dev/null &
process[pipe]=$!
sent() { node ada direct pipe Ben <"$folder/file" >/dev/null && echo sent; }
expect "Ada's file goes to Ben" sent sent
wait "${process[pipe]}" || fail "Ben's end of the pipe ends in order"
unset "process[pipe]"
cmp -s "$folder/file" "$folder/ben.file" || fail "the file arrived whole"
done_step "a file of 3 MB went through a pipe from Ada to Ben"

title "One node is killed with -9 and recovers"
kept=$(node ben record put --type note --payload "acknowledged before the crash" --json | field id)
crash ben
crash tail
missed=$(node cy record put --type note --payload "while Ben was down" --json | field id)
start ben
[ "$(text_of ben "$kept")" = "acknowledged before the crash" ] || fail "an acknowledged record survives kill -9"
done_step "Ben is back; what he was acknowledged is there"
expect "Ben has what he missed" "while Ben was down" text_of ben "$missed"
expect "all three hold the same" same same_everywhere ada ben cy
done_step "all three hold the same database: $(fingerprint ada | cut -c1-16)…"

title "Ben becomes Admin, and Cy is removed"
role() { node "$1" group show --json | field role; }
status() { node "$1" group show --json | field status; }
node ada member role Ben admin --json >/dev/null
expect "Ben is an Admin, without doing anything" admin role ben
done_step "Ada makes Ben an Admin; it takes effect by itself"
expect "Cy has links to both" 2 neighbours cy
node ben member rm Cy --reason "left the city" --wait 20 >"$folder/removed"
grep -q "applied on 2 of 2" "$folder/removed" || fail "the removal is applied on all that are online: $(cat "$folder/removed")"
done_step "Ben removes Cy: $(sed 's/^removed Cy; //' "$folder/removed")"
expect "Ada has no link with Cy" 1 neighbours ada
expect "Ben has no link with Cy" 1 neighbours ben
expect "Ada knows two members" 2 members ada
done_step "Cy's live links are cut"
secret=$(node ada record put --type note --payload "not for Cy" --json | field id)
expect "Ben has it" "not for Cy" text_of ben "$secret"
[ "$(text_of ben "$note")" = "see you at nine" ] || fail "what Cy published before stays"
sleep 2
[ "$(gone cy "$secret")" = gone ] || fail "Cy gets nothing any more"
done_step "Cy gets nothing any more; what she published before stays"
expect "Ada and Ben hold the same" same same_everywhere ada ben
node ada audit | grep -q "removed .*left the city" || fail "the audit tells who removed whom, and why"
node ada audit --export "$folder/chess.audit" >/dev/null
"$PEERAGE" audit verify "$folder/chess.audit" | grep -q "left the city" || fail "the audit verifies offline"
done_step "the audit says so, and verifies offline"

title "Two applications share Ada's node"
# A command of an application on Ada's node, by its token.
as() { local token=$1; shift; PEERAGE_TOKEN=$token node ada "$@"; }
status_for() { as "$1" group show Go --json | field status; }
attached() { node ada app show "$1" --json | field attached; }
attach() {
  local name=$1 token=$2; shift 2
  PEERAGE_TOKEN=$token "$PEERAGE" --data-dir "$folder/ada" app attach Go "$@" >>"$folder/$name.log" 2>&1 &
  process[$name]=$!
  expect "$name is attached" "$name attached" head -n 1 "$folder/$name.log"
}
node ada group create --friendly-name Go >/dev/null
board=$(node ada app register board --scope read --scope online 2>/dev/null)
clock=$(node ada app register clock --scope read --scope write --scope online 2>/dev/null)
if as "$board" record put --group Go --type note --payload no >/dev/null 2>&1; then fail "without the scope nothing is written"; fi
as "$clock" record put --group Go --type note --payload tick >/dev/null
done_step "a board that may read and a clock that may write have a token each"
attach board "$board" --connect
[ "$(status_for "$clock")" = listening ] || fail "one connects and all are online"
attach clock "$clock"
done_step "the board connects, and the clock is online too"
crash board
expect "the board is gone" false attached board
[ "$(status_for "$clock")" = listening ] || fail "the clock stays online"
done_step "the board crashes; the clock stays online"
crash clock
expect "the group is offline" offline status_for "$clock"
node ada app revoke clock >/dev/null
if as "$clock" group ls >/dev/null 2>&1; then fail "a revoked token is of no use"; fi
done_step "the clock was the last one: the group is offline; its token is revoked"

title "Goodbye"
for name in ada ben cy; do stop "$name"; done
done_step "three nodes stopped cleanly"
printf '\n%d steps, all true, in %s s.\n' "$steps" "$(seconds_since "$started")"
