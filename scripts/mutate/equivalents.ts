/**
 * Mutants that change nothing a test could notice, each with the reason. A mutant is known by its file, the line of code it changes,
 * its operator and what becomes of what, as `pnpm mutate` prints them; so an entry outlives lines that move. An entry that no
 * mutant of its package matches is reported, as it has outlived the code it was about.
 */
export interface Equivalent {
  readonly file: string
  /** The line of code. */
  readonly code: string
  readonly operator: string
  readonly from: string
  readonly to: string
  readonly reason: string
}

export const equivalents: ReadonlyArray<Equivalent> = [
  {
    file: "packages/core/src/Deadlines.ts",
    code: "const smaller = (heap[right]?.due ?? Number.POSITIVE_INFINITY) < (heap[left]?.due ?? 0) ? right : left",
    operator: "boundary",
    from: "(heap[right]?.due ?? Number.POSITIVE_INFINITY) < (heap[left]?.due ?? 0)",
    to: "… <= …",
    reason: "of two that are due together either may rise"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "empty = 0",
    operator: "number",
    from: "0",
    to: "1",
    reason: "empty queues are cleared away one earlier: how many may be left is said with `about`"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "for (let i = (kept.length >> 1) - 1; i >= 0; i--) this.sink(i)",
    operator: "number",
    from: "1",
    to: "0",
    reason: "starts with more of the heap than needed: what has nothing below it does not sink"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "for (let i = index; i > 0;) {",
    operator: "boundary",
    from: "i > 0",
    to: "… >= …",
    reason: "above the top there is nothing: the swap is refused and the loop ends"
  },
  {
    file: "packages/core/src/internal/defects.ts",
    code: "if (!(thrown instanceof Error)) return String(thrown)",
    operator: "condition false",
    from: "!(thrown instanceof Error)",
    to: "false",
    reason: "what is no error has no stack: no line of it begins with `at`, and it is shown as it is"
  },
  {
    file: "packages/core/src/internal/keepalive.ts",
    code: "if (!this.isSuspect) {",
    operator: "condition true",
    from: "!this.isSuspect",
    to: "true",
    reason: "a health that is told again is no change, and is ignored"
  },
  {
    file: "packages/core/src/internal/line.ts",
    code: "else if (item.rank === rank) return",
    operator: "condition false",
    from: "item.rank === rank",
    to: "false",
    reason: "an item of the same rank settles where it is"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "const connection = sole === undefined ? this.choose(entry) : isFree(sole, entry) ? sole : undefined",
    operator: "condition true",
    from: "sole === undefined",
    to: "true",
    reason: "the short cut for one connection: the long way finds the same"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "entry.cleanup?.cancel()",
    operator: "statement removed",
    from: "entry.cleanup?.cancel()",
    to: "nothing",
    reason: "the timer finds a key that is forgotten already, and does nothing"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)",
    operator: "boundary",
    from: "entry.warm > 0",
    to: "… >= …",
    reason: "a key that wants nothing makes no claim"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)",
    operator: "condition true",
    from: "entry.waiters.size > 0 || entry.warm > 0",
    to: "true",
    reason: "a key that wants nothing makes no claim"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (this.leakWarningThreshold !== Number.POSITIVE_INFINITY) this.watchLease(borrow, connection)",
    operator: "condition true",
    from: "this.leakWarningThreshold !== Number.POSITIVE_INFINITY",
    to: "true",
    reason: "a deadline after an infinite time never comes"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (waiting === undefined) return",
    operator: "condition false",
    from: "waiting === undefined",
    to: "false",
    reason: "for the compiler: a caller that does not wait is not among those who do"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "tickets = 0",
    operator: "number",
    from: "0",
    to: "1",
    reason: "only the order of the numbers counts"
  }
]
