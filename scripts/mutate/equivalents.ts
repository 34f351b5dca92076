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

export const equivalents: ReadonlyArray<Equivalent> = []
