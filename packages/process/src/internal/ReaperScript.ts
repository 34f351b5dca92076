/**
 * What a reaper runs, as text: there is no file to be found, so bundles, archives and read-only installs are no problem.
 *
 * A reaper reads lines until its input ends, which happens when the program that holds the other end dies in any way:
 *
 *   expect N              a child with this number is about to be spawned
 *   add N GROUP START P   it leads the process group GROUP, its leader started at START (0: unknown), its policy is P
 *   del N                 nothing is left of it, or nothing came of it
 *
 * Then it kills the registered groups, and every bearer of a tag of this runtime with the policy `kill`, round after
 * round until five in a row find none, with longer and longer pauses, eighty at most: those who fork and die at the end of their input can
 * slip through any one look, but not for long. A look during which processes came or went, or a process was in the middle of starting
 * a program (his environment reads as empty just then), counts for nothing. Children that were expected and never added died with their owner half-way:
 * they go whatever their policy. Its last act is to remove the ledger, unless what it looks for was still there in the last round.
 *
 * It is the one implementation of that sweep: the janitor runs the same script over the ledger of a dead runtime (`Orphans`).
 *
 * Promises: a group is killed only if its leader still has the start time that was registered or, without a leader, if a
 * member bears a tag of this runtime. A half-written last line counts for nothing.
 */

/**
 * For `/bin/sh -c`: any POSIX shell (tried with dash and bash).
 *
 *   $1 id of the runtime   $2 ledger, or empty   $3 `proc` or `ps`: how to look at processes
 */
export const shell = `
trap '' INT TERM HUP QUIT PIPE
id=$1 ledger=$2 table=$3
live=' ' waiting=' ' quick=
printf 'a\\0b\\0' | grep -qzx b && quick=1

without() {
  case $1 in
    *" $2 "*) rest="\${1%%" $2 "*} \${1#*" $2 "}" ;;
    *) rest=$1 ;;
  esac
}

while read -r op n group start policy; do
  case $n in '' | *[!0-9]*) continue ;; esac
  without "$waiting" "$n"; waiting=$rest
  case $op in
    expect) waiting="$waiting$n " ;;
    add)
      case $group in '' | *[!0-9]* | 0 | 1) continue ;; esac
      case $start in '' | *[!0-9]*) continue ;; esac
      without "$live" "$n"; live="$rest$n "
      [ "$table" = ps ] && start=$(ps -o lstart= -p "$group")
      eval "g_$n=\\$group s_$n=\\$start"
      ;;
    del)
      without "$live" "$n"; live=$rest
      unset "g_$n" "s_$n"
      ;;
  esac
done

look() {
  text=
  while read -r line || [ -n "$line" ]; do text="$text $line"; done < "/proc/$1/stat"
  [ -n "$text" ] || return 1
  set -- \${text##*") "}
  state=$1 parent=$2 nowgroup=$3 now=\${20}
}

look_ps() {
  now=$(ps -o lstart= -p "$1")
  [ -n "$now" ]
}

bearers_quick() { grep -lzxs "$@" /proc/[0-9]*/environ; }

unsettled() {
  for file in $(grep -Lzs . /proc/[0-9]*/environ); do
    pid=\${file#/proc/} pid=\${pid%/environ}
    [ "$pid" != 2 ] && look "$pid" && [ "$parent" != 2 ] || continue
    case $state in Z | X) ;; *) return 0 ;; esac
  done
  return 1
}

everybody() {
  set -- /proc/[0-9]*
  all=$*
}

bearers_slow() {
  for file in /proc/[0-9]*/environ; do
    text=
    while read -r line || [ -n "$line" ]; do text="$text$line"; done < "$file"
    case $text in
      *"HOLDFAST_TAG=$id."*) tr '\\0\\n' '\\n ' < "$file" | grep -qx "$@" && echo "$file" ;;
    esac
  done
}

bearers_ps() {
  pattern=
  while [ $# -gt 0 ]; do pattern="$pattern\${pattern:+|}$2"; shift 2; done
  ps -Eww -axo pid=,command= | grep -E " ($pattern)( |$)" | while read -r pid line; do echo "/proc/$pid/environ"; done
}

find=bearers_slow
[ -n "$quick" ] && find=bearers_quick
[ "$table" = ps ] && find=bearers_ps
tag="HOLDFAST_TAG=$id\\."

leaderless=' '
for n in $live; do
  eval "group=\\$g_$n start=\\$s_$n"
  if [ "$table" = ps ]; then
    look_ps "$group" && [ "$now" = "$start" ] && kill -s KILL -- "-$group"
  elif look "$group"; then
    [ "$now" = "$start" ] && kill -s KILL -- "-$group"
  else
    leaderless="$leaderless$group "
  fi
done

if [ "$leaderless" != ' ' ] && [ "$table" = proc ]; then
  for file in $($find -e "$tag[1-9][0-9]*\\.[a-z]*"); do
    pid=\${file#/proc/}
    look "\${pid%/environ}" || continue
    case $leaderless in *" $nowgroup "*) kill -s KILL -- "-$nowgroup" ;; esac
  done
fi

set -- -e "$tag[1-9][0-9]*\\.kill"
for n in $waiting; do set -- "$@" -e "$tag$n\\.group"; done
round=0 quiet=0 seen=
while [ $quiet -lt 5 ] && [ $round -lt 80 ]; do
  case $quiet in 1) sleep 0.02 ;; 2) sleep 0.04 ;; 3) sleep 0.08 ;; 4) sleep 0.3 ;; esac
  round=$((round + 1)) quiet=$((quiet + 1))
  everybody; before=$all seen=
  for file in $($find "$@"); do
    pid=\${file#/proc/} quiet=0 seen=1
    kill -s KILL "\${pid%/environ}"
  done
  if [ $quiet -gt 0 ] && [ "$table" = proc ]; then
    everybody
    { [ "$before" = "$all" ] && { [ -z "$quick" ] || ! unsettled; }; } || { quiet=$((quiet - 1)); sleep 0.02; }
  fi
  [ $round -gt 4 ] && [ $quiet = 0 ] && sleep 0.02
done

if [ -n "$ledger" ] && [ -z "$seen" ]; then
  rm -f -- "$ledger"
  rmdir -- "\${ledger%/*}"
fi
`
