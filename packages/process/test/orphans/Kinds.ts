/**
 * Children of all manners, as shell scripts: they start in a millisecond or two, so one owner can hold many.
 *
 * Each script gets its mark as `$0` and a FIFO as `$1`, and hands both on to whatever it starts: every process of a child has
 * the mark among its arguments, whatever becomes of its environment. Reading from a FIFO that is opened for both directions
 * blocks for ever without another process. A child says "up" on stdout when all of it is there.
 */

export interface Kind {
  /** What it does, for the table. */
  readonly title: string
  /** Its living processes once it is up. */
  readonly processes: number
  /** What follows `sh -c script mark fifo`. */
  readonly script: string
  readonly args: ReadonlyArray<string>
}

const untilEnd = "while read -r _; do :; done"
const forEver = "exec 3<>\"$1\"; while :; do read -r _ <&3; done"

/** Deaf to the end of its input and to every signal that can be ignored. */
export const stubborn = `trap "" TERM INT HUP PIPE; echo up; ${forEver}`

const daemon = `trap "" TERM INT HUP PIPE; echo up; exec </dev/null >/dev/null 2>&1; ${forEver}`

// Six generations follow each other on the end of the input (the later ones have none), six more on each TERM. What ignores a
// signal hands that down to what it starts, so only the last one does.
const forking = `
mark=$0 fifo=$1 generation=$2 self=$3
again() {
  [ "$generation" -lt 12 ] || { trap "" TERM; return; }
  setsid sh -c "$self" "$mark" "$fifo" $((generation + 1)) "$self" &
  exit
}
trap "" INT HUP PIPE
trap again TERM
[ "$generation" = 0 ] && echo up
[ "$generation" -lt 6 ] && { ${untilEnd}; again; }
${forEver}`

const kind = (title: string, processes: number, script: string, ...args: ReadonlyArray<string>): Kind => ({
  title,
  processes,
  script,
  args
})

export const kinds = {
  polite: kind("polite", 1, `echo up; ${untilEnd}`),
  "ignores-eof": kind("ignores EOF", 1, `trap "" PIPE; echo up; ${untilEnd}; ${forEver}`),
  "ignores-term": kind("ignores EOF and TERM", 1, stubborn),
  wrapper: kind(
    "wrapper, stubborn grandchild",
    2,
    `sh -c "$2" "$0" "$1" & ${untilEnd}`,
    stubborn
  ),
  // A shell gives /dev/null to what it starts in the background, unless it has the input by another name.
  "holds-pipes": kind(
    "grandchild holds the pipes",
    1,
    "exec 4<&0; sh -c \"$2\" \"$0\" \"$1\" <&4 & exit",
    stubborn
  ),
  session: kind(
    "grandchild in its own session",
    2,
    `setsid sh -c "$2" "$0" "$1" & ${untilEnd}`,
    stubborn
  ),
  daemon: kind(
    "double fork",
    2,
    `setsid sh -c 'sh -c "$2" "$0" "$1" &' "$0" "$1" "$2"; ${untilEnd}`,
    daemon
  ),
  forking: kind("forks while dying", 1, forking, "0", forking)
} as const

export type KindName = keyof typeof kinds

// The keys of an object that is never changed are the names of its type.
export const names = Object.keys(kinds) as ReadonlyArray<KindName>

export const isName = (text: string): text is KindName => Object.hasOwn(kinds, text)

/** How to start one. */
export const command = (
  name: KindName,
  mark: string,
  fifo: string
): { readonly command: string; readonly args: ReadonlyArray<string> } => ({
  command: "sh",
  args: ["-c", kinds[name].script, mark, fifo, ...kinds[name].args]
})
